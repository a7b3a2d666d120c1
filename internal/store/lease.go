package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"leadrelay/internal/lead"
)

// Decision 21 has the arithmetic of a lease. All times are the database's, and they
// are read after the process has asked. So a lease ends there no sooner than its
// holder believes, who counts from before it asked. A file has no table of leases, unless
// a test adds one: in virtual time several couriers share a file instead of a server.

const (
	theTime  = `{now}` // stands for what the dialect says
	leaseRow = `, state, ` + theTime + `, wanted, lent`

	seeLeaseSQL = `SELECT holder = $2 OR until <= ` + theTime + leaseRow + ` FROM leases WHERE credential = $1`

	acquireLeaseSQL = `INSERT INTO leases AS held (credential, holder, until, state) VALUES ($1, $2, ` + theTime + ` + $3, '')
		ON CONFLICT (credential) DO UPDATE SET holder = excluded.holder, until = excluded.until
			WHERE held.holder = excluded.holder OR held.until <= ` + theTime + `
		RETURNING TRUE` + leaseRow

	renewLeaseSQL = `UPDATE leases SET until = ` + theTime + ` + $3, state = $4, lent = $5 WHERE credential = $1 AND holder = $2
		RETURNING TRUE` + leaseRow
)

// IsShared reports whether other processes may use the database, too.
func (s *Store) IsShared() bool { return s.writer.dialect.isShared }

// AcquireLease takes the lease if nobody else holds it. Who only asks writes
// nothing. These statements do not wait for the writer, because a lease that comes
// late is lost.
func (s *Store) AcquireLease(ctx context.Context, r lead.LeaseRequest) (lead.Lease, error) {
	seen, err := scanLease(s.writer.db.QueryRowContext(ctx, s.timely(seeLeaseSQL), r.Credential, r.Holder))
	if err != nil || !seen.IsHeld && !seen.Now.IsZero() {
		return seen, err
	}
	got, err := s.lease(ctx, acquireLeaseSQL, r.Credential, r.Holder, r.Length.Milliseconds())
	if err == nil && got.Now.IsZero() { // another process was faster
		got, got.IsHeld = seen, false
	}
	return got, err
}

// RenewLease prolongs the lease and writes down its state, unless another process
// has the lease. If no length is asked for, another process can have it at once.
func (s *Store) RenewLease(ctx context.Context, r lead.LeaseRequest) (lead.Lease, error) {
	return s.lease(ctx, renewLeaseSQL, r.Credential, r.Holder, r.Length.Milliseconds(), r.State, r.Lent)
}

// WantCalls asks the holder for so many calls of the credential. They may be made
// when as many are lent as the count that it returns.
func (s *Store) WantCalls(ctx context.Context, credential string, calls int64) (count int64, err error) {
	err = s.write(ctx, func(tx *sql.Tx) error {
		return tx.QueryRowContext(ctx, `UPDATE leases SET wanted = wanted + $2 WHERE credential = $1 RETURNING wanted`, credential, calls).Scan(&count)
	})
	if err != nil {
		return 0, fmt.Errorf("want calls: %w", err)
	}
	return count, nil
}

// lease runs a statement that writes a lease and returns it. If it returns none, the
// lease is zero.
func (s *Store) lease(ctx context.Context, statement string, args ...any) (l lead.Lease, err error) {
	err = s.write(ctx, func(tx *sql.Tx) (err error) {
		l, err = scanLease(tx.QueryRowContext(ctx, s.timely(statement), args...))
		return err
	})
	if err != nil {
		return lead.Lease{}, fmt.Errorf("lease: %w", err)
	}
	return l, nil
}

// timely returns the statement with the database's time.
func (s *Store) timely(statement string) string {
	return strings.ReplaceAll(statement, theTime, s.writer.dialect.clock())
}

func scanLease(row *sql.Row) (l lead.Lease, err error) {
	var now int64
	err = row.Scan(&l.IsHeld, &l.State, &now, &l.Wanted, &l.Lent)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return lead.Lease{}, nil
	case err != nil:
		return lead.Lease{}, err
	}
	l.Now = time.UnixMilli(now)
	return l, nil
}

// write runs f in a transaction that does not wait for the writer. A lone statement
// would have none of a transaction's limits, so it could keep a lock for hours if the
// process is cut off in the middle of it.
func (s *Store) write(ctx context.Context, f func(*sql.Tx) error) error {
	ctx, cancel := s.writer.dialect.wait(ctx)
	defer cancel()
	tx, err := s.writer.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // does nothing after a commit
	if err := f(tx); err != nil {
		s.writer.dialect.unblock(ctx, s.writer.db, err)
		return err
	}
	return tx.Commit()
}

// TakeOver takes over what the last holder of a lease left open at the sites, as a
// start does with what a dead process left. The last holder sends nothing any more,
// so an attempt that it began has had its effect by now, or has none.
func (s *Store) TakeOver(ctx context.Context, sites []string, now time.Time) error {
	for _, site := range sites {
		err := s.writer.do(ctx, func(tx *writeTx) error { return takeOver(tx.ctx, tx.Tx, site, now, now) })
		if err != nil {
			return fmt.Errorf("take over site %s: %w", site, err)
		}
	}
	return nil
}
