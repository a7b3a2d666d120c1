package web

import "io"

// TestsPage lists test inquiries, newest first.
type TestsPage struct {
	Frame
	Tests []TestView
}

// TestView is a test inquiry on that page, and how far it came.
type TestView struct {
	ID               int64
	Site, PropertyID string
	Story            []Moment
}

var testsPage = parsePage("console/base.html", "console/tests.html")

// RenderTests writes the page of the test inquiries.
func RenderTests(w io.Writer, p TestsPage) error { return testsPage.Execute(w, p) }
