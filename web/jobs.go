package web

import "io"

// AllLeads is what can be done with all leads of a list at once.
type AllLeads struct {
	Label  string
	Hidden []Pair // which leads they are
	Verbs  []string
}

// JobsPage lists what was done with many leads, newest first.
type JobsPage struct {
	Frame
	Jobs []JobView
}

// JobView is a job on that page.
type JobView struct {
	ID             int64
	Title, Which   string
	State          string   // running, done or aborted
	Facts          []string // how far it is, and what became of its leads
	Done, Matched  int
	Ordered, Ended When
}

// IsRunning reports whether the job can be aborted.
func (j JobView) IsRunning() bool { return j.State == "running" }

var jobsPage = parsePage("console/base.html", "console/jobs.html")

// RenderJobs writes the page of the jobs.
func RenderJobs(w io.Writer, p JobsPage) error { return jobsPage.Execute(w, p) }
