package web

import (
	"bytes"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"leadrelay/internal/locale"
)

var noon = When{Text: "12:00:07", ISO: "2026-11-28T12:00:07-06:00"}

func frame(l locale.Lang, here string) Frame {
	return Frame{Lang: l, Here: here, Back: here, Zone: "CST", Quarantined: 3, CanAct: true, SeesAll: true, SeesPeople: true, SeesSettings: true}
}

// liveFrame is that of a page that shows changes as they come.
func liveFrame(l locale.Lang, here string) Frame {
	f := frame(l, here)
	f.Cursor = "0-26-28766129035-0"
	return f
}

func TestGoldenConsolePages(t *testing.T) {
	for _, l := range []locale.Lang{locale.ES, locale.EN} {
		for name, render := range consolePages(l, "Ana Ñ.") {
			t.Run(name+" in "+string(l), func(t *testing.T) { golden(t, name+"."+string(l)+".html", render) })
		}
	}
}

// consolePages are the pages of the console with a text of a visitor in all places where
// one can be.
func consolePages(l locale.Lang, v string) map[string]func(*bytes.Buffer) error {
	row := LeadRow{
		ID: 28252880123, Who: v, Contact: v, PropertyID: v, Site: v, Received: noon, State: "failed", Why: v,
		Retry: true, Throw: true,
	}
	hidden := []Pair{{"id", v}, {"back", v}}
	action := Action{Label: v, Path: "/leads/confirm", Hidden: hidden, Main: true}
	link := Link{Text: v, URL: SafeURL("/leads/1")}
	trouble := Trouble{Mark: "bad", Title: v, Begun: "Desde", Since: noon, Ago: v, Waiting: v, Remedy: v, Links: []Link{link}, Actions: []Action{action, {Label: v, Path: "/probe"}}}
	pairs := []Pair{{v, v}}
	list := LeadsPage{
		Frame: liveFrame(l, "/leads"), Path: "/leads", Self: "/leads?q=" + v, Filter: Filter{Text: v, PropertyID: v, After: "2026-11-28", Before: v},
		Sites: []string{v}, States: []string{"failed", "queued"}, Rows: []LeadRow{row, {ID: 7, Who: v, State: "queued"}}, First: "/leads", Next: "/leads?cursor=7",
	}
	list.Exports, list.All = []Link{link}, &AllLeads{Label: "With " + v, Hidden: hidden, Verbs: []string{"retry", "discard"}}
	quarantine := list
	quarantine.Frame, quarantine.Path = frame(l, "/quarantine"), "/quarantine"
	quarantine.Quarantine = &QuarantineView{Thresholds: []Threshold{{v, 100}, {"lofts", 0}}, Reasons: []ReasonCount{{v, 12}}}
	empty := LeadsPage{Frame: frame(l, "/leads"), Path: "/leads"}
	wrong := empty
	wrong.Wrong = v
	overview := OverviewPage{
		Frame: liveFrame(l, "/"), Numbers: []Number{{Label: v, Value: "412"}, {Label: v, Value: "4", Note: v, URL: "/leads?state=queued"}},
		Trouble: []Trouble{trouble}, Rows: []LeadRow{row},
	}
	report := ReportView{At: noon, Window: v, Findings: []FindingView{
		{Title: v, Remedy: v, Leads: []DriftView{{Folio: "28 252 880 123", URL: "/leads/28252880123", Detail: v}, {Folio: "7", Detail: v}}, More: 9, Actions: []Action{action}},
	}}
	noticed := frame(l, "/leads")
	noticed.Notice = v
	return map[string]func(*bytes.Buffer) error{
		"tests": func(b *bytes.Buffer) error {
			return RenderTests(b, TestsPage{Frame: frame(l, "/sites"), Tests: []TestView{{ID: 28252880123, Site: v, PropertyID: v, Story: []Moment{{At: noon, Mark: "ok", Text: v}, {Text: v}}}}})
		},
		"tests-none":    func(b *bytes.Buffer) error { return RenderTests(b, TestsPage{Frame: frame(l, "/sites")}) },
		"leads":         func(b *bytes.Buffer) error { return RenderLeads(b, list) },
		"leads-none":    func(b *bytes.Buffer) error { return RenderLeads(b, empty) },
		"leads-wrong":   func(b *bytes.Buffer) error { return RenderLeads(b, wrong) },
		"quarantine":    func(b *bytes.Buffer) error { return RenderLeads(b, quarantine) },
		"overview":      func(b *bytes.Buffer) error { return RenderOverview(b, overview) },
		"overview-fine": func(b *bytes.Buffer) error { return RenderOverview(b, OverviewPage{Frame: frame(l, "/")}) },
		"confirm": func(b *bytes.Buffer) error {
			return RenderConfirm(b, ConfirmPage{
				Frame: noticed, Title: v, Effects: []string{v}, Names: []string{v, v}, More: 3, Action: "/leads/move", Hidden: hidden, Force: v, Button: v, Grave: true, Return: "/leads",
			})
		},
		"confirm-none": func(b *bytes.Buffer) error {
			return RenderConfirm(b, ConfirmPage{Frame: frame(l, ""), Title: v, Return: "/leads"})
		},
		"lead": func(b *bytes.Buffer) error {
			return RenderLead(b, LeadPage{
				Frame: frame(l, "/leads"), Row: row, Now: v, Message: v, Replies: []Link{link}, Story: []Moment{{noon, "ok", v}, {Mark: "bad", Text: v}},
				Facts: pairs, Rectified: v, Consent: pairs, Extra: pairs, Notes: []string{v}, CanEdit: true,
			})
		},
		"lead-taken": func(b *bytes.Buffer) error {
			return RenderLead(b, LeadPage{Frame: frame(l, "/leads"), Row: LeadRow{ID: 7, Who: v, State: "confirmed"}, CanForce: true})
		},
		"edit": func(b *bytes.Buffer) error {
			return RenderEdit(b, EditPage{Frame: frame(l, "/leads"), ID: 7, Who: v, Hint: v, Summary: v, Fields: []EditField{
				{Key: "property_id", Value: v, Error: v, Focus: true}, {Key: "name", Value: v}, {Key: "email", Value: v}, {Key: "phone", Value: v}, {Key: "message", Value: v},
			}})
		},
		"reports": func(b *bytes.Buffer) error {
			return RenderReports(b, ReportsPage{Frame: frame(l, "/reports"), Shown: &report, Older: []ReportLine{{At: noon, URL: "/reports?at=x", Found: v, IsShown: true}}})
		},
		"reports-fine": func(b *bytes.Buffer) error {
			return RenderReports(b, ReportsPage{Frame: frame(l, "/reports"), Shown: &ReportView{At: noon, Window: v, IsFine: true}})
		},
		"jobs": func(b *bytes.Buffer) error {
			return RenderJobs(b, JobsPage{Frame: noticed, Jobs: []JobView{
				{ID: 2, Title: v, Which: v, State: "running", Facts: []string{v, v}, Done: 50, Matched: 600, Ordered: noon},
				{ID: 1, Title: v, State: "done", Facts: []string{v}, Done: 3, Matched: 3, Ordered: noon, Ended: noon},
			}})
		},
		"audit": func(b *bytes.Buffer) error {
			return RenderAudit(b, AuditPage{Frame: frame(l, "/audit"), Who: v, Folio: v, After: v, Deeds: []Choice{{Value: "retry", Label: v, IsChosen: true}}, IsFiltered: true, Next: "/audit?cursor=7", Exports: []Link{{Text: v, URL: "/audit.csv"}, {Text: v, URL: "/audit.ndjson"}}, Entries: []AuditEntry{
				{At: noon, Who: v, From: "203.0.113.0/24", What: v, Leads: []Link{{Text: "28 793 951 000", URL: "/leads/28793951000"}}, About: []string{v, v}}, {At: noon, Who: v, What: v},
			}})
		},
		"audit-none": func(b *bytes.Buffer) error { return RenderAudit(b, AuditPage{Frame: frame(l, "/audit"), Wrong: v}) },
		"people": func(b *bytes.Buffer) error {
			return RenderPeople(b, PeoplePage{Frame: frame(l, "/people"), Who: v, IsAsked: true, Title: v, Done: v,
				SeesRequests: true, Kinds: []Choice{{Value: "access", Label: v}}, RequestError: v,
				Requests: []RequestView{{ID: 7, Title: v, Who: v, State: v, Due: v, Left: v, Mark: "doubt", Received: noon, Steps: []Choice{{Value: "check", Label: v}}}},
				Ended:    []RequestView{{ID: 3, Title: v, State: v, Received: noon, Ended: noon}},
				Acts:     []PersonAct{{Name: "block", Title: v, Effects: []string{v}, Button: v}, {Name: "erase", Title: v, Effects: []string{v}, Button: v, Force: v, IsGrave: true}},
				Leads:    []PersonLead{{Link: Link{Text: "7", URL: "/leads/7"}, State: "confirmed", Site: v, Received: noon, Blocked: v}}, Mentioned: []Link{{Text: "8", URL: "/leads/8"}}})
		},
		"people-wrong": func(b *bytes.Buffer) error {
			return RenderPeople(b, PeoplePage{Frame: frame(l, "/people"), Who: v, Error: v})
		},
		"tokens": func(b *bytes.Buffer) error {
			return RenderTokens(b, TokensPage{Frame: frame(l, "/tokens"), First: v, Made: v, Secret: v, Name: v, Error: v, None: v,
				Tokens: []TokenView{{Name: v, Role: v, Sites: v, By: v, Made: noon, Used: v, Ends: v, Revoke: "/tokens/ana/revoke", HasExpired: true}},
				Roles:  []Choice{{Value: "viewer", Label: v}}, Sites: []Choice{{Value: v, Label: v, IsChosen: true}}, Lasts: []Choice{{Value: "30", Label: v, IsChosen: true}}})
		},
		"tokens-none": func(b *bytes.Buffer) error {
			return RenderTokens(b, TokensPage{Frame: frame(l, "/tokens"), First: v, IsGood: true, None: v})
		},
		"jobs-none":    func(b *bytes.Buffer) error { return RenderJobs(b, JobsPage{Frame: frame(l, "/leads")}) },
		"reports-none": func(b *bytes.Buffer) error { return RenderReports(b, ReportsPage{Frame: frame(l, "/reports")}) },
		"settings": func(b *bytes.Buffer) error {
			return RenderSettings(b, SettingsPage{Frame: frame(l, "/settings"), Text: v + "\n" + v, CanExamine: true, IsExamined: true, Findings: []Finding{
				{Level: "fine", About: v, Says: v}, {Level: "trouble", About: v, Says: v, Remedy: v},
			}})
		},
		"settings-plain": func(b *bytes.Buffer) error {
			return RenderSettings(b, SettingsPage{Frame: frame(l, "/settings"), Text: v, CanExamine: true})
		},
		"message": func(b *bytes.Buffer) error {
			return RenderMessage(b, MessagePage{Frame: frame(l, ""), Title: v, Detail: v, Next: v, Status: 404, RequestID: v})
		},
	}
}

// Whatever a visitor wrote, the console shows it as text, and runs nothing.
func TestNoVisitorGetsIntoTheConsole(t *testing.T) {
	for i, v := range hostile {
		for name, render := range consolePages(locale.ES, v) {
			page := parse(t, render)
			require.Empty(t, page.all(func(n *html.Node) bool { return runsScript(n) && attr(n, "src") == "" && attr(n, "value") != v }), "%s with %d", name, i)
			require.Empty(t, page.all(func(n *html.Node) bool {
				return n.Data == "img" || n.Data == "iframe" || n.Data == "svg" || n.Data == "base"
			}), "%s with %d", name, i)
			require.Len(t, page.all(func(n *html.Node) bool { return n.Data == "script" }), 1, "%s with %d", name, i)
			require.Len(t, page.all(func(n *html.Node) bool { return n.Data == "main" }), 1, "%s with %d: nothing ends early", name, i)
		}
	}
}

// hostile is what people write into forms who look for holes in the pages that show it.
var hostile = []string{
	`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `'><svg/onload=alert(1)>`, `</textarea></form><script>alert(1)</script>`,
	`" autofocus onfocus="alert(1)`, `javascript:alert(1)`, `data:text/html,<script>alert(1)</script>`, `</title><script>alert(1)</script>`,
	`<!--`, `]]>`, `<base href=//evil.example>`, `<meta http-equiv=refresh content=0>`, `<iframe srcdoc="<script>alert(1)</script>">`,
	`{{.}} ${7*7} <%= 7 %>`, "\u202eevil\u202c", "\x00\xff", "&lt;script&gt;", `<a href="javascript:alert(1)">x</a>`, `<style>*{display:none}</style>`,
	`<math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>`, "`-alert(1)-`", `\"-alert(1)//`, `<plaintext>`, `<template><script>`,
}

// A page is small, however long what visitors wrote is.
func TestConsolePagesAreSmall(t *testing.T) {
	const most = 60 << 10
	long := LeadsPage{Frame: frame(locale.ES, "/leads"), Path: "/leads", States: []string{"failed"}}
	for i := range 25 {
		field := string(bytes.Repeat([]byte(`"`), 60))
		long.Rows = append(long.Rows, LeadRow{
			ID: 1<<53 - 1 - int64(i), Who: field, Contact: field, PropertyID: field, Site: field, Received: noon, State: "quarantined", Why: string(bytes.Repeat([]byte("ñ"), 160)),
		})
	}
	var b bytes.Buffer
	require.NoError(t, RenderLeads(&b, long))
	require.LessOrEqual(t, b.Len(), most, strconv.Itoa(b.Len()))
	for name, render := range consolePages(locale.ES, string(bytes.Repeat([]byte("ñ "), 100))) {
		b.Reset()
		require.NoError(t, render(&b))
		require.LessOrEqual(t, b.Len(), most, name)
	}
}
