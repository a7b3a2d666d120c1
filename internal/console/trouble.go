package console

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"leadrelay/internal/access"
	"leadrelay/internal/alerts"
	"leadrelay/internal/lead"
	"leadrelay/internal/problem"
	"leadrelay/web"
)

const (
	longDoubt = time.Hour // a doubt that lasts longer needs a person
	lowDisk   = 500 << 20 // bytes
)

// trouble returns all that needs a person, what is worst first.
func (p *Pages) trouble(ctx context.Context, w words) []web.Trouble {
	all := p.diskTrouble(ctx, w)
	for _, c := range together(p.courier.Status(ctx)) {
		all = append(all, p.stopped(ctx, w, c, "/"))
	}
	all = append(all, p.watchedTrouble(ctx, w)...)
	all = append(all, p.failedTrouble(ctx, w)...)
	all = append(all, p.doubtTrouble(ctx, w)...)
	all = append(all, p.oddTrouble(ctx, w)...)
	return onlyTold(ctx, append(all, p.driftTrouble(ctx, w)...))
}

// onlyTold takes away what whoever asks may not do about the trouble.
func onlyTold(ctx context.Context, all []web.Trouble) []web.Trouble {
	if _, err := access.Check(ctx, access.Act); err == nil {
		return all
	}
	for i := range all {
		all[i].Actions = nil
	}
	return all
}

// together returns the credentials and sites that are stopped. All that are down for the
// same reason are one, because it is EasyBroker that is down.
func together(status []lead.Credential) []lead.Credential {
	var all []lead.Credential
	for _, c := range status {
		same := func(other lead.Credential) bool {
			return c.State == lead.CredentialDown && other.State == c.State && other.Reason == c.Reason
		}
		switch i := slices.IndexFunc(all, same); {
		case !isStopped(c):
		case i < 0:
			all = append(all, c)
		default:
			all[i].Sites = slices.Concat(all[i].Sites, c.Sites)
			if c.Since.Before(all[i].Since) {
				all[i].Since = c.Since
			}
		}
	}
	return all
}

// troubleBySite returns what keeps the leads of each site waiting.
func (p *Pages) troubleBySite(r *http.Request) map[string][]web.Trouble {
	w, all := wordsFor(r), map[string][]web.Trouble{}
	for _, c := range p.courier.Status(r.Context()) {
		if !isStopped(c) || c.State == lead.SitePausedByHand { // the page says that by itself
			continue
		}
		for _, site := range c.Sites {
			all[site] = append(all[site], onlyTold(r.Context(), []web.Trouble{p.stopped(r.Context(), w, c, "/sites")})...)
		}
	}
	return all
}

// stopped tells of a credential that is held or down, or of a site that is paused. What a
// person can do about it by hand is among its actions.
func (p *Pages) stopped(ctx context.Context, w words, c lead.Credential, back string) web.Trouble {
	waiting := 0
	for _, site := range c.Sites {
		waiting += p.counts.of(ctx, site, lead.Queued, lead.Sending, lead.Doubtful).Leads
	}
	a := lead.Alert{Kind: lead.AlertKind(c.State), Sites: c.Sites, Reason: c.Reason}
	if c.State == lead.SitePausedByHand {
		a.Kind, a.Until = lead.AlertPaused, c.Until
	}
	t := web.Trouble{
		Mark: markBad, Title: alerts.Cause(w.lang, a),
		Since: w.when(c.Since), Begun: w.text("trouble.since"), Ago: w.since(c.Since), Waiting: w.count("trouble.waiting", waiting), Remedy: alerts.Remedy(w.lang, a),
	}
	if waiting == 0 {
		t.Waiting = w.text("trouble.waiting.none")
	}
	switch c.State {
	case lead.CredentialDown:
		t.Mark = markDoubt
	case lead.SitePausedByHand:
		t.Mark, t.Title = markDoubt, w.text("trouble."+c.State, cut(strings.Join(c.Sites, ", ")), w.when(c.Until).Text, c.Reason)
		t.Links = append(t.Links, web.Link{Text: w.text("console.resume.link"), URL: web.SafeURL("/sites/" + c.Sites[0] + "/pause")})
	}
	if len(c.Sites) > 0 && c.State != lead.SitePaused && c.State != lead.SitePausedByHand {
		t.Actions = append(t.Actions, web.Action{Label: w.text("do.probe"), Path: "/probe", Hidden: []web.Pair{{Name: "site", Value: c.Sites[0]}, {Name: "back", Value: back}}, Main: true})
	}
	return t
}

// failedTrouble tells of leads that were refused for good, or ran out of time.
func (p *Pages) failedTrouble(ctx context.Context, w words) []web.Trouble {
	var all []web.Trouble
	for _, c := range p.counts.list(ctx) {
		if c.State != lead.Failed || c.Leads == 0 {
			continue
		}
		a := lead.Alert{Kind: lead.AlertFailed, Sites: []string{c.Site}, Leads: c.Leads}
		all = append(all, web.Trouble{
			Mark: markBad, Title: alerts.Cause(w.lang, a), Since: w.when(c.Oldest), Begun: w.text("trouble.oldest"), Ago: w.since(c.Oldest),
			Waiting: alerts.Safe(w.lang, a), Remedy: alerts.Remedy(w.lang, a),
			Links: []web.Link{{Text: w.text("trouble.look"), URL: web.SafeURL(addressOf(lead.Failed, c.Site))}},
			Actions: append([]web.Action{{
				Label: w.text("do.retry_all"), Path: "/leads/confirm",
				Hidden: []web.Pair{{Name: "do", Value: "retry"}, {Name: "state", Value: string(lead.Failed)}, {Name: "site", Value: c.Site}, {Name: "back", Value: "/"}},
			}}, p.seenAction(ctx, w, lead.AlertFailed, c.Site)...),
		})
	}
	return all
}

// doubtTrouble tells of doubts that last.
func (p *Pages) doubtTrouble(ctx context.Context, w words) []web.Trouble {
	c := p.counts.of(ctx, "", lead.Doubtful)
	if c.Leads == 0 || w.now.Sub(c.Oldest) < longDoubt {
		return nil
	}
	a := lead.Alert{Kind: lead.AlertDoubtful, Leads: c.Leads}
	return []web.Trouble{{
		Mark: markDoubt, Title: alerts.Cause(w.lang, a), Since: w.when(c.Oldest), Begun: w.text("trouble.oldest"), Ago: w.since(c.Oldest),
		Waiting: alerts.Safe(w.lang, a), Remedy: alerts.Remedy(w.lang, a),
		Links: []web.Link{{Text: w.text("trouble.look"), URL: web.SafeURL(addressOf(lead.Doubtful, ""))}},
	}}
}

// oddTrouble tells of leads that EasyBroker took and does not list, or lists twice.
func (p *Pages) oddTrouble(ctx context.Context, w words) []web.Trouble {
	const most, shown = 200, 10
	leads, err := p.sight.OddLeads(ctx, most)
	if err != nil {
		return nil
	}
	byReason := map[string][]lead.Lead{}
	for _, l := range leads {
		byReason[l.Reason] = append(byReason[l.Reason], l)
	}
	var all []web.Trouble
	for _, reason := range []string{lead.ReasonMissing, lead.ReasonTwice} {
		odd := byReason[reason]
		if len(odd) == 0 {
			continue
		}
		a := lead.Alert{Kind: lead.AlertKind(reason), Leads: len(odd)}
		t := web.Trouble{
			Mark: markDoubt, Title: alerts.Cause(w.lang, a), Since: w.when(odd[len(odd)-1].ReceivedAt),
			Begun: w.text("trouble.oldest"), Ago: w.since(odd[len(odd)-1].ReceivedAt),
			Waiting: alerts.Safe(w.lang, a), Remedy: alerts.Remedy(w.lang, a), Actions: p.seenAction(ctx, w, a.Kind, ""),
		}
		for _, l := range odd[:min(len(odd), shown)] {
			t.Links = append(t.Links, web.Link{Text: w.row(l).Who, URL: web.SafeURL("/leads/" + l.RemoteID.String())})
		}
		all = append(all, t)
	}
	return all
}

// driftTrouble tells what the last reconciliation found.
func (p *Pages) driftTrouble(ctx context.Context, w words) []web.Trouble {
	reports, _, err := p.store.Reports(ctx, 1)
	if err != nil || len(reports) == 0 {
		return nil
	}
	var d lead.Drift
	if json.Unmarshal(reports[0], &d) != nil || !d.Found() && len(d.Unreadable) == 0 {
		return nil
	}
	a := lead.Alert{Kind: lead.AlertDrift, Found: d.Counts()}
	return []web.Trouble{{
		Mark: markDoubt, Title: alerts.Cause(w.lang, a), Since: w.when(d.ReadAt), Begun: w.text("trouble.since"), Ago: w.since(d.ReadAt),
		Waiting: alerts.Safe(w.lang, a), Remedy: alerts.Remedy(w.lang, a),
		Links: []web.Link{{Text: w.text("trouble.report"), URL: web.SafeURL("/reports")}},
	}}
}

// diskTrouble tells of a disk that is nearly full.
func (p *Pages) diskTrouble(ctx context.Context, w words) []web.Trouble {
	free, err := p.sight.Free(ctx)
	if err != nil || free >= lowDisk {
		return nil
	}
	a := lead.Alert{Kind: lead.AlertStore, Free: max(free, 1)}
	return []web.Trouble{{Mark: markBad, Title: alerts.Cause(w.lang, a), Waiting: alerts.Safe(w.lang, a), Remedy: alerts.Remedy(w.lang, a)}}
}

func addressOf(state lead.State, site string) string {
	address := "/leads?state=" + string(state)
	if site != "" {
		address = "/leads?site=" + site + "&state=" + string(state) // an id has letters, digits and hyphens
	}
	return address
}

// probe asks EasyBroker now whether the credential of a site works.
func (p *Pages) probe(w http.ResponseWriter, r *http.Request) error {
	if err := checkBody(w, r); err != nil {
		return err
	}
	site := r.PostFormValue("site")
	if !slices.Contains(p.ids(r.Context()), site) {
		return problem.New(problem.Unreadable, errForm)
	}
	extendDeadlines(w)
	done := "probe.works"
	p.note(r.Context(), access.Entry{What: access.DidProbe, Sites: []string{site}})
	reason, err := p.courier.Probe(r.Context(), site)
	if err != nil {
		return storeProblem(r.Context(), err)
	}
	if reason != "" {
		e := lead.Explain(reason)
		if e.Cause != "" {
			e.Key = e.Cause
		}
		done = fmt.Sprintf("probe.%s.%d", e.Key, e.Status)
	}
	return redirect(w, withNotice(returnTo(r), done))
}
