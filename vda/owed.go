package vda

import (
	"sync"

	"understudy/broker"
)

// owed are the records of owners and used marks that the disk did not take. The
// engine has them as told and makes them only once; a host that repeats its request
// would be answered without them.
type owed struct {
	mu      sync.Mutex // guards records
	records []broker.Record
}

func (o *owed) take() []broker.Record {
	o.mu.Lock()
	defer o.mu.Unlock()
	records := o.records
	o.records = nil
	return records
}

// add keeps what no repetition of a request brings again, before what came since.
func (o *owed) add(records []broker.Record) {
	o.mu.Lock()
	defer o.mu.Unlock()
	var kept []broker.Record
	for _, r := range records {
		if r.Kind == broker.Assignment || r.Kind == broker.UsedMark {
			kept = append(kept, r)
		}
	}
	o.records = append(kept, o.records...)
}
