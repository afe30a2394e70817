package wire

import (
	"context"
	"errors"
	"io"

	"understudy/site"
)

// linesBetweenLooks is how many objects are read before the context is looked at.
const linesBetweenLooks = 4096

// ReadSite reads and verifies the whole site. The reader is of no more use then. Now and
// then it shows what it has read so far, in lists that only grow.
func (c *ConfigReader) ReadSite(ctx context.Context, show func(*site.Site)) (*site.Site, error) {
	s := c.header.Bare()
	s.Machines = Room[site.Machine](c.header, "machines")
	s.Users = Room[site.User](c.header, "users")
	s.Entitlements = Room[site.Entitlement](c.header, "entitlements")
	c.quick.reuse = true // each object is copied at once
	if c.content != nil {
		c.content.hashBeside()
		defer c.content.stop()
	}
	for {
		if c.objects%linesBetweenLooks == 0 {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			show(s)
		}
		o, err := c.Next()
		if errors.Is(err, io.EOF) {
			c.content, c.quick = nil, nil // they can be larger than the site
			return s, nil
		}
		if err != nil {
			return nil, err
		}
		o.AddTo(s)
	}
}
