package server

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"github.com/sirupsen/logrus"

	"understudy/broker"
	"understudy/events"
	"understudy/roles"
	"understudy/site"
	"understudy/wire"
)

// postRecords takes what a connector hands back after an outage (NEW-04).
func (s *Server) postRecords(w http.ResponseWriter, r *http.Request) {
	as, err := s.asks(r, r.Header.Get(wire.HeaderConnector))
	if err != nil {
		wire.WriteError(w, err)
		return
	}
	var batch wire.RecordBatch
	if err := wire.Read(w, r, wire.MaxBody, wire.Ignore, &batch); err != nil {
		wire.WriteError(w, err)
		return
	}
	answers, err := s.handBack(r.Context(), as.Zone, batch)
	if err != nil {
		s.event(events.DiskFailed, logrus.Fields{"reason": err.Error()})
		p := wire.NewProblem(http.StatusServiceUnavailable, wire.CodeDisk, "the cloud broker cannot take the records now")
		p.RetryAfter = retry
		wire.WriteError(w, p)
		return
	}
	wire.WriteJSON(w, http.StatusOK, wire.RecordAnswers{Records: answers})
}

// handBack judges records by the site as it is and while it stays so: no version
// is made meanwhile that would not know of them.
func (s *Server) handBack(ctx context.Context, zone string, batch wire.RecordBatch) ([]wire.RecordAnswer, error) {
	select {
	case s.sites.making <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-s.sites.making }()
	index := s.sites.Current().index
	answers, err := s.store.HandBack(context.WithoutCancel(ctx), batch, func(r wire.OutageRecord, owner string) (wire.RecordOutcome, string) {
		return judge(r, zone, index, owner)
	})
	if err != nil {
		return nil, err
	}
	s.engine.Apply(assignments(batch.Records, answers))
	s.tellRecords(batch.Records, answers)
	s.sites.handedBack()
	return answers, nil
}

// assignments are those that were applied, as the engine knows them.
func assignments(records []wire.OutageRecord, answers []wire.RecordAnswer) []broker.Record {
	var applied []broker.Record
	for i, r := range records {
		if broker.RecordKind(r.Kind) == broker.Assignment && answers[i].Outcome == wire.RecordApplied {
			applied = append(applied, broker.Record{Kind: broker.Assignment, Machine: r.Machine, User: r.User, Session: r.Session})
		}
	}
	return applied
}

// tellRecords tells of conflicts and rejections: of each batch the first, and how
// many more there are.
func (s *Server) tellRecords(records []wire.OutageRecord, answers []wire.RecordAnswer) {
	s.tellOutcome(wire.RecordConflict, events.RecordConflict, records, answers)
	s.tellOutcome(wire.RecordRejected, events.RecordRejected, records, answers)
}

func (s *Server) tellOutcome(outcome wire.RecordOutcome, name events.Name, records []wire.OutageRecord, answers []wire.RecordAnswer) {
	var of []int
	for i, a := range answers {
		if a.Outcome == outcome {
			of = append(of, i)
		}
	}
	if len(of) == 0 {
		return
	}
	r := records[of[0]]
	s.event(name, logrus.Fields{
		"reason": several(answers[of[0]].What, len(of)), "origin": r.Origin, "journal": r.Journal, "sequence": r.Sequence, "machine": r.Machine, "user": r.User,
	})
}

func several(what string, n int) string {
	if n == 1 {
		return what
	}
	return fmt.Sprintf("%s; and %d more", what, n-1)
}

// findTwice looks for users with two sessions at the same time, once a hand-back
// has come to rest.
func (s *Server) findTwice(ctx context.Context) error {
	records, err := s.store.HandedBack(ctx, broker.Launched, broker.LoggedOff)
	if err != nil {
		return err
	}
	heard, err := s.store.Ends(ctx)
	if err != nil {
		return err
	}
	added, err := s.store.AddFindings(ctx, twice(records, heard))
	for i, f := range added {
		if i < findingsTold {
			s.event(events.TwoSessions, logrus.Fields{"reason": f.What, "user": f.Record.User, "zone": f.Record.Zone})
		}
	}
	return err
}

// findingsTold bounds how many are told of at once; all of them are listed.
const findingsTold = 20

// getFindings lists what a person should look at, and how far the journals are.
func (s *Server) getFindings(w http.ResponseWriter, r *http.Request) {
	after, limit, err := page(r.URL.Query())
	if err != nil {
		wire.WriteError(w, err)
		return
	}
	list, err := s.store.Findings(r.Context(), after, limit)
	if err != nil {
		wire.WriteError(w, err)
		return
	}
	journals, err := s.store.Journals(r.Context())
	if err != nil {
		wire.WriteError(w, err)
		return
	}
	answer := wire.Findings{Items: list, Journals: journals}
	if len(list) == limit {
		answer.Next = list[limit-1].ID
	}
	answer.Items = s.seen(whoOf(r), list)
	wire.WriteJSON(w, http.StatusOK, answer)
}

// seen are the findings within the limits of an administrator: a page may have fewer.
func (s *Server) seen(who roles.Who, list []wire.Finding) []wire.Finding {
	if who.Unlimited() {
		return list
	}
	index, out := s.sites.Current().index, []wire.Finding{}
	for _, f := range list {
		zone, group := f.Record.Zone, f.Record.Group
		if m, ok := index.Machine(f.Record.Machine); ok {
			zone, group = m.Zone, m.Group
		}
		if ok, _ := roles.May(who, roles.SeeWhole, roles.Target{Zone: zone, Group: group}); ok {
			out = append(out, f)
		}
	}
	return out
}

// page reads ?after=ID&limit=N.
func page(values url.Values) (after int64, limit int, err error) {
	limit = wire.MaxRecords
	if text := values.Get("after"); text != "" {
		if after, err = strconv.ParseInt(text, 10, 64); err != nil || after < 0 {
			return 0, 0, wire.Problemf(http.StatusBadRequest, wire.CodeBadRequest, "after=%q is no id", text)
		}
	}
	if text := values.Get("limit"); text != "" {
		if limit, err = strconv.Atoi(text); err != nil || limit < 1 || limit > wire.MaxRecords {
			return 0, 0, wire.Problemf(http.StatusBadRequest, wire.CodeBadRequest, "limit=%q is not within 1 to %d", text, wire.MaxRecords)
		}
	}
	return after, limit, nil
}

// HandedBack returns the records that connectors have handed back, for who runs
// the cloud broker in its own process and checks it.
func (s *Server) HandedBack(ctx context.Context) ([]wire.OutageRecord, error) {
	return s.store.HandedBack(ctx)
}

// History counts what outages have left in the history, by kind, machine, user,
// session and time, for the same.
func (s *Server) History(ctx context.Context) (map[wire.OutageRecord]int, error) {
	return s.store.OutageHistory(ctx)
}

// Sessions are those that the cloud broker knows of, for the same.
func (s *Server) Sessions() []broker.SessionInfo { return s.engine.Sessions() }

// Site is the site as it is published, for the same.
func (s *Server) Site() *site.Site { return s.sites.Current().index.Site() }

// Findings returns the first findings, for the same.
func (s *Server) Findings(ctx context.Context) ([]wire.Finding, error) {
	return s.store.Findings(ctx, 0, keepRecords)
}
