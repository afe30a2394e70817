package wire

import (
	"context"
	"errors"
	"io"

	"understudy/site"
)

// ReadSite reads and verifies the whole site.
func (c *ConfigReader) ReadSite(ctx context.Context) (*site.Site, error) {
	s := c.header.Bare()
	for {
		o, err := c.Next()
		if errors.Is(err, io.EOF) {
			return s, ctx.Err()
		}
		if err != nil {
			return nil, err
		}
		o.AddTo(s)
	}
}
