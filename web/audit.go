package web

import "io"

// AuditPage lists what was done, newest first.
type AuditPage struct {
	Frame
	Who, What, After, Before, Folio string // the filter
	Deeds                           []Choice
	Entries                         []AuditEntry
	Next                            string // address of the next page, if there is one
	Exports                         []Link // files with all of it
	IsFiltered                      bool
	Wrong                           string // what is wrong with the filter; optional
}

// AuditEntry is what somebody did.
type AuditEntry struct {
	At        When
	Who, From string
	What      string
	Leads     []Link
	About     []string
}

var auditPage = parsePage("console/base.html", "console/audit.html")

// RenderAudit writes the page of what was done.
func RenderAudit(w io.Writer, p AuditPage) error { return auditPage.Execute(w, p) }
