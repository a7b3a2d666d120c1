package web

import "io"

// ReportsPage shows what was found when our leads were compared with EasyBroker's lists.
type ReportsPage struct {
	Frame
	Shown *ReportView // the newest, or the one that was chosen; nil if there is none
	Older []ReportLine
}

// ReportLine is a report in the list of all.
type ReportLine struct {
	At      When
	URL     string
	Found   string // in a few words
	IsShown bool
}

// ReportView is one report.
type ReportView struct {
	At       When
	Window   string // what was compared
	IsFine   bool
	Findings []FindingView
}

// FindingView is what was found of one kind.
type FindingView struct {
	Title   string
	Remedy  string
	Leads   []DriftView
	More    int // how many more there are
	Actions []Action
}

// DriftView is a lead, or a contact request, of a finding.
type DriftView struct {
	Folio  string
	URL    string // of the lead; empty if it is none of ours
	Detail string
}

var reportsPage = parsePage("console/base.html", "console/trouble.html", "console/reports.html")

// RenderReports writes the page of the reports.
func RenderReports(w io.Writer, p ReportsPage) error { return reportsPage.Execute(w, p) }
