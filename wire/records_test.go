package wire_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"understudy/site"
	"understudy/wire"
)

func contained(sequence uint64) wire.ContainedRecord {
	return wire.ContainedRecord{Origin: "cc01.example.test", Journal: "j1", Sequence: sequence}
}

// NEW-04: the header lists the last contained record of each journal, and its
// reader has them.
func TestContainedRecordsTravel(t *testing.T) {
	var b bytes.Buffer
	if err := wire.WriteConfig(&b, smallSite(), site.Version{History: "h", Number: 1}, contained(7)); err != nil {
		t.Fatal(err)
	}
	_, header, err := wire.ReadConfig(&b)
	if err != nil || !slices.Equal(header.Records, []wire.ContainedRecord{contained(7)}) {
		t.Errorf("%+v (%v), want the contained record", header.Records, err)
	}
}

// NEW-04: a record without a name cannot be kept, so the batch is refused; batches
// are bounded.
func TestRecordBatchIsValidated(t *testing.T) {
	good := wire.OutageRecord{Origin: "cc01.example.test", Journal: "j1", Sequence: 1}
	change := func(f func(*wire.OutageRecord)) wire.RecordBatch {
		r := good
		f(&r)
		return wire.RecordBatch{Records: []wire.OutageRecord{good, r}}
	}
	cases := map[string]struct {
		batch wire.RecordBatch
		want  string
	}{
		"good":        {change(func(*wire.OutageRecord) {}), ""},
		"no origin":   {change(func(r *wire.OutageRecord) { r.Origin = "" }), "records[1].origin"},
		"no journal":  {change(func(r *wire.OutageRecord) { r.Journal = "" }), "records[1].journal"},
		"long":        {change(func(r *wire.OutageRecord) { r.Journal = strings.Repeat("j", 200) }), "records[1].journal"},
		"no sequence": {change(func(r *wire.OutageRecord) { r.Sequence = 0 }), "records[1].sequence"},
		"pruned":      {wire.RecordBatch{Pruned: []wire.ContainedRecord{{}}}, "pruned[0].origin"},
		"too many":    {wire.RecordBatch{Records: make([]wire.OutageRecord, wire.MaxRecords+1)}, "at most"},
	}
	for name, c := range cases {
		err := c.batch.Validate()
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}
