package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"strconv"
	"strings"
	"time"
)

//go:embed migrations/*.sql migrations/postgres/*.sql
var embedded embed.FS

var migrations fs.FS = embedded // a test has more of them

// beside is the first line of a step that relays of an older schema can bear, down to the
// one that it names: those that run go on, and may be started again. Decision 20 says what
// such a step may do.
var beside = regexp.MustCompile(`^-- beside: (\d+)\n`)

// NewerSchemaError means that a newer leadrelay has written this database.
type NewerSchemaError struct{ Has, Knows int }

func (e *NewerSchemaError) Error() string {
	return fmt.Sprintf("the database has schema %d, this leadrelay knows only %d: start the newer version, or restore a backup from before the upgrade", e.Has, e.Knows)
}

// migrate brings the schema up to date. Each step has a transaction of its own, so
// that the next start goes on where a killed process stopped. Several processes may
// start at once: each step is done by one of them, while the others wait. If the schema
// is newer than ours, it must be one that we can bear, unless it has to be ours exactly.
func migrate(ctx context.Context, db *sql.DB, d *dialect, exactly bool) error {
	files, err := fs.Glob(migrations, d.migrations)
	if err != nil {
		return err
	}
	for more := true; more; {
		more, err = migrateStep(ctx, db, d, files, exactly)
		if newer := (*NewerSchemaError)(nil); errors.As(err, &newer) {
			return newer // it says all there is to say
		}
		if err != nil {
			return fmt.Errorf("schema: %w", err)
		}
	}
	return nil
}

// migrateStep takes the next step, and reports whether there was one.
func migrateStep(ctx context.Context, db *sql.DB, d *dialect, files []string, exactly bool) (bool, error) {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return false, err
	}
	defer func() { _ = tx.Rollback() }() // does nothing after a commit
	const versions = `CREATE TABLE IF NOT EXISTS schema_versions (version BIGINT PRIMARY KEY, applied_at BIGINT NOT NULL);
		CREATE TABLE IF NOT EXISTS schema_oldest (version BIGINT PRIMARY KEY, oldest BIGINT NOT NULL)` // that a relay must know to bear it
	if _, err := tx.ExecContext(ctx, d.lockSchema+versions); err != nil {
		return false, err
	}
	var has, oldest int
	if err := tx.QueryRowContext(ctx, schemaSQL, len(files)).Scan(&has, &oldest); err != nil {
		return false, err
	}
	switch {
	case has > len(files) && (exactly || oldest > len(files)):
		return false, &NewerSchemaError{Has: has, Knows: len(files)}
	case has >= len(files):
		return false, tx.Commit()
	}
	return true, takeStep(ctx, tx, d, has+1, files[has])
}

// schemaSQL returns the newest step that the database has, and the oldest that a relay
// must know which knows no more than $1. A step that says nothing of it must be known.
const schemaSQL = `SELECT COALESCE(max(v.version), 0), COALESCE(max(CASE WHEN v.version > $1 THEN COALESCE(o.oldest, v.version) END), 0)
	FROM schema_versions AS v LEFT JOIN schema_oldest AS o ON o.version = v.version`

// errOthersCarry means that the next step must wait: relays that cannot bear it carry leads.
var errOthersCarry = errors.New("a new release has to change what older ones need, and such a relay carries leads still: stop all of them first")

// takeStep takes a step and commits.
func takeStep(ctx context.Context, tx *sql.Tx, d *dialect, number int, file string) error {
	if !strings.HasPrefix(path.Base(file), fmt.Sprintf("%04d_", number)) {
		return fmt.Errorf("expected step %d and found %s", number, file)
	}
	text, err := fs.ReadFile(migrations, file)
	if err != nil {
		return err
	}
	oldest := strconv.Itoa(number)
	if found := beside.FindSubmatch(text); found != nil {
		oldest = string(found[1])
	} else if err := checkNobodyCarries(ctx, tx, d); err != nil {
		return err
	}
	for _, statement := range []string{
		string(text), fmt.Sprintf(`INSERT INTO schema_oldest (version, oldest) VALUES (%d, %s)`, number, oldest),
		fmt.Sprintf(`INSERT INTO schema_versions (version, applied_at) VALUES (%d, %d)`, number, time.Now().UnixMilli()),
	} {
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
	return tx.Commit()
}

// checkNobodyCarries fails if some relay has a lease. One that was killed has it for a while.
func checkNobodyCarries(ctx context.Context, tx *sql.Tx, d *dialect) error {
	if !d.isShared {
		return nil // the file is locked
	}
	var isTable, isCarried bool // there is none before the step that makes it
	err := tx.QueryRowContext(ctx, `SELECT to_regclass('leases') IS NOT NULL`).Scan(&isTable)
	if err == nil && isTable {
		err = tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM leases WHERE until > `+d.clock()+`)`).Scan(&isCarried)
	}
	if err == nil && isCarried {
		return errOthersCarry
	}
	return err
}
