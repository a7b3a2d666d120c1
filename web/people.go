package web

import "io"

// PeoplePage shows what is kept of a person, and lets an owner erase it.
type PeoplePage struct {
	Frame
	Who   string // as it was typed
	Error string // what is wrong with it; optional

	IsAsked   bool // for a person; what is kept of them follows
	Title     string
	Effects   []string // what erasing would do
	Leads     []PersonLead
	Mentioned []Link // leads of others
	Button    string // empty if there is nothing to erase
	Force     string // label of a check box for leads on their way; optional
	Done      string // what was erased just now; optional
}

// PersonLead is a lead of a person.
type PersonLead struct {
	Link

	State, Site string
	Received    When
}

var peoplePage = parsePage("console/base.html", "console/people.html")

// RenderPeople writes the page of a person.
func RenderPeople(w io.Writer, p PeoplePage) error { return peoplePage.Execute(w, p) }
