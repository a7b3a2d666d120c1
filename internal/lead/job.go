package lead

import "time"

// JobVerb is what a job does with its leads.
type JobVerb string

// The verbs of a job. A replay asks EasyBroker's list first.
const (
	JobRetry   JobVerb = "retry"
	JobRelease JobVerb = "release"
	JobDiscard JobVerb = "discard"
	JobReplay  JobVerb = "replay"
)

// The states of a job.
const (
	JobRunning = "running" // or waiting for those before it
	JobDone    = "done"
	JobAborted = "aborted" // by a person
)

// Job moves many leads, a few at a time. Which they are is written down when it is
// ordered.
type Job struct {
	ID      int64
	Do      JobVerb
	Filter  Filter // without its text and ids, which may be somebody's
	State   string
	Matched int // leads that it has
	LeftOut int // that matched too, and are newer
	Done    int // leads that it is through with
	Moved   int // of those
	Changed int // the others: their state had changed meanwhile, or they are not to be moved

	OrderedAt, EndedAt time.Time
}

// Move returns the move of the job's verb, unless that is [JobReplay].
func (j Job) Move(now time.Time) func(*Lead) error {
	switch j.Do {
	case JobRetry:
		return func(l *Lead) error { return l.Retry(now, false) }
	case JobRelease:
		return func(l *Lead) error { return l.Release(now) }
	case JobDiscard:
		return (*Lead).Discard
	case JobReplay:
	}
	return nil
}
