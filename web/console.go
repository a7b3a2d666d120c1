package web

import (
	"html/template"
	"io"
	"net/http"

	"leadrelay/internal/locale"
)

// Frame is what stands around each page of the console.
type Frame struct {
	Lang        locale.Lang
	Here        string // path of the page in the navigation
	Back        string // where the switch of the language returns to
	Zone        string // the time zone of all times on the page
	Quarantined int    // leads that wait in quarantine
	Notice      string // what was done just now; optional
	Cursor      string // where the events of a live page begin; empty if it is none

	// What whoever looks may do: change something, see what is about all sites, and see
	// the settings.
	CanAct, SeesAll, SeesPeople, SeesSettings bool
}

// When is a time for people, and for programs.
type When struct{ Text, ISO string }

// Link is a link of the console.
type Link struct {
	Text string
	URL  template.URL // made by us of what was checked
}

// LoginPage asks for the operator's token.
type LoginPage struct {
	Lang  locale.Lang
	Error string // why the last token was refused; optional
}

// SitesPage shows each site with the tags for its pages.
type SitesPage struct {
	Frame
	Relay      string // URL of the public door
	PropertyID string
	Error      string // what is wrong with Relay; optional
	Hint       string // what to do about Relay; optional
	Sites      []SiteView
}

// SiteView is a site on the operator's page.
type SiteView struct {
	ID, Source string
	Origins    []string // whose pages may post here
	Form       string   // URL of its hosted form
	Tag        string
	PinnedTag  string
	Trouble    []Trouble // what keeps its leads waiting, with what can be done about it
	Paused     string    // until when and why a person has paused it; optional
	Waiting    string    // how many leads wait there; optional
	Quiet      string    // since when no inquiry has come, and how often that happens; optional
}

// PausePage asks how long a site is to be paused, and why. If it is paused, it offers to
// end that.
type PausePage struct {
	Frame
	Site    string
	Now     string // until when and why it is paused; empty if it is not
	Waiting string // how many leads wait there; optional
	Lengths []Choice
	Why     string
	Error   string // what is wrong with Why; optional
	Shared  string // the other sites of its key; optional
}

// Choice is one of several in a form.
type Choice struct {
	Value, Label string
	IsChosen     bool
}

// MessagePage says one thing, such as that there is no such lead.
type MessagePage struct {
	Frame
	Title, Detail, Next string
	Status              int
	RequestID           string
}

var (
	loginPage   = parsePage("console/base.html", "console/login.html")
	sitesPage   = parsePage("console/base.html", "console/trouble.html", "console/sites.html")
	pausePage   = parsePage("console/base.html", "console/pause.html")
	messagePage = parsePage("console/base.html", "console/message.html")
)

// RenderLogin writes the page that asks for the token.
func RenderLogin(w io.Writer, p LoginPage) error { return loginPage.Execute(w, p) }

// RenderSites writes the page of the sites.
func RenderSites(w io.Writer, p SitesPage) error { return sitesPage.Execute(w, p) }

// RenderPause writes the page that pauses a site.
func RenderPause(w io.Writer, p PausePage) error { return pausePage.Execute(w, p) }

// RenderMessage writes a page of the console that says one thing.
func RenderMessage(w io.Writer, p MessagePage) error { return messagePage.Execute(w, p) }

// ConsoleAssets serves the assets of the operator's pages.
func ConsoleAssets() http.Handler { return Assets("console") }
