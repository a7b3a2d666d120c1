package console

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/go-chi/chi/v5"

	"leadrelay/internal/lead"
	"leadrelay/internal/problem"
)

// Jobs is the part of the store with what is done with many leads.
type Jobs interface {
	AddJob(ctx context.Context, j lead.Job, ids []lead.RemoteID) (lead.Job, error)
	Jobs(ctx context.Context, n int) ([]lead.Job, error)
	AbortJob(ctx context.Context, id int64, may func(lead.Job) bool) (lead.Job, error)
}

const (
	// maxJobLeads is how many leads a job has at most.
	maxJobLeads = 10_000
	// maxJobs is how many jobs a list shows.
	maxJobs = 100
)

// Job is a job in the API.
type Job struct {
	ID         *int64       `json:"id"` // null in a dry run
	Do         lead.JobVerb `json:"do"`
	Site       *string      `json:"site"` // what its leads had in common; not what was searched for
	LeadState  *string      `json:"lead_state"`
	PropertyID *string      `json:"property_id"`
	After      *time.Time   `json:"after"`
	Before     *time.Time   `json:"before"`
	State      string       `json:"state"`
	Matched    int          `json:"matched"`
	LeftOut    int          `json:"left_out"`
	Done       int          `json:"done"`
	Moved      int          `json:"moved"`
	Changed    int          `json:"changed"`
	OrderedAt  *time.Time   `json:"ordered_at"`
	EndedAt    *time.Time   `json:"ended_at"`
}

func viewJob(j lead.Job) Job {
	return Job{
		ID: orNull(j.ID), Do: j.Do, Site: orNull(j.Filter.Site), LeadState: orNull(string(j.Filter.State)), PropertyID: orNull(j.Filter.PropertyID),
		After: timeOrNull(j.Filter.After), Before: timeOrNull(j.Filter.Before), State: j.State, Matched: j.Matched, LeftOut: j.LeftOut,
		Done: j.Done, Moved: j.Moved, Changed: j.Changed, OrderedAt: timeOrNull(j.OrderedAt), EndedAt: timeOrNull(j.EndedAt),
	}
}

// jobStates are the states from which a verb moves leads. The first is meant if none is
// named. Who discards must say which.
var jobStates = map[lead.JobVerb][]lead.State{
	lead.JobRetry:   {lead.Failed, lead.Discarded},
	lead.JobRelease: {lead.Quarantined},
	lead.JobDiscard: {"", lead.Failed, lead.Quarantined},
	lead.JobReplay:  append([]lead.State{lead.Failed}, lead.States()...),
}

// orderJob writes down a job for all leads that match, or counts them in a dry run.
func (a api) orderJob(w http.ResponseWriter, r *http.Request) error {
	j, dryRun, err := parseJob(w, r)
	if err != nil {
		return err
	}
	extendDeadlines(w)
	ids, left, err := a.matching(r.Context(), j.Filter)
	if err != nil {
		return err
	}
	if j.LeftOut = left; dryRun {
		j.Matched, j.State = len(ids), "dry run"
		return writeJSON(w, viewJob(j))
	}
	if j, err = a.store.AddJob(r.Context(), j, ids); err != nil {
		return problem.NewTryAgain(time.Second, err)
	}
	return writeJSON(w, viewJob(j))
}

func parseJob(w http.ResponseWriter, r *http.Request) (j lead.Job, dryRun bool, err error) {
	j.Filter, err = parseSelection(w, r, jsonFields{
		"dry_run": parseInto(&dryRun),
		"do": func(value json.RawMessage) lead.Code {
			if json.Unmarshal(value, &j.Do) != nil || jobStates[j.Do] == nil {
				return codeInvalid
			}
			return ""
		},
	})
	if err != nil {
		return j, false, err
	}
	wrong := func(f lead.Field, code lead.Code) error {
		return invalid(r, &lead.InvalidError{Fields: []lead.FieldError{{Field: f, Code: code}}})
	}
	if len(jobStates[j.Do]) == 0 {
		return j, false, wrong("do", lead.Missing)
	}
	if code := chooseState(&j); code != "" {
		return j, false, wrong("state", code)
	}
	return j, dryRun, nil
}

// chooseState sets the state that the job's verb means, if none is named. It returns what
// is wrong with the state.
func chooseState(j *lead.Job) lead.Code {
	states := jobStates[j.Do]
	if j.Filter.State == "" {
		j.Filter.State = states[0]
	}
	switch {
	case j.Filter.State == "":
		return lead.Missing
	case !slices.Contains(states, j.Filter.State):
		return codeInvalid
	}
	return ""
}

// matching returns the ids of the leads that match, oldest first, and how many newer ones
// were left out.
func (a api) matching(ctx context.Context, f lead.Filter) (ids []lead.RemoteID, left int, err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	free, err := acquire(ctx, a.pages)
	if err != nil {
		return nil, 0, err
	}
	defer free()
	f.Limit = maxLimit
	for more := true; more; {
		var page []lead.Lead
		if page, more, err = a.store.List(ctx, f); err != nil {
			return nil, 0, storeProblem(ctx, err)
		}
		for i := range page {
			ids = append(ids, page[i].RemoteID)
			f.Below = page[i].RemoteID
		}
		if newer := len(ids) - maxJobLeads; newer > 0 {
			left += newer
			ids = slices.Delete(ids, 0, newer)
		}
	}
	slices.Reverse(ids)
	return ids, left, nil
}

// jobs lists the last jobs, newest first.
func (a api) jobs(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), queryTimeout)
	defer cancel()
	all, err := a.store.Jobs(ctx, maxJobs)
	if err != nil {
		return storeProblem(ctx, err)
	}
	views := make([]Job, len(all))
	for i, j := range all {
		views[i] = viewJob(j)
	}
	return writeJSON(w, map[string][]Job{"jobs": views})
}

// abortJob ends a job before its next step.
func (a api) abortJob(w http.ResponseWriter, r *http.Request) error {
	if err := readBody(w, r, nil); err != nil {
		return err
	}
	j, err := a.abort(r)
	if err != nil {
		return err
	}
	return writeJSON(w, viewJob(j))
}

// abort ends the job in the path.
func (a api) abort(r *http.Request) (lead.Job, error) {
	id, err := strconv.ParseInt(chi.URLParam(r, "id"), 10, 64)
	if err != nil {
		return lead.Job{}, problem.New(problem.NotFound, nil)
	}
	j, err := a.store.AbortJob(r.Context(), id)
	if errors.Is(err, lead.ErrNotFound) {
		return j, problem.New(problem.NotFound, err)
	}
	if err != nil {
		return j, problem.NewTryAgain(time.Second, err)
	}
	return j, nil
}
