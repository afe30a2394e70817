package console

import (
	"net/http"
	"strconv"

	"understudy/wire"
)

// journal answers ?after=SEQUENCE&limit=N with a page of the journal.
func (c *Console) journal(w http.ResponseWriter, r *http.Request) {
	after, limit := uint64(0), DefaultLimit
	for key, values := range r.URL.Query() {
		var bad error
		switch key {
		case "after":
			after, bad = strconv.ParseUint(values[0], 10, 63)
		case "limit":
			limit, bad = strconv.Atoi(values[0])
		default:
			wire.WriteError(w, badQuery("there is no parameter %q", key))
			return
		}
		if bad != nil {
			wire.WriteError(w, badQuery("%s=%q is not understood", key, values[0]))
			return
		}
	}
	if limit < 1 || limit > MaxLimit {
		wire.WriteError(w, badQuery("limit %d is not within 1 to %d", limit, MaxLimit))
		return
	}
	page, err := c.o.Journal(r.Context(), after, limit)
	if err != nil {
		wire.WriteError(w, err)
		return
	}
	page.Items = kept(page.Items, func(i wire.JournalItem) bool { return c.shown(whoOf(r), i.Group, string(i.Machine)) })
	wire.WriteJSON(w, http.StatusOK, page)
}
