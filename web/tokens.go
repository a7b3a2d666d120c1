package web

import (
	"html/template"
	"io"
)

// TokenView is a token in the list.
type TokenView struct {
	Name, Role, Sites string
	By                string
	Made              When
	Used              string       // the last day, or that it never was
	Ends              string       // when, or that it never does
	Revoke            template.URL // of the page that asks
	HasExpired        bool
}

// TokensPage lists the tokens of people and programs, and makes one.
type TokensPage struct {
	Frame
	Tokens []TokenView
	First  string // what is to be said of the token of the settings; optional
	IsGood bool   // nothing needs to be done about it

	// What was made just now: what is to be sent is shown once, and never again.
	Made, Secret string

	Name         string // of a new one, as it was typed
	Error        string // what is wrong with it; optional
	Roles, Sites []Choice
	Lasts        []Choice
	None         string // what a token sees for which no site is chosen
}

var tokensPage = parsePage("console/base.html", "console/tokens.html")

// RenderTokens writes the page of the tokens.
func RenderTokens(w io.Writer, p TokensPage) error { return tokensPage.Execute(w, p) }
