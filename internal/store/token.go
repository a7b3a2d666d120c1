package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"leadrelay/internal/access"
	"leadrelay/internal/lead"
)

const tokenColumns = `id, name, role, sites, created_by, created_at, expires_at, used_on`

func scanToken(row scanner) (t access.Token, err error) {
	var id, sites []byte
	var created, expires, used sql.NullInt64
	if err := row.Scan(&id, &t.Name, &t.Role, &sites, &t.CreatedBy, &created, &expires, &used); err != nil {
		return t, err
	}
	copy(t.ID[:], id)
	t.CreatedAt, t.ExpiresAt, t.UsedOn = fromMillis(created), fromMillis(expires), fromMillis(used)
	return t, json.Unmarshal(sites, &t.Sites)
}

// AddToken keeps a token by its digest. The error wraps [access.ErrTaken] if there is one
// of its name, and [access.ErrFull] if there are too many.
func (s *Store) AddToken(ctx context.Context, t access.Token, digest access.Digest) error {
	sites, err := json.Marshal(t.Sites)
	if err != nil {
		return err
	}
	err = s.writer.do(ctx, func(tx *writeTx) error {
		var all, same int
		err := tx.QueryRow(`SELECT count(*), COALESCE(sum(CASE WHEN name = $1 THEN 1 ELSE 0 END), 0) FROM tokens`, t.Name).Scan(&all, &same)
		switch {
		case err != nil:
			return err
		case same > 0:
			return access.ErrTaken
		case all >= access.MaxTokens:
			return access.ErrFull
		}
		_, err = tx.Exec(`INSERT INTO tokens (id, name, digest, role, sites, created_by, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
			t.ID[:], t.Name, digest[:], string(t.Role), string(sites), t.CreatedBy, t.CreatedAt.UnixMilli(), millis(t.ExpiresAt))
		if err != nil {
			return err
		}
		return tx.note(ctx, access.Entry{What: access.DidMakeToken, Sites: t.Sites, About: t.Name + " " + string(t.Role)})
	})
	if err != nil {
		return fmt.Errorf("add token: %w", err)
	}
	return nil
}

// Tokens returns all tokens, by their names.
func (s *Store) Tokens(ctx context.Context) ([]access.Token, error) {
	rows, err := s.people.QueryContext(ctx, `SELECT `+tokenColumns+` FROM tokens ORDER BY name`)
	if err != nil {
		return nil, fmt.Errorf("tokens: %w", err)
	}
	return collect(rows, scanToken)
}

// RevokeToken deletes a token: from its commit on it is nobody's. The error wraps
// [lead.ErrNotFound] if there is no such token.
func (s *Store) RevokeToken(ctx context.Context, t access.Token) error {
	err := s.writer.do(ctx, func(tx *writeTx) error {
		isGone, err := changed(tx.Exec(`DELETE FROM tokens WHERE id = $1`, t.ID[:]))
		if err == nil && !isGone {
			err = lead.ErrNotFound
		}
		if err != nil {
			return err
		}
		return tx.note(ctx, access.Entry{What: access.DidRevoke, Sites: t.Sites, About: t.Name})
	})
	if err != nil {
		return fmt.Errorf("revoke token: %w", err)
	}
	return nil
}

// TokenByDigest returns the token that somebody has sent, unless it has expired, and notes
// that it was used today. The error wraps [lead.ErrNotFound] if it is nobody's.
func (s *Store) TokenByDigest(ctx context.Context, digest access.Digest) (access.Token, error) {
	return s.token(ctx, `digest`, digest[:])
}

// TokenByID returns the token of a session, as [Store.TokenByDigest] does.
func (s *Store) TokenByID(ctx context.Context, id access.TokenID) (access.Token, error) {
	return s.token(ctx, `id`, id[:])
}

func (s *Store) token(ctx context.Context, column string, value []byte) (access.Token, error) {
	d := &s.writer.dialect
	var now int64
	t, err := scanToken(scanWith(s.people.QueryRowContext(ctx, `SELECT `+tokenColumns+`, `+d.clock()+` FROM tokens WHERE `+column+` = $1
		AND (expires_at IS NULL OR expires_at > `+d.clock()+`)`, value), &now))
	if errors.Is(err, sql.ErrNoRows) {
		err = lead.ErrNotFound
	}
	if err != nil {
		return access.Token{}, fmt.Errorf("token: %w", err)
	}
	today := time.UnixMilli(now).UTC().Truncate(24 * time.Hour)
	if t.UsedOn.Before(today) && s.uses.isFirst(t.ID, today) {
		s.noteUse(ctx, t.ID, today)
		t.UsedOn = today
	}
	return t, nil
}

// scanWith scans one more column, which is the last.
func scanWith(row scanner, last any) scanner { return withLast{row, last} }

type withLast struct {
	scanner

	last any
}

func (w withLast) Scan(dest ...any) error { return w.scanner.Scan(append(dest, w.last)...) }

// uses remembers for which tokens this process has noted today that they were used: if
// that fails, it is not tried again and again.
type uses struct {
	mu   sync.Mutex
	day  time.Time
	seen map[access.TokenID]bool
}

func (u *uses) isFirst(id access.TokenID, day time.Time) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if !u.day.Equal(day) {
		u.day, u.seen = day, map[access.TokenID]bool{}
	}
	isFirst := !u.seen[id]
	u.seen[id] = true
	return isFirst
}

// noteUse notes the day, if the database takes it soon. Nobody is kept out for it.
func (s *Store) noteUse(ctx context.Context, id access.TokenID, day time.Time) {
	const patience = time.Second
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	_ = s.writer.doLazily(ctx, func(tx *writeTx) error {
		_, err := tx.Exec(`UPDATE tokens SET used_on = $1 WHERE id = $2`, day.UnixMilli(), id[:])
		return err
	})
}
