package console

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"understudy/events"
	"understudy/roles"
	"understudy/wire"
)

// Bounds of one page of events.
const (
	DefaultLimit = 100
	MaxLimit     = 1000
)

// Query asks for events in order: the first ones after an id, or the newest.
type Query struct {
	After  int64
	Limit  int
	Newest bool
	// Names are the kinds of events; empty means all.
	Names []events.Name
}

func (c *Console) events(w http.ResponseWriter, r *http.Request) {
	query, follow, err := parse(r.URL.Query())
	if err != nil {
		wire.WriteError(w, err)
		return
	}
	page, err := c.o.Events(r.Context(), query)
	if err != nil {
		wire.WriteError(w, err)
		return
	}
	if follow {
		c.follow(w, r, query, page)
		return
	}
	wire.WriteJSON(w, http.StatusOK, wire.List[events.Entry]{Items: notNil(c.cutEvents(whoOf(r), page))})
}

// parse reads ?after=ID&limit=N&follow=BOOL&kind=NAME,NAME; without after it means the
// latest.
func parse(values url.Values) (q Query, follow bool, err error) {
	q = Query{Limit: DefaultLimit, Newest: !values.Has("after")}
	for key := range values {
		text := values.Get(key)
		var bad error
		switch key {
		case "after":
			q.After, bad = strconv.ParseInt(text, 10, 64)
		case "limit":
			q.Limit, bad = strconv.Atoi(text)
		case "follow":
			follow, bad = strconv.ParseBool(text)
		case "kind":
			q.Names, bad = kinds(text)
		default:
			return q, false, badQuery("there is no parameter %q", key)
		}
		if bad != nil {
			return q, false, badQuery("%s=%q is not understood", key, text)
		}
	}
	if q.After < 0 {
		return q, false, badQuery("after=%d is no id", q.After)
	}
	if q.Limit < 1 || q.Limit > MaxLimit {
		return q, false, badQuery("limit %d is not within 1 to %d", q.Limit, MaxLimit)
	}
	return q, follow, nil
}

// kinds reads the names of kinds of events, with commas between them.
func kinds(text string) ([]events.Name, error) {
	var names []events.Name
	for name := range strings.SplitSeq(text, ",") {
		if !slices.ContainsFunc(events.Catalogue(), func(k events.Kind) bool { return string(k.Name) == name }) {
			return nil, fmt.Errorf("there is no kind of event %q", name)
		}
		names = append(names, events.Name(name))
	}
	return names, nil
}

func badQuery(format string, args ...any) error {
	return wire.Problemf(http.StatusBadRequest, wire.CodeBadRequest, format, args...)
}

// follow writes one event a line, first the page, then each new one as it comes.
func (c *Console) follow(w http.ResponseWriter, r *http.Request, q Query, page []events.Entry) {
	w.Header().Set("Content-Type", "application/x-ndjson")
	flush := http.NewResponseController(w).Flush
	for {
		who, known := c.still(r)
		if !known {
			return
		}
		if err := writeLines(w, c.cutEvents(who, page)); err != nil || flush() != nil {
			return
		}
		q = Query{After: lastOf(page, q.After), Limit: MaxLimit, Names: q.Names}
		var err error
		if page, err = c.newer(r.Context(), q); err != nil {
			return
		}
	}
}

// still is who follows, as of now: an account may have been taken away or limited since
// the request came.
func (c *Console) still(r *http.Request) (roles.Who, bool) {
	who, known := c.who(r)
	may, _ := roles.May(who, roles.See, roles.Target{Zone: c.o.Zone})
	return who, known && may
}

// newer waits until there are events after the query's.
func (c *Console) newer(ctx context.Context, q Query) ([]events.Entry, error) {
	tick := time.NewTicker(c.o.Poll)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-tick.C:
		}
		page, err := c.o.Events(ctx, q)
		if err != nil || len(page) > 0 {
			return page, err
		}
	}
}

func writeLines(w io.Writer, page []events.Entry) error {
	out := json.NewEncoder(w)
	for _, e := range page {
		if err := out.Encode(e); err != nil {
			return err
		}
	}
	return nil
}

// lastOf is the id to go on after.
func lastOf(page []events.Entry, last int64) int64 {
	for _, e := range page {
		last = max(last, e.ID)
	}
	return last
}

func notNil[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}
