package web

import (
	"io"
	"net/http"

	"leadrelay/internal/locale"
)

// LoginPage asks for the operator's token.
type LoginPage struct {
	Lang  locale.Lang
	Error string // why the last token was refused; optional
}

// SitesPage shows each site with the tags for its pages.
type SitesPage struct {
	Lang       locale.Lang
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
	Paused     string // until when and why a person has paused it; optional
	Waiting    string // how many leads wait there; optional
}

// PausePage asks how long a site is to be paused, and why. If it is paused, it offers to
// end that.
type PausePage struct {
	Lang    locale.Lang
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

var (
	loginPage = parsePage("console/base.html", "console/login.html")
	sitesPage = parsePage("console/base.html", "console/sites.html")
	pausePage = parsePage("console/base.html", "console/pause.html")
)

// RenderLogin writes the page that asks for the token.
func RenderLogin(w io.Writer, p LoginPage) error { return loginPage.Execute(w, p) }

// RenderSites writes the page of the sites.
func RenderSites(w io.Writer, p SitesPage) error { return sitesPage.Execute(w, p) }

// RenderPause writes the page that pauses a site.
func RenderPause(w io.Writer, p PausePage) error { return pausePage.Execute(w, p) }

// ConsoleAssets serves the assets of the operator's pages.
func ConsoleAssets() http.Handler { return Assets("console") }
