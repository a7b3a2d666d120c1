package web

import "io"

// SettingsPage shows what is in force, and what a look from outside found.
type SettingsPage struct {
	Frame
	Text       string // as in a file of settings
	CanExamine bool
	IsExamined bool
	Findings   []Finding
}

// Finding is what a look at one thing showed.
type Finding struct{ Level, About, Says, Remedy string }

var settingsPage = parsePage("console/base.html", "console/settings.html")

// RenderSettings writes the page of the settings.
func RenderSettings(w io.Writer, p SettingsPage) error { return settingsPage.Execute(w, p) }
