package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"leadrelay/internal/lead"
)

// Decision 21 has the arithmetic of a lease. All times are the database's, and they
// are read after the process has asked. So a lease ends there no sooner than its
// holder believes, who counts from before it asked. A file has no table of leases, unless
// a test adds one: in virtual time several couriers share a file instead of a server.
//
// Each statement is about many leases. It passes over the rows that somebody has locked,
// and so waits for nobody.

const (
	// What stands for what the dialect says: the time, the table of the leases that are
	// asked for, and what is around a query for rows to pass over those that are locked.
	theTime, theAsked, unlocked, endUnlocked = `{now}`, `{asked}`, `{unlocked}`, `{end}`

	leaseRow = `, COALESCE(state, ''), ` + theTime + `, COALESCE(wanted, 0), COALESCE(lent, 0)`

	seeLeasesSQL = `SELECT named, COALESCE(holder = asker OR until <= ` + theTime + `, TRUE)` + leaseRow + `
		FROM ` + theAsked + ` LEFT JOIN leases ON credential = named`

	acquireLeasesSQL = `UPDATE leases SET holder = asker, until = ` + theTime + ` + millis FROM ` + theAsked + `
		WHERE credential = named AND credential ` + unlocked + `SELECT credential FROM ` + theAsked + ` JOIN leases ON credential = named
			WHERE holder = asker OR until <= ` + theTime + endUnlocked + ` RETURNING credential, TRUE` + leaseRow

	// A credential that nobody has ever carried has no row.
	addLeasesSQL = `INSERT INTO leases (credential, holder, until, state) SELECT named, asker, ` + theTime + ` + millis, ''
		FROM ` + theAsked + ` WHERE TRUE ORDER BY named ON CONFLICT (credential) DO NOTHING RETURNING credential, TRUE` + leaseRow

	renewLeasesSQL = `UPDATE leases SET until = ` + theTime + ` + millis, state = says, lent = lends FROM ` + theAsked + `
		WHERE credential = named AND credential ` + unlocked + `SELECT credential FROM ` + theAsked + ` JOIN leases ON credential = named
			WHERE holder = asker` + endUnlocked + ` RETURNING credential, TRUE` + leaseRow

	ownLeasesSQL = `SELECT credential, FALSE` + leaseRow + ` FROM ` + theAsked + ` JOIN leases ON credential = named WHERE holder = asker`
)

// errLeaseLocked says that somebody has locked the row of a lease, perhaps for long.
var errLeaseLocked = errors.New("the row of a lease is locked")

// IsShared reports whether other processes may use the database, too.
func (s *Store) IsShared() bool { return s.writer.dialect.isShared }

// AcquireLeases takes those of the leases that nobody else holds. Who only asks writes
// nothing. These statements do not wait for the writer, because a lease that comes
// late is lost.
func (s *Store) AcquireLeases(ctx context.Context, all []lead.LeaseRequest) ([]lead.Lease, error) {
	leases, err := s.leases(ctx, s.writer.db, seeLeasesSQL, all)
	if err != nil {
		return nil, fmt.Errorf("see leases: %w", err)
	}
	free := slices.DeleteFunc(slices.Clone(all), func(r lead.LeaseRequest) bool { return !leases[r.Credential].IsHeld })
	if len(free) == 0 {
		return inOrder(all, leases), nil
	}
	var got, added map[string]lead.Lease
	err = s.write(ctx, func(tx *sql.Tx) (err error) {
		if got, err = s.leases(ctx, tx, acquireLeasesSQL, free); err != nil {
			return err
		}
		if missed := without(free, got); len(missed) > 0 {
			added, err = s.leases(ctx, tx, addLeasesSQL, missed)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("acquire leases: %w", err)
	}
	maps.Copy(got, added)
	for _, r := range without(free, got) { // another process was faster, or stands still
		l := leases[r.Credential]
		l.IsHeld, l.IsLocked = false, true
		got[r.Credential] = l
	}
	maps.Copy(leases, got)
	return s.unlocked(ctx, all, leases), nil
}

// RenewLeases prolongs the leases and writes down their states, unless another process
// has them. One for which no length is asked can be another's at once.
func (s *Store) RenewLeases(ctx context.Context, all []lead.LeaseRequest) ([]lead.Lease, error) {
	var leases, own map[string]lead.Lease
	err := s.write(ctx, func(tx *sql.Tx) (err error) {
		leases, err = s.leases(ctx, tx, renewLeasesSQL, all)
		if missed := without(all, leases); err == nil && len(missed) > 0 {
			own, err = s.leases(ctx, tx, ownLeasesSQL, missed)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("renew leases: %w", err)
	}
	for credential, l := range own {
		l.IsLocked = true
		leases[credential] = l
	}
	return s.unlocked(ctx, all, leases), nil
}

// leases runs a statement about leases, and returns its rows by credential.
func (s *Store) leases(ctx context.Context, db queryer, statement string, all []lead.LeaseRequest) (map[string]lead.Lease, error) {
	type asked struct {
		Credential string `json:"named"`
		Holder     string `json:"asker"`
		Millis     int64  `json:"millis"`
		State      string `json:"says"`
		Lent       int64  `json:"lends"`
	}
	list := make([]asked, len(all))
	for i, r := range all {
		list[i] = asked{r.Credential, r.Holder, r.Length.Milliseconds(), r.State, r.Lent}
	}
	text, err := json.Marshal(list)
	if err != nil {
		return nil, err
	}
	d := &s.writer.dialect
	statement = strings.NewReplacer(theTime, d.clock(), theAsked, d.askedLeases, unlocked, d.unlocked[0], endUnlocked, d.unlocked[1]).Replace(statement)
	rows, err := db.QueryContext(ctx, statement, string(text))
	if err != nil {
		return nil, err
	}
	leases := make(map[string]lead.Lease, len(all))
	_, err = collect(rows, func(row scanner) (l lead.Lease, err error) {
		var credential string
		var now int64
		err = row.Scan(&credential, &l.IsHeld, &l.State, &now, &l.Wanted, &l.Lent)
		l.Now = time.UnixMilli(now)
		leases[credential] = l
		return l, err
	})
	return leases, err
}

// unlocked returns the leases in the order of their requests. If rows are locked, it ends
// the transactions of processes that stand still.
func (s *Store) unlocked(ctx context.Context, all []lead.LeaseRequest, leases map[string]lead.Lease) []lead.Lease {
	ordered := inOrder(all, leases)
	if slices.ContainsFunc(ordered, func(l lead.Lease) bool { return l.IsLocked }) {
		s.writer.dialect.unblock(ctx, s.writer.db, errLeaseLocked)
	}
	return ordered
}

func inOrder(all []lead.LeaseRequest, leases map[string]lead.Lease) []lead.Lease {
	ordered := make([]lead.Lease, len(all))
	for i, r := range all {
		ordered[i] = leases[r.Credential]
	}
	return ordered
}

// without returns the requests for which there is no lease.
func without(all []lead.LeaseRequest, leases map[string]lead.Lease) []lead.LeaseRequest {
	return slices.DeleteFunc(slices.Clone(all), func(r lead.LeaseRequest) bool {
		_, isThere := leases[r.Credential]
		return isThere
	})
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

// TakeOver takes over what the last holders of leases left open at the sites, as a
// start does with what a dead process left. The last holder sends nothing any more,
// so an attempt that it began has had its effect by now, or has none. It does not wait for
// the writer either, nor do the writes of other sites fail if a lead of these is locked.
func (s *Store) TakeOver(ctx context.Context, sites []string, now time.Time) error {
	ctx, cancel := s.writer.dialect.wait(ctx)
	defer cancel()
	err := s.write(ctx, func(tx *sql.Tx) error { return takeOver(ctx, tx, &s.writer.dialect, sites, now, now) })
	if err != nil {
		return fmt.Errorf("take over sites: %w", err)
	}
	return nil
}
