package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"leadrelay/internal/access"
	"leadrelay/internal/lead"
)

const requestColumns = `id, kind, who, state, received_at, checked_at, accepted_at, ended_at`

func scanRequest(row scanner) (r lead.PersonRequest, err error) {
	var received, checked, accepted, ended sql.NullInt64
	err = row.Scan(&r.ID, &r.Kind, &r.Who, &r.State, &received, &checked, &accepted, &ended)
	r.ReceivedAt, r.CheckedAt, r.AcceptedAt, r.EndedAt = fromMillis(received), fromMillis(checked), fromMillis(accepted), fromMillis(ended)
	return r, err
}

// noteRequest writes down what was done with a request, and nothing of whose it is.
func (tx *writeTx) noteRequest(ctx context.Context, r *lead.PersonRequest, what string) error {
	return tx.note(ctx, access.Entry{What: what, About: fmt.Sprintf("%d: %s", r.ID, r.Kind)})
}

// AddRequest keeps a person's request, and returns it with its number.
func (s *Store) AddRequest(ctx context.Context, r lead.PersonRequest) (added lead.PersonRequest, err error) {
	err = s.writer.do(ctx, func(tx *writeTx) error {
		added, err = scanRequest(tx.QueryRow(`INSERT INTO person_requests (id, kind, who, state, received_at)
			SELECT 1 + COALESCE(max(id), 0), $1, $2, $3, $4 FROM person_requests RETURNING `+requestColumns,
			string(r.Kind), r.Who, string(lead.RequestOpen), r.ReceivedAt.UnixMilli()))
		if err != nil {
			return err
		}
		return tx.noteRequest(ctx, &added, access.DidOpenRequest)
	})
	if err != nil {
		return lead.PersonRequest{}, fmt.Errorf("add request: %w", err)
	}
	return added, nil
}

// Requests returns the requests, those first that have not ended, oldest first, and then the
// others, newest first: at most n.
func (s *Store) Requests(ctx context.Context, n int) ([]lead.PersonRequest, error) {
	rows, err := s.people.QueryContext(ctx, `SELECT `+requestColumns+` FROM person_requests
		ORDER BY CASE WHEN ended_at IS NULL THEN 0 ELSE 1 END, CASE WHEN ended_at IS NULL THEN received_at ELSE -ended_at END, id LIMIT $1`, n)
	if err != nil {
		return nil, fmt.Errorf("requests: %w", err)
	}
	all, err := collect(rows, scanRequest)
	if err != nil {
		return nil, fmt.Errorf("requests: %w", err)
	}
	return all, nil
}

// TakeStep takes a step with a request. The error wraps [lead.ErrNotFound] if there is no
// such request, and is a [lead.StepError] if the step is not possible. Whose a request was
// that has ended goes from every file with [Store.Scrub].
func (s *Store) TakeStep(ctx context.Context, id int64, step lead.RequestStep) (r lead.PersonRequest, err error) {
	err = s.writer.do(ctx, func(tx *writeTx) error {
		r, err = scanRequest(tx.QueryRow(`SELECT `+requestColumns+` FROM person_requests WHERE id = $1`+tx.w.dialect.forUpdate, id))
		if errors.Is(err, sql.ErrNoRows) {
			err = lead.ErrNotFound
		}
		if err != nil {
			return err
		}
		now, err := tx.now()
		if err != nil {
			return err
		}
		if err := r.Take(step, now); err != nil {
			return err
		}
		_, err = tx.Exec(`UPDATE person_requests SET who = $1, state = $2, checked_at = $3, accepted_at = $4, ended_at = $5 WHERE id = $6`,
			r.Who, string(r.State), millis(r.CheckedAt), millis(r.AcceptedAt), millis(r.EndedAt), id)
		if err != nil {
			return err
		}
		return tx.noteRequest(ctx, &r, access.RequestDeed(step))
	})
	if err != nil {
		return lead.PersonRequest{}, fmt.Errorf("step of a request: %w", err)
	}
	if r.HasEnded() {
		s.unscrubbed.Store(true)
	}
	return r, nil
}

// DeleteOldRequests deletes requests that ended before a time.
func (s *Store) DeleteOldRequests(ctx context.Context, before time.Time) error {
	var isDue bool // most often not, and then it must cost no commit
	err := s.read.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM person_requests WHERE ended_at < $1)`, before.UnixMilli()).Scan(&isDue)
	if err == nil && isDue {
		err = s.writer.doLazily(ctx, func(tx *writeTx) error {
			_, err := tx.Exec(`DELETE FROM person_requests WHERE ended_at < $1`, before.UnixMilli())
			return err
		})
	}
	if err != nil {
		return fmt.Errorf("old requests: %w", err)
	}
	return nil
}
