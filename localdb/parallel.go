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

// names lets equal texts share their memory: most of a site's are names of few
// groups, zones and applications.
type names map[string]string

func (n names) one(text *string) {
	if known, ok := n[*text]; ok {
		*text = known
		return
	}
	n[*text] = *text
}
