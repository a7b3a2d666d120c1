// Package stock makes databases of any size for measurements, and takes leads
// through them. Only benchmarks use it.
package stock

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"time"

	"leadrelay/internal/lead"
	"leadrelay/internal/store"
)

// Site is whose leads these are.
const Site = "default"

// age is how long ago the first lead came, so that all of them have come by
// now.
const age = 2 * time.Hour

// Draft is a lead as a visitor would send it.
func Draft(now time.Time) (lead.Lead, error) {
	return lead.New(lead.Inquiry{
		Site: Site, PropertyID: "EB-XX1234", Name: "María José Ñandú", Email: "mj@ejemplo.mx", Phone: "55 1234 5678",
		Message: "¿Sigue disponible? Me gustaría visitarla el sábado por la mañana, si es posible.",
		Context: map[string]string{"page_url": "https://casas.mx/propiedades/EB-XX1234"},
	}, "casas.mx", lead.DefaultRules(), now)
}

// Fill makes a database of so many leads, of which the first few are due and
// all others are delivered. The first goes the usual way; the others are its
// clones, for a million would take minutes otherwise.
func Fill(ctx context.Context, path string, total, due int) error {
	if err := keepOne(ctx, path); err != nil {
		return err
	}
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=journal_mode(OFF)&_pragma=synchronous(OFF)")
	if err != nil {
		return err
	}
	if _, err := db.ExecContext(ctx, cloneSQL, total-1, due); err != nil {
		return errors.Join(fmt.Errorf("fill %s: %w", path, err), db.Close())
	}
	if err := db.Close(); err != nil {
		return err
	}
	return flush(path)
}

func keepOne(ctx context.Context, path string) error {
	s, err := store.Open(ctx, path)
	if err != nil {
		return err
	}
	l, err := Draft(time.Now().Add(-age))
	if err == nil {
		_, err = s.Keep(ctx, lead.Submission{Lead: l, Tick: lead.Milliseconds})
	}
	return errors.Join(err, s.Close())
}

const cloneSQL = `
	INSERT INTO leads (remote_id, site, state, property_id, body, received_at, due_at, delivered_at)
	WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1)
	SELECT remote_id + i, site, CASE WHEN i < $2 THEN 'queued' ELSE 'delivered' END, property_id, body, received_at + i,
		CASE WHEN i < $2 THEN received_at + i END, CASE WHEN i >= $2 THEN received_at + i END
	FROM n, (SELECT * FROM leads LIMIT 1);
	UPDATE leads SET state = 'delivered', due_at = NULL, delivered_at = received_at
		WHERE $2 = 0 AND due_at IS NOT NULL;
	UPDATE remote_ids SET last = (SELECT max(remote_id) FROM leads) WHERE tick = 'ms'`

// flush waits until the file is on disk, so that its writing disturbs no
// measurement.
func flush(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// Keep keeps one more lead.
func Keep(ctx context.Context, s *store.Store) error {
	l, err := Draft(time.Now())
	if err != nil {
		return err
	}
	_, err = s.Keep(ctx, lead.Submission{Lead: l, Tick: lead.Milliseconds})
	return err
}

// Carry takes the lead that is due longest, of all or of those that have come due since
// a time, through a claim, an attempt and a settlement. It then waits for its turn behind
// all others, so that as many are due as before.
func Carry(ctx context.Context, s *store.Store, since time.Time) error {
	now := time.Now()
	sent := func(l *lead.Lead) lead.Fingerprint { return lead.NewFingerprint(l.Email, l.Message) }
	claims, _, err := s.Begin(ctx, Site, lead.Due{Now: now, Since: since, N: 1, Lease: time.Minute, Fingerprint: sent})
	if err != nil {
		return err
	}
	if len(claims) != 1 {
		return errors.New("no lead is due")
	}
	return s.Settle(ctx, claims[0], lead.Settlement{
		State: lead.Queued, At: now, DueAt: now, Tries: claims[0].Tries + 1,
		Attempt: &lead.Attempt{Number: claims[0].Number, EndedAt: now, Outcome: lead.OutcomeDeferred, Status: 429},
	})
}
