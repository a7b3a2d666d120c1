package web

import (
	"io"
	"net/http"

	"leadrelay/internal/locale"
)

// LoginPage asks for the operator's token.
type LoginPage struct {
	Lang  locale.Lang
	Error string // why the last try opened nothing; optional
}

// SitesPage shows each site with what goes into its pages.
type SitesPage struct {
	Lang       locale.Lang
	Relay      string // where the public door is on the web
	PropertyID string
	Error      string // what is wrong with Relay; optional
	Sites      []SiteView
}

// SiteView is a site as the operator sees it.
type SiteView struct {
	ID, Source string
	Origins    []string // whose pages may post here
	Form       string   // address of its hosted form
	Tag        string
	PinnedTag  string
}

var (
	loginPage = page("console/base.html", "console/login.html")
	sitesPage = page("console/base.html", "console/sites.html")
)

// RenderLogin writes the page that asks for the token.
func RenderLogin(w io.Writer, p LoginPage) error { return loginPage.Execute(w, p) }

// RenderSites writes the page of the sites.
func RenderSites(w io.Writer, p SitesPage) error { return sitesPage.Execute(w, p) }

// ConsoleAssets serves what the operator's pages need.
func ConsoleAssets() http.Handler { return Assets("console") }
