package localdb

import (
	"sync"
)

// together runs all at once and returns their errors in the order of the list, so
// that a fault is told the same way each time.
func together(all ...func() error) error {
	errs := make([]error, len(all))
	var group sync.WaitGroup
	for i, f := range all {
		group.Go(func() { errs[i] = f() })
	}
	group.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
