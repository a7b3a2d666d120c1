package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"leadrelay/internal/access"
	"leadrelay/internal/lead"
)

// keptAlerts is for how long an alert is kept after it was closed.
const keptAlerts = 24 * time.Hour

const (
	alertTurnSQL = `UPDATE alert_turn SET holder = $1, until = ` + clockSQL + ` + $2 WHERE holder = $1 OR until < ` + clockSQL

	// seenSQL is true of a lead that a person has looked at, for what stands at %s.
	seenSQL = `EXISTS (SELECT 1 FROM seen_leads AS s WHERE s.remote_id = leads.remote_id AND s.what = %s AND (s.what <> ` + sqlFailed + ` OR s.fence = leads.fence))`

	// stuckSitesSQL finds the sites with leads that wait, in counts that are kept.
	stuckSitesSQL = `SELECT site, what FROM %s WHERE hour = -1 AND what IN ('waiting', ` + sqlDoubtful + `, ` + sqlFailed + `)
		GROUP BY site, what HAVING sum(leads) > 0 ORDER BY site, what`

	// Of a range it expects few leads, which keeps PostgreSQL with the index and its order
	// while it knows nothing of the table; it would sort all that wait.
	waitingSQL = `SELECT remote_id, COALESCE(queued_at, received_at) FROM leads WHERE site = $1 AND state = $2
		AND due_at BETWEEN 0 AND $5 AND COALESCE(queued_at, received_at) <= $3 ORDER BY due_at LIMIT $4`

	// A doubt begins with the attempt that may have been taken.
	inDoubtSQL = `SELECT remote_id, begun_at FROM (SELECT remote_id,
			COALESCE((SELECT max(begun_at) FROM attempts WHERE attempts.remote_id = leads.remote_id), received_at) AS begun_at
		FROM leads WHERE site = $1 AND state = $2 AND due_at BETWEEN 0 AND $5 ORDER BY due_at LIMIT $4) AS doubts WHERE begun_at <= $3`
)

var (
	failedSQL = `SELECT remote_id, received_at FROM leads WHERE site = $1 AND state = ` + sqlFailed + ` AND due_at IS NULL
		AND NOT ` + fmt.Sprintf(seenSQL, sqlFailed) + ` ORDER BY remote_id LIMIT $2`
	oddSQL = `SELECT remote_id, received_at, site, reason FROM leads WHERE reason IN ('missing', 'twice')
		AND NOT ` + fmt.Sprintf(seenSQL, "leads.reason") + ` LIMIT $1`
)

// TakeAlertTurn reports whether this process tells people of trouble, and no other that
// shares the database. A holder that does not ask for the length of its turn loses it.
func (s *Store) TakeAlertTurn(ctx context.Context, holder string, length time.Duration) (isMine bool, err error) {
	if !s.IsShared() {
		return true, nil
	}
	if isMine, err = s.change(ctx, alertTurnSQL, holder, length.Milliseconds()); err != nil {
		return false, fmt.Errorf("alert turn: %w", err)
	}
	return isMine, nil
}

// Alerts returns all alerts that are open, or were closed less than a day ago.
func (s *Store) Alerts(ctx context.Context) ([]lead.Alert, error) {
	rows, err := s.people.QueryContext(ctx, `SELECT body FROM alerts ORDER BY id`)
	if err != nil {
		return nil, fmt.Errorf("alerts: %w", err)
	}
	return collect(rows, func(row scanner) (a lead.Alert, err error) {
		var body []byte
		if err := row.Scan(&body); err != nil {
			return a, err
		}
		return a, json.Unmarshal(body, &a)
	})
}

// SaveAlerts writes alerts down, and forgets those that were closed long ago. The error
// wraps [lead.ErrLost] if another process has the turn.
func (s *Store) SaveAlerts(ctx context.Context, holder string, all []lead.Alert) error {
	err := s.writer.do(ctx, func(tx *writeTx) error {
		if s.IsShared() {
			if err := checkFence(tx.Exec(`UPDATE alert_turn SET until = until WHERE holder = $1`, holder)); err != nil {
				return err
			}
		}
		for _, a := range all {
			body, err := json.Marshal(a)
			if err != nil {
				return err
			}
			_, err = tx.Exec(`INSERT INTO alerts (id, closed_at, body) VALUES ($1, $2, $3)
				ON CONFLICT (id) DO UPDATE SET closed_at = excluded.closed_at, body = excluded.body`, a.ID, millis(a.ClosedAt), string(body))
			if err != nil {
				return err
			}
		}
		now, err := tx.now()
		if err != nil {
			return err
		}
		_, err = tx.Exec(`DELETE FROM alerts WHERE closed_at < $1`, now.Add(-keptAlerts).UnixMilli())
		return err
	})
	if err != nil {
		return fmt.Errorf("save alerts: %w", err)
	}
	return nil
}

// Stuck returns the leads that wait for too long, or for a person, by kind and site. A
// lead that a person has looked at is none of them. It reads an index and few leads,
// unless many wait.
func (s *Store) Stuck(ctx context.Context, q lead.StuckQuery) ([]lead.Stuck, error) {
	rows, err := s.people.QueryContext(ctx, fmt.Sprintf(stuckSitesSQL, s.writer.dialect.stats))
	if err != nil {
		return nil, fmt.Errorf("stuck leads: %w", err)
	}
	found, err := collect(rows, func(row scanner) (found [2]string, err error) { return found, row.Scan(&found[0], &found[1]) })
	if err != nil {
		return nil, fmt.Errorf("stuck leads: %w", err)
	}
	var all []lead.Stuck
	for _, f := range found {
		some := lead.Stuck{Site: f[0]}
		switch f[1] {
		case "waiting":
			some.Kind = lead.AlertLate
			err = s.addStuck(ctx, &some, waitingSQL, some.Site, string(lead.Queued), q.Queued.UnixMilli(), lead.MaxStuck, maxMillis)
			if err == nil {
				err = s.addStuck(ctx, &some, waitingSQL, some.Site, string(lead.Sending), q.Queued.UnixMilli(), lead.MaxStuck, maxMillis)
			}
		case string(lead.Doubtful):
			some.Kind = lead.AlertDoubtful
			err = s.addStuck(ctx, &some, inDoubtSQL, some.Site, string(lead.Doubtful), q.Doubtful.UnixMilli(), lead.MaxStuck, maxMillis)
		case string(lead.Failed):
			some.Kind = lead.AlertFailed
			err = s.addStuck(ctx, &some, failedSQL, some.Site, lead.MaxStuck)
		}
		if err != nil {
			return nil, fmt.Errorf("stuck leads: %w", err)
		}
		if some.Leads > 0 {
			all = append(all, some)
		}
	}
	odd, err := s.oddBySite(ctx)
	if err != nil {
		return nil, fmt.Errorf("odd leads: %w", err)
	}
	return append(all, odd...), nil
}

func (s *Store) addStuck(ctx context.Context, to *lead.Stuck, query string, args ...any) error {
	rows, err := s.people.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	type one struct{ id, since int64 }
	for l, err := range each(rows, func(row scanner) (l one, err error) { return l, row.Scan(&l.id, &l.since) }) {
		if err != nil {
			return err
		}
		addTo(to, lead.RemoteID(l.id), time.UnixMilli(l.since).UTC())
	}
	return nil
}

// addTo counts a lead, and names it if it is one of the first that came.
func addTo(to *lead.Stuck, id lead.RemoteID, since time.Time) {
	to.Leads++
	if to.Since.IsZero() || since.Before(to.Since) {
		to.Since = since
	}
	if len(to.RemoteIDs) < lead.MaxAlertLeads {
		to.RemoteIDs = append(to.RemoteIDs, id)
	}
}

// oddBySite returns the leads that are missing from EasyBroker's list, or there twice.
func (s *Store) oddBySite(ctx context.Context) ([]lead.Stuck, error) {
	rows, err := s.people.QueryContext(ctx, oddSQL, lead.MaxStuck)
	if err != nil {
		return nil, err
	}
	type one struct {
		id, since    int64
		site, reason string
	}
	var all []lead.Stuck
	for l, err := range each(rows, func(row scanner) (l one, err error) { return l, row.Scan(&l.id, &l.since, &l.site, &l.reason) }) {
		if err != nil {
			return nil, err
		}
		kind := lead.AlertKind(l.reason)
		i := slices.IndexFunc(all, func(some lead.Stuck) bool { return some.Kind == kind && some.Site == l.site })
		if i < 0 {
			i, all = len(all), append(all, lead.Stuck{Kind: kind, Site: l.site})
		}
		addTo(&all[i], lead.RemoteID(l.id), time.UnixMilli(l.since).UTC())
	}
	return all, nil
}

// SeeLeads writes down that a person has looked at all leads of the sites that failed, are
// missing or are there twice now.
func (s *Store) SeeLeads(ctx context.Context, kind lead.AlertKind, sites []string) error {
	const see = `INSERT INTO seen_leads (remote_id, what, fence) SELECT remote_id, $1, fence FROM leads WHERE site = $2 AND `
	const again = ` ON CONFLICT (remote_id, what) DO UPDATE SET fence = excluded.fence`
	which := `reason = $1`
	if kind == lead.AlertFailed {
		which = `state = ` + sqlFailed + ` AND due_at IS NULL`
	}
	err := s.writer.do(ctx, func(tx *writeTx) error {
		for _, site := range sites {
			if _, err := tx.Exec(see+which+again, string(kind), site); err != nil {
				return err
			}
		}
		return tx.note(ctx, access.Entry{What: access.DidSee, Sites: sites, About: string(kind)})
	})
	if err != nil {
		return fmt.Errorf("see leads: %w", err)
	}
	return nil
}

// forgetSeenSQL finds leads that are not any more as they were when a person looked at
// them.
const forgetSeenSQL = `NOT EXISTS (SELECT 1 FROM leads WHERE leads.remote_id = seen_leads.remote_id AND
	(what = ` + sqlFailed + ` AND leads.state = ` + sqlFailed + ` AND leads.fence = seen_leads.fence OR leads.reason = what))`

// ForgetSeen forgets that a person has looked at leads which have changed since.
func (s *Store) ForgetSeen(ctx context.Context) error {
	var isDue bool // most often not, and then it must cost no commit
	err := s.read.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM seen_leads WHERE `+forgetSeenSQL+`)`).Scan(&isDue)
	if err == nil && isDue {
		err = s.writer.doLazily(ctx, func(tx *writeTx) error {
			_, err := tx.Exec(`DELETE FROM seen_leads WHERE ` + forgetSeenSQL)
			return err
		})
	}
	if err != nil {
		return fmt.Errorf("forget seen leads: %w", err)
	}
	return nil
}
