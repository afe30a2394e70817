package console

import (
	"net/http"
	"strconv"

	"understudy/wire"
)

// DefaultPeakDays is how many days of peaks are shown unless told otherwise.
const DefaultPeakDays = 30

// peaks answers ?days=N with the most sessions at a time on each of the latest days.
func (c *Console) peaks(w http.ResponseWriter, r *http.Request) {
	days := DefaultPeakDays
	for key, values := range r.URL.Query() {
		if key != "days" {
			wire.WriteError(w, badQuery("there is no parameter %q", key))
			return
		}
		var err error
		if days, err = strconv.Atoi(values[0]); err != nil || days < 1 || days > wire.MaxPeakDays {
			wire.WriteError(w, badQuery("days=%q is not within 1 to %d", values[0], wire.MaxPeakDays))
			return
		}
	}
	found, err := c.o.SessionPeaks(r.Context(), days)
	if err != nil {
		wire.WriteError(w, err)
		return
	}
	found.Items = kept(found.Items, func(p wire.SessionPeak) bool { return c.shown(whoOf(r), p.Group, "") })
	wire.WriteJSON(w, http.StatusOK, found)
}
