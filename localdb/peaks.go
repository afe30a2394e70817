package localdb

import (
	"context"
	"database/sql"
	"fmt"

	"understudy/broker"
	"understudy/wire"
)

// MaxPeakDays is of how many days the peaks are kept; the earliest go first.
const MaxPeakDays = wire.MaxPeakDays

// peaksCreates holds the most sessions at a time, by day and group; the site's has no
// group.
const peaksCreates = `
CREATE TABLE IF NOT EXISTS peaks (
	day           TEXT NOT NULL,
	session_group TEXT NOT NULL,
	sessions      INTEGER NOT NULL,
	PRIMARY KEY (day, session_group)
) WITHOUT ROWID;`

// SavePeaks makes peaks durable. A day's never goes down, also when its clock comes by
// again; days are counted and not compared with the clock, which may be wrong.
func (s *State) SavePeaks(ctx context.Context, peaks []broker.Peak) error {
	return s.write(ctx, "save the peaks", func(ctx context.Context, tx *sql.Tx) error {
		for _, p := range peaks {
			_, err := tx.ExecContext(ctx, `INSERT INTO peaks VALUES (?, ?, ?)
				ON CONFLICT DO UPDATE SET sessions = max(sessions, excluded.sessions)`, p.Day, p.Group, p.Sessions)
			if err != nil {
				return err
			}
		}
		_, err := tx.ExecContext(ctx, `DELETE FROM peaks WHERE day < (
			SELECT min(day) FROM (SELECT DISTINCT day FROM peaks ORDER BY day DESC LIMIT ?))`, MaxPeakDays)
		return err
	})
}

// Peaks returns those of the latest days, the latest first and the site's before its
// groups'.
func (s *State) Peaks(ctx context.Context, days int) ([]broker.Peak, error) {
	peaks, err := collect(ctx, s.reads, `
SELECT day, session_group, sessions FROM peaks
WHERE day IN (SELECT DISTINCT day FROM peaks ORDER BY day DESC LIMIT ?)
ORDER BY day DESC, session_group`,
		func(rows *sql.Rows, p *broker.Peak) error { return rows.Scan(&p.Day, &p.Group, &p.Sessions) }, days)
	if err != nil {
		return nil, fmt.Errorf("read the peaks: %w", err)
	}
	return peaks, nil
}
