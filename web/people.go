package web

import "io"

// RequestView is what a person has asked for.
type RequestView struct {
	ID              int64
	Title, Who      string
	State           string
	Due, Left, Mark string // when the next step is due; empty if the request has ended
	Received, Ended When
	Steps           []Choice
}

// PeoplePage shows what is kept of a person, and lets an owner block and erase it.
type PeoplePage struct {
	Frame
	Who   string // as it was typed
	Error string // what is wrong with it; optional

	SeesRequests    bool
	Requests, Ended []RequestView
	Kinds           []Choice
	RequestError    string // what is wrong with a new one; optional

	IsAsked   bool // for a person; what is kept of them follows
	Title     string
	Leads     []PersonLead
	Mentioned []Link      // leads of others
	Acts      []PersonAct // what can be done
	Done      string      // what was done just now; optional
}

// PersonAct is what can be done with all leads of a person.
type PersonAct struct {
	Name, Title string   // Name is the last part of the address
	Effects     []string // what it would do
	Button      string
	Force       string // label of a check box for leads on their way; optional
	IsGrave     bool
}

// PersonLead is a lead of a person.
type PersonLead struct {
	Link

	State, Site string
	Received    When
	Blocked     string // until when it is; optional
}

var peoplePage = parsePage("console/base.html", "console/people.html")

// RenderPeople writes the page of a person.
func RenderPeople(w io.Writer, p PeoplePage) error { return peoplePage.Execute(w, p) }
