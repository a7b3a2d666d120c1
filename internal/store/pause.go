package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"leadrelay/internal/access"
	"leadrelay/internal/lead"
)

// Pause writes down that a person pauses the sites. A site that is paused already goes
// on being paused since it was, until the new end and for the new reason.
func (s *Store) Pause(ctx context.Context, sites []string, p lead.Pause) error {
	err := s.writer.do(ctx, func(tx *writeTx) error {
		for _, site := range sites {
			_, err := tx.Exec(`INSERT INTO pauses (site, begun_at, ends_at, why) VALUES ($1, $2, $3, $4)
				ON CONFLICT (site) DO UPDATE SET ends_at = excluded.ends_at, why = excluded.why,
				begun_at = CASE WHEN pauses.ends_at > excluded.begun_at THEN pauses.begun_at ELSE excluded.begun_at END`,
				site, p.Since.UnixMilli(), p.Until.UnixMilli(), p.Why)
			if err != nil {
				return err
			}
		}
		return tx.note(ctx, access.Entry{What: access.DidPause, Sites: sites})
	})
	if err != nil {
		return fmt.Errorf("pause: %w", err)
	}
	return nil
}

// Resume ends the pauses of the sites that are not over yet.
func (s *Store) Resume(ctx context.Context, sites []string, now time.Time) error {
	err := s.writer.do(ctx, func(tx *writeTx) error {
		for _, site := range sites {
			if _, err := tx.Exec(`UPDATE pauses SET ends_at = $1 WHERE site = $2 AND ends_at > $1`, now.UnixMilli(), site); err != nil {
				return err
			}
		}
		return tx.note(ctx, access.Entry{What: access.DidResume, Sites: sites})
	})
	if err != nil {
		return fmt.Errorf("resume: %w", err)
	}
	return nil
}

// Pauses returns the last pause of each site that a person has ever paused.
func (s *Store) Pauses(ctx context.Context) ([]lead.Pause, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT site, begun_at, ends_at, why FROM pauses ORDER BY site`)
	if err != nil {
		return nil, fmt.Errorf("pauses: %w", err)
	}
	return collect(rows, func(row scanner) (p lead.Pause, err error) {
		var since, until sql.NullInt64
		err = row.Scan(&p.Site, &since, &until, &p.Why)
		p.Since, p.Until = fromMillis(since), fromMillis(until)
		return p, err
	})
}
