package web

import (
	"html/template"
	"io"
)

// OverviewPage is the operator's first page: the truth in five numbers, then whatever
// needs a person, then the newest leads.
type OverviewPage struct {
	Frame
	Numbers []Number
	Trouble []Trouble
	// MoreTrouble is how much more there is.
	MoreTrouble int
	Rows        []LeadRow
	Charts      template.HTML // made by [RenderCharts]
}

// Choose reports whether the rows can be chosen.
func (OverviewPage) Choose() bool { return false }

// Number is one of the five numbers.
type Number struct {
	Label, Value, Note, URL string
}

// Trouble is something that needs a person.
type Trouble struct {
	Mark    string // bad, doubt or wait
	Title   string // what happened
	Begun   string // what Since is
	Since   When   // empty if nobody knows
	Ago     string // how long that is ago
	Waiting string // that nothing is lost, and how many leads wait
	Remedy  string // what to do
	Links   []Link
	Actions []Action
}

// Action is a button that posts a form.
type Action struct {
	Label  string
	Path   string
	Hidden []Pair
	Main   bool // the one to press first
}

var overviewPage = parsePage("console/base.html", "console/trouble.html", "console/lead-rows.html", "console/overview.html")

// RenderOverview writes the operator's first page.
func RenderOverview(w io.Writer, p OverviewPage) error { return overviewPage.Execute(w, p) }
