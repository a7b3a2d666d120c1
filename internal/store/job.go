package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"leadrelay/internal/access"
	"leadrelay/internal/lead"
)

// maxJobs is how many jobs are remembered.
const maxJobs = 1000

const jobColumns = `id, do_what, filter, state, matched, left_out, done, moved, changed, ordered_at, ended_at`

func scanJob(row scanner) (j lead.Job, err error) {
	var filter []byte
	var ordered, ended sql.NullInt64
	if err := row.Scan(&j.ID, &j.Do, &filter, &j.State, &j.Matched, &j.LeftOut, &j.Done, &j.Moved, &j.Changed, &ordered, &ended); err != nil {
		return j, err
	}
	j.OrderedAt, j.EndedAt = fromMillis(ordered), fromMillis(ended)
	return j, json.Unmarshal(filter, &j.Filter)
}

// AddJob keeps a job for the leads, and returns it with its number.
func (s *Store) AddJob(ctx context.Context, j lead.Job, ids []lead.RemoteID) (added lead.Job, err error) {
	j.Filter.Text, j.Filter.RemoteIDs = "", nil
	filter, err := json.Marshal(j.Filter)
	if err != nil {
		return lead.Job{}, err
	}
	leads, err := json.Marshal(ids)
	if err != nil {
		return lead.Job{}, err
	}
	err = s.writer.do(ctx, func(tx *writeTx) error {
		now, err := tx.now()
		if err != nil {
			return err
		}
		added, err = scanJob(tx.QueryRow(`INSERT INTO jobs (id, do_what, filter, state, matched, left_out, ordered_at)
			SELECT 1 + COALESCE(max(id), 0), $1, $2, $3, $4, $5, $6 FROM jobs RETURNING `+jobColumns,
			string(j.Do), string(filter), lead.JobRunning, len(ids), j.LeftOut, now.UnixMilli()))
		if err != nil {
			return err
		}
		if _, err := tx.Exec(`INSERT INTO job_leads (job, ids) VALUES ($1, $2)`, added.ID, string(leads)); err != nil {
			return err
		}
		if err := tx.note(ctx, access.Entry{What: access.DidOrder, Sites: jobSites(j), Job: added.ID, Leads: len(ids), About: string(j.Do)}); err != nil {
			return err
		}
		_, err = tx.Exec(`DELETE FROM jobs WHERE id <= $1 AND state <> $2`, added.ID-maxJobs, lead.JobRunning)
		return err
	})
	if err != nil {
		return lead.Job{}, fmt.Errorf("add job: %w", err)
	}
	return added, nil
}

// jobSites returns the sites that a job's leads are of, or nil for all.
func jobSites(j lead.Job) []string {
	if j.Filter.Site != "" {
		return []string{j.Filter.Site}
	}
	return j.Filter.Sites
}

// Jobs returns the last n jobs, newest first.
func (s *Store) Jobs(ctx context.Context, n int) ([]lead.Job, error) {
	rows, err := s.people.QueryContext(ctx, `SELECT `+jobColumns+` FROM jobs ORDER BY id DESC LIMIT $1`, n)
	if err != nil {
		return nil, fmt.Errorf("jobs: %w", err)
	}
	return collect(rows, scanJob)
}

// AbortJob ends a job, unless it has ended. What it has moved stays so. The error wraps
// [lead.ErrNotFound] if there is no such job, or whoever asks may not know of it.
func (s *Store) AbortJob(ctx context.Context, id int64, may func(lead.Job) bool) (j lead.Job, err error) {
	err = s.writer.do(ctx, func(tx *writeTx) error {
		find := func() error {
			j, err = scanJob(tx.QueryRow(`SELECT `+jobColumns+` FROM jobs WHERE id = $1`, id))
			if errors.Is(err, sql.ErrNoRows) || err == nil && !may(j) {
				err = lead.ErrNotFound
			}
			return err
		}
		if err := find(); err != nil {
			return err
		}
		if err := tx.endJob(id, lead.JobAborted); err != nil {
			return err
		}
		if err := find(); err != nil {
			return err
		}
		return tx.note(ctx, access.Entry{What: access.DidAbort, Sites: jobSites(j), Job: j.ID, Leads: j.Matched, About: string(j.Do)})
	})
	if err != nil {
		return lead.Job{}, fmt.Errorf("abort job: %w", err)
	}
	return j, nil
}

// endJob ends a job that runs. Nobody needs its leads any more.
func (tx *writeTx) endJob(id int64, state string) error {
	now, err := tx.now()
	if err != nil {
		return err
	}
	isEnded, err := changed(tx.Exec(`UPDATE jobs SET state = $1, ended_at = $2 WHERE id = $3 AND state = $4`, state, now.UnixMilli(), id, lead.JobRunning))
	if err != nil || !isEnded {
		return err
	}
	_, err = tx.Exec(`DELETE FROM job_leads WHERE job = $1`, id)
	return err
}

// ClaimJob returns the oldest job that runs, with the leads that it is not through with,
// if the holder may work on it: jobs are done one after another. A lease that is not
// renewed by a step ends after the time, and another may claim the job. The job is zero
// if there is none to work on.
func (s *Store) ClaimJob(ctx context.Context, holder string, lease time.Duration) (j lead.Job, ids []lead.RemoteID, err error) {
	var isThere bool // most often not, and then it must cost no commit
	err = s.read.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM jobs WHERE state = $1)`, lead.JobRunning).Scan(&isThere)
	if err != nil || !isThere {
		return lead.Job{}, nil, err
	}
	err = s.writer.do(ctx, func(tx *writeTx) error {
		j, ids = lead.Job{}, nil
		now, err := tx.now()
		if err != nil {
			return err
		}
		claimed, err := scanJob(tx.QueryRow(`UPDATE jobs SET holder = $1, lease_until = $2
			WHERE id = (SELECT min(id) FROM jobs WHERE state = $3) AND (holder = $1 OR lease_until <= $4) RETURNING `+jobColumns,
			holder, now.Add(lease).UnixMilli(), lead.JobRunning, now.UnixMilli()))
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		var text []byte
		if err := tx.QueryRow(`SELECT ids FROM job_leads WHERE job = $1`, claimed.ID).Scan(&text); err != nil {
			return err
		}
		if err := json.Unmarshal(text, &ids); err != nil {
			return err
		}
		j, ids = claimed, ids[min(claimed.Done, len(ids)):]
		return nil
	})
	if err != nil {
		return lead.Job{}, nil, fmt.Errorf("claim job: %w", err)
	}
	return j, ids, nil
}

// StepJob moves the next leads of a job and writes down that it is through with them, in
// one commit: a job that is cut off goes on behind it. It returns the sites of leads that
// were queued. The error wraps [lead.ErrLost] if the holder has lost the job, or somebody
// has aborted it; then no lead was moved.
func (s *Store) StepJob(ctx context.Context, j lead.Job, holder string, ids []lead.RemoteID, lease time.Duration) (lead.Job, []string, error) {
	var after lead.Job // these are to be read only after a commit
	var queued []string
	err := s.writer.doLazily(ctx, func(tx *writeTx) error {
		after, queued = lead.Job{}, nil
		now, err := tx.now()
		if err != nil {
			return err
		}
		moved := 0
		for _, id := range ids {
			l, ok, err := tx.moveForJob(j, id, now)
			if err != nil {
				return err
			}
			if ok {
				moved++
			}
			if ok && l.State == lead.Queued {
				queued = append(queued, l.Site)
			}
		}
		after, err = tx.noteStep(j, holder, len(ids), moved, now.Add(lease))
		return err
	})
	if err != nil {
		return lead.Job{}, nil, fmt.Errorf("step of a job: %w", err)
	}
	return after, queued, nil
}

// moveForJob moves a lead, and reports whether it could. A lead that has changed or is
// gone stays as it is.
func (tx *writeTx) moveForJob(j lead.Job, id lead.RemoteID, now time.Time) (l lead.Lead, ok bool, err error) {
	l, err = tx.find(id)
	if errors.Is(err, lead.ErrNotFound) {
		return l, false, nil
	}
	if err != nil {
		return l, false, err
	}
	was := l.State
	if j.Filter.State != "" && was != j.Filter.State || !j.Filter.HasSite(l.Site) || j.Move(now)(&l) != nil {
		return l, false, nil
	}
	return l, true, tx.rewrite(was, &l, now)
}

// NoteJob writes down that a job is through with some leads, which were moved otherwise.
// See [Store.StepJob].
func (s *Store) NoteJob(ctx context.Context, j lead.Job, holder string, through, moved int, lease time.Duration) (lead.Job, error) {
	var after lead.Job // to be read only after a commit
	err := s.writer.do(ctx, func(tx *writeTx) error {
		now, err := tx.now()
		if err != nil {
			return err
		}
		after, err = tx.noteStep(j, holder, through, moved, now.Add(lease))
		return err
	})
	if err != nil {
		return lead.Job{}, fmt.Errorf("note job: %w", err)
	}
	return after, nil
}

// noteStep writes down a step from where the job was, and ends the job after its last.
func (tx *writeTx) noteStep(j lead.Job, holder string, through, moved int, until time.Time) (after lead.Job, err error) {
	after, err = scanJob(tx.QueryRow(`UPDATE jobs SET done = done + $1, moved = moved + $2, changed = changed + $3, lease_until = $4
		WHERE id = $5 AND holder = $6 AND state = $7 AND done = $8 RETURNING `+jobColumns,
		through, moved, through-moved, until.UnixMilli(), j.ID, holder, lead.JobRunning, j.Done))
	if errors.Is(err, sql.ErrNoRows) {
		return after, lead.ErrLost
	}
	if err != nil || after.Done < after.Matched {
		return after, err
	}
	after.State = lead.JobDone
	return after, tx.endJob(j.ID, lead.JobDone)
}
