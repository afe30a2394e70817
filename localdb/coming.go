package localdb

import (
	"sync"

	"understudy/site"
)

// coming is a site while it is read. Its lists only grow, so that what has come can be
// written while more comes.
type coming struct {
	counts map[string]int // that will come
	news   sync.Cond      // something of what follows changed, which its lock guards
	site   site.Site
	ended  bool
	err    error
}

func newComing(counts map[string]int) *coming {
	return &coming{counts: counts, news: sync.Cond{L: &sync.Mutex{}}}
}

// arrived is a site that is there already.
func arrived(s *site.Site) *coming {
	c := newComing(nil)
	c.end(s, nil)
	return c
}

// show tells what has come.
func (c *coming) show(s *site.Site) {
	c.news.L.Lock()
	defer c.news.L.Unlock()
	c.site = *s
	c.news.Broadcast()
}

// end tells that nothing more comes.
func (c *coming) end(s *site.Site, err error) {
	c.news.L.Lock()
	defer c.news.L.Unlock()
	if c.ended, c.err = true, err; err == nil {
		c.site = *s
	}
	c.news.Broadcast()
}

// wait returns the site as far as it has come when that is enough, or all.
func (c *coming) wait(enough func(*site.Site) bool) (site.Site, error) {
	c.news.L.Lock()
	defer c.news.L.Unlock()
	for !c.ended && !enough(&c.site) {
		c.news.Wait()
	}
	return c.site, c.err
}
