package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"time"
)

// HeldBack is the oldest transaction of another program's session that may still look
// at what has changed since it began. PostgreSQL cleans up nothing of that, so tables
// and indexes grow. The zero HeldBack says that there is none.
type HeldBack struct {
	Process     int    // of the server; zero for a prepared transaction
	Application string // as the session calls itself; empty if it does not
	State       string // what its session does; empty if we may not know
	Since       time.Time
}

// heldBackSQL finds the session by what it holds back, which everybody may see. When
// its transaction began, only its own role may, and who has pg_monitor: a session of
// another role has no time. So has a standby that asks for the past. The server's own processes have no user.
const heldBackSQL = `SELECT pid, holds, application_name, state, since FROM (
		SELECT pid, COALESCE(application_name, '') AS application_name, COALESCE(state, '') AS state, xact_start AS since,
			CASE WHEN age(backend_xid) > age(COALESCE(backend_xmin, backend_xid)) THEN backend_xid ELSE COALESCE(backend_xmin, backend_xid) END AS holds
		FROM pg_stat_activity
		WHERE (datname = current_database() OR datname IS NULL) AND usesysid IS NOT NULL
			AND application_name IS DISTINCT FROM current_setting('application_name')
		UNION ALL SELECT 0, '', 'prepared transaction', prepared, transaction FROM pg_prepared_xacts WHERE database = current_database()
	) AS held WHERE holds IS NOT NULL ORDER BY age(holds) DESC LIMIT 1`

// watched remembers since when the transaction has been the oldest.
type watched struct {
	mu    sync.Mutex
	who   int
	holds string
	since time.Time
}

// HeldBack returns who holds back the database's cleaning up. If we may not see when
// that transaction began, it counts from when it was first seen.
func (s *Store) HeldBack(ctx context.Context) (h HeldBack, err error) {
	if !s.IsShared() {
		return h, nil
	}
	var holds string
	var began sql.NullTime
	err = s.read.QueryRowContext(ctx, heldBackSQL).Scan(&h.Process, &holds, &h.Application, &h.State, &began)
	s.held.mu.Lock()
	defer s.held.mu.Unlock()
	switch {
	case errors.Is(err, sql.ErrNoRows):
		s.held.holds = ""
		return HeldBack{}, nil
	case err != nil:
		return HeldBack{}, fmt.Errorf("who holds back: %w", err)
	}
	if s.held.who != h.Process || s.held.holds != holds {
		s.held.who, s.held.holds, s.held.since = h.Process, holds, time.Now()
	}
	if h.Since = s.held.since; began.Valid {
		h.Since = began.Time
	}
	return h, nil
}

// HeldBackFor returns for how long cleaning up has been held back, or zero.
func (s *Store) HeldBackFor(ctx context.Context) (time.Duration, error) {
	h, err := s.HeldBack(ctx)
	if err != nil || h.Since.IsZero() {
		return 0, err
	}
	return time.Since(h.Since), nil
}
