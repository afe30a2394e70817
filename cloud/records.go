package cloud

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"understudy/wire"
)

// HandBack gives a batch of records back. Each is answered, in order; an answer
// that does not fit the batch is an error, because what it says of a record cannot
// be believed.
func (c *Client) HandBack(ctx context.Context, batch wire.RecordBatch) ([]wire.RecordAnswer, error) {
	body, err := json.Marshal(batch)
	if err != nil {
		return nil, fmt.Errorf("hand back records: %w", err)
	}
	var answers wire.RecordAnswers
	header := http.Header{"Content-Type": {"application/json"}}
	if err := c.ask(ctx, http.MethodPost, c.sitePath()+"/records", header, body, &answers); err != nil {
		return nil, fmt.Errorf("hand back records: %w", err)
	}
	if err := fits(batch, answers); err != nil {
		return nil, fmt.Errorf("hand back records: %w", err)
	}
	return answers.Records, nil
}

func fits(batch wire.RecordBatch, answers wire.RecordAnswers) error {
	if got, want := len(answers.Records), len(batch.Records); got != want {
		return fmt.Errorf("%d records are answered, %d were handed back", got, want)
	}
	for i, a := range answers.Records {
		r := batch.Records[i]
		if a.Journal != r.Journal || a.Sequence != r.Sequence {
			return fmt.Errorf("record %d is answered where %d was handed back", a.Sequence, r.Sequence)
		}
		switch a.Outcome {
		case wire.RecordApplied, wire.RecordDuplicate, wire.RecordConflict, wire.RecordRejected:
		default:
			return fmt.Errorf("the outcome %q of record %d is none", wire.Clip(string(a.Outcome)), a.Sequence)
		}
	}
	return nil
}

// Findings returns a page of what a person should look at after an outage.
func (c *Client) Findings(ctx context.Context, after int64, limit int) (wire.Findings, error) {
	var f wire.Findings
	query := url.Values{"after": {strconv.FormatInt(after, 10)}, "limit": {strconv.Itoa(limit)}}
	if err := c.ask(ctx, http.MethodGet, c.sitePath()+"/findings?"+query.Encode(), nil, nil, &f); err != nil {
		return f, fmt.Errorf("list the findings: %w", err)
	}
	return f, nil
}
