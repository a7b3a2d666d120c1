package console

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"leadrelay/internal/alerts"
	"leadrelay/internal/lead"
	"leadrelay/internal/locale"
	"leadrelay/web"
)

// showReports shows a report, the newest or the one in the address, and a list of all.
func (p *Pages) showReports(w http.ResponseWriter, r *http.Request) error {
	bodies, _, free, err := p.findReports(r.Context())
	if err != nil {
		return err
	}
	defer free()
	t := wordsFor(r)
	page := web.ReportsPage{Frame: p.frame(r, "/reports")}
	wanted := r.URL.Query().Get("at")
	for i, body := range bodies {
		var d lead.Drift
		if err := json.Unmarshal(body, &d); err != nil {
			return err
		}
		at := d.ReadAt.UTC().Format(time.RFC3339Nano)
		isShown := page.Shown == nil && (wanted == "" && i == 0 || wanted == at)
		if isShown {
			page.Shown = t.report(d)
		}
		page.Older = append(page.Older, web.ReportLine{
			At: t.when(d.ReadAt), URL: "/reports?at=" + url.QueryEscape(at), Found: t.found(d), IsShown: isShown,
		})
	}
	return writePage(w, r, http.StatusOK, func(b io.Writer, _ locale.Lang) error { return web.RenderReports(b, page) })
}

// runReport compares our leads with EasyBroker's lists now.
func (p *Pages) runReport(w http.ResponseWriter, r *http.Request) error {
	if err := checkBody(w, r); err != nil {
		return err
	}
	window := defaultWindow
	switch r.PostFormValue("days") {
	case "7":
		window = 7 * 24 * time.Hour
	case "30":
		window = 30 * 24 * time.Hour
	}
	extendDeadlines(w)
	if _, err := p.compare(r.Context(), time.Now().Add(-window)); err != nil {
		return err
	}
	return redirect(w, withNotice("/reports", "report"))
}

// found tells in a few words what a report found.
func (w words) found(d lead.Drift) string {
	if found := alerts.Found(w.lang, d.Counts()); found != "" {
		return found
	}
	return w.text("reports.fine")
}

// report returns a report in words.
func (w words) report(d lead.Drift) *web.ReportView {
	v := &web.ReportView{At: w.when(d.ReadAt), IsFine: !d.Found() && len(d.Unreadable) == 0}
	until := d.ReadAt
	if !d.Until.IsZero() {
		until = d.Until
	}
	v.Window = w.text("reports.window", d.Ours, d.Listed, w.when(d.Since).Text, w.when(until).Text)
	if d.Confirmed > 0 {
		v.Window += " " + w.count("reports.confirmed", d.Confirmed)
	}
	for _, kind := range lead.DriftKinds() {
		if d.Count(kind) > 0 {
			v.Findings = append(v.Findings, w.finding(d, kind))
		}
	}
	for _, u := range d.Unreadable {
		v.Findings = append(v.Findings, web.FindingView{
			Title:  w.text("drift.unreadable.of", strings.Join(u.Sites, ", ")),
			Remedy: sentence(w.reason(u.Why)) + ". " + w.text("remedy.unreadable"),
		})
	}
	return v
}

// sendAgain asks whether leads that EasyBroker took, and does not have, are to be sent once
// more.
func sendAgain(w words, leads []lead.Drifted) web.Action {
	again := web.Action{Label: w.text("do.again"), Path: "/leads/confirm", Hidden: []web.Pair{{Name: "do", Value: "retry"}, {Name: "back", Value: "/reports"}}}
	for _, l := range leads {
		again.Hidden = append(again.Hidden, web.Pair{Name: "id", Value: l.RemoteID.String()})
	}
	return again
}

// finding returns what was found of one kind, and what can be done about it.
func (w words) finding(d lead.Drift, kind lead.DriftKind) web.FindingView {
	const shown = 40
	all := *d.Of(kind)
	f := web.FindingView{Title: w.count("drift."+string(kind), d.Count(kind)), Remedy: w.text("remedy." + string(kind)), More: d.Count(kind) - min(len(all), shown)}
	for _, one := range all[:min(len(all), shown)] {
		view := web.DriftView{Folio: web.Folio(int64(one.RemoteID)), Detail: one.PropertyID}
		if one.Site != "" { // it is a lead of ours
			view.URL = "/leads/" + one.RemoteID.String()
			view.Detail = strings.Join([]string{one.Site, one.PropertyID, w.text("state." + string(one.State))}, " · ")
		}
		for _, field := range one.Fields {
			view.Detail += " · " + w.text("field.label."+string(field))
		}
		f.Leads = append(f.Leads, view)
	}
	if kind == lead.OnlyHere {
		f.Actions = []web.Action{sendAgain(w, all[:len(f.Leads)])}
	}
	return f
}
