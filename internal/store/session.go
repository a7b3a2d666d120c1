package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

const secretSQL = `SELECT value FROM shared_secret WHERE id = 1`

// Secret returns 32 random bytes that all processes on the database share, and nobody
// else knows. The first process that asks makes them.
func (s *Store) Secret(ctx context.Context) (value []byte, err error) {
	err = s.read.QueryRowContext(ctx, secretSQL).Scan(&value)
	if errors.Is(err, sql.ErrNoRows) {
		value, err = s.makeSecret(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("shared secret: %w", err)
	}
	return value, nil
}

// makeSecret makes the secret, unless another process has just made it.
func (s *Store) makeSecret(ctx context.Context) ([]byte, error) {
	made := make([]byte, 32)
	_, _ = rand.Read(made) // never fails
	var value []byte       // to be read only after a commit
	err := s.writer.do(ctx, func(tx *writeTx) error {
		if _, err := tx.Exec(`INSERT INTO shared_secret (id, value) VALUES (1, $1) ON CONFLICT (id) DO NOTHING`, made); err != nil {
			return err
		}
		return tx.QueryRow(secretSQL).Scan(&value)
	})
	return value, err
}

// maxEnded is how many sessions are remembered that have ended before their time.
const maxEnded = 1000

// allEnded is the id of the row that stands for all sessions that end no later than it.
// No session has that id, because it is too short.
var allEnded = []byte{0}

// EndSession remembers until the time that the session has ended. If there are too many
// to be remembered, one row takes the place of all of them. With them it ends the
// sessions that would not have lasted longer, which is safe: people log in again.
func (s *Store) EndSession(ctx context.Context, id []byte, until time.Time) error {
	err := s.writer.do(ctx, func(tx *writeTx) error {
		now, err := tx.now()
		if err != nil {
			return err
		}
		if _, err := tx.Exec(`DELETE FROM ended_sessions WHERE ends_at <= $1`, now.UnixMilli()); err != nil {
			return err
		}
		if err := tx.endSession(id, until.UnixMilli()); err != nil {
			return err
		}
		var ended, last int64
		if err := tx.QueryRow(`SELECT count(*), max(ends_at) FROM ended_sessions`).Scan(&ended, &last); err != nil || ended <= maxEnded {
			return err
		}
		if _, err := tx.Exec(`DELETE FROM ended_sessions`); err != nil {
			return err
		}
		return tx.endSession(allEnded, last)
	})
	if err != nil {
		return fmt.Errorf("end session: %w", err)
	}
	return nil
}

func (tx *writeTx) endSession(id []byte, until int64) error {
	_, err := tx.Exec(`INSERT INTO ended_sessions (id, ends_at) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET ends_at = excluded.ends_at`, id, until)
	return err
}

// SessionHasEnded reports whether the session, which lasts until the time, has ended
// before.
func (s *Store) SessionHasEnded(ctx context.Context, id []byte, until time.Time) (hasEnded bool, err error) {
	err = s.people.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM ended_sessions WHERE id = $1 OR id = $2 AND ends_at >= $3)`,
		id, allEnded, until.UnixMilli()).Scan(&hasEnded)
	if err != nil {
		return false, fmt.Errorf("ended sessions: %w", err)
	}
	return hasEnded, nil
}
