package web

import (
	"html/template"
	"io"
)

// LeadRow is a lead in a list.
type LeadRow struct {
	ID                    int64
	Who, Contact          string
	PropertyID, Site      string
	Received              When
	State, Why            string
	Retry, Release, Throw bool // what a person can do with it
}

// Filter is which leads a list shows, as in its address.
type Filter struct{ Site, State, PropertyID, Text, After, Before, Notice string }

// LeadsPage lists leads, newest first.
type LeadsPage struct {
	Frame
	Quarantine *QuarantineView // what the page of the quarantine has besides; nil elsewhere
	Path       string          // of the list
	Self       string          // the address of this page of the list
	Filter     Filter
	Sites      []string
	States     []string
	Rows       []LeadRow
	First      string    // address of the first page of the list, unless this is it
	Next       string    // address of the next page, if there is one
	Exports    []Link    // files with all leads of the list
	All        *AllLeads // what can be done with all leads of the list; optional
	Wrong      string    // what is wrong with the filter; optional
}

// QuarantineView is why leads were quarantined.
type QuarantineView struct {
	Thresholds []Threshold
	Reasons    []ReasonCount // of the leads that are there now and came in the last 30 days
}

// Threshold is the score from which on a site quarantines an inquiry.
type Threshold struct {
	Site  string
	Score int // 0: nothing is quarantined
}

// ReasonCount is a reason with the number of leads that have it.
type ReasonCount struct {
	Text  string
	Leads int
}

// IsFiltered reports whether the list shows only some leads.
func (p LeadsPage) IsFiltered() bool { return p.Filter != Filter{} }

// Choose reports whether the rows can be chosen.
func (p LeadsPage) Choose() bool { return p.CanAct }

// ConfirmPage says what will happen, and asks before it does.
type ConfirmPage struct {
	Frame
	Title   string
	Effects []string // what will happen
	Names   []string // of some of the leads
	More    int      // how many more there are
	Action  string
	Hidden  []Pair
	Force   string // label of a check box that sends leads a second time; optional
	Button  string // empty if there is nothing to do
	Grave   bool   // the button throws away
	Return  string // the address to return to
}

// LeadPage tells the story of a lead.
type LeadPage struct {
	Frame
	Row               LeadRow
	Now               string // what its state means, in a sentence
	Message           string
	Replies           []Link
	Story             []Moment
	Facts             []Pair // its other fields
	Rectified         string // which fields are others in EasyBroker; optional
	Consent           []Pair // what its visitor has agreed to
	Extra             []Pair // what else came with it
	Notes             []string
	CanEdit, CanForce bool
}

// Moment is a part of a lead's story.
type Moment struct {
	At   When   // empty if nobody knows
	Mark string // ok, doubt, bad, wait or held
	Text string
}

// EditPage changes the fields of a lead.
type EditPage struct {
	Frame
	ID      int64
	Who     string
	Hint    string // what saving does, and what it does not
	Fields  []EditField
	Summary string // how many fields are wrong; empty if none is
}

// EditField is a field of the form that changes a lead.
type EditField struct {
	Key, Value string
	Error      string // how to correct it; empty if it is right
	Focus      bool   // set for the first wrong field
}

var (
	leadsPage   = parsePage("console/base.html", "console/lead-rows.html", "console/leads.html")
	confirmPage = parsePage("console/base.html", "console/confirm.html")
	leadPage    = parsePage("console/base.html", "console/lead.html")
	editPage    = parsePage("console/base.html", "console/edit.html")
)

// RenderLeads writes a list of leads.
func RenderLeads(w io.Writer, p LeadsPage) error { return leadsPage.Execute(w, p) }

// RenderConfirm writes a page that asks before something is done.
func RenderConfirm(w io.Writer, p ConfirmPage) error { return confirmPage.Execute(w, p) }

// RenderLead writes the page of a lead.
func RenderLead(w io.Writer, p LeadPage) error { return leadPage.Execute(w, p) }

// RenderEdit writes the form that changes a lead.
func RenderEdit(w io.Writer, p EditPage) error { return editPage.Execute(w, p) }

// SafeURL marks a URL that we have made of checked parts, because the templates trust no
// tel: by themselves.
func SafeURL(url string) template.URL { return template.URL(url) } //nolint:gosec // see above
