package console

import (
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"sort"
	"strings"
	"time"

	"leadrelay/internal/lead"
	"leadrelay/internal/locale"
	"leadrelay/internal/problem"
	"leadrelay/web"
)

// rowsAtOnce is how many leads a page lists. So it stays small whatever visitors wrote.
const rowsAtOnce = 25

func (p *Pages) showLeads(w http.ResponseWriter, r *http.Request) error {
	return p.showList(w, r, web.LeadsPage{Frame: p.liveFrame(r, "/leads"), Path: "/leads"})
}

// showQuarantine lists what looks like spam, with the reasons.
func (p *Pages) showQuarantine(w http.ResponseWriter, r *http.Request) error {
	page := web.LeadsPage{Frame: p.liveFrame(r, "/quarantine"), Path: "/quarantine", Quarantine: &web.QuarantineView{}}
	for _, s := range p.sitesOf(r.Context()) {
		page.Quarantine.Thresholds = append(page.Quarantine.Thresholds, web.Threshold{Site: s.ID, Score: s.Threshold})
	}
	const window = 30 * 24 * time.Hour
	if reasons, err := p.sight.QuarantineReasons(r.Context(), time.Now().Add(-window)); err == nil {
		page.Quarantine.Reasons = wordsFor(r).tally(reasons)
	}
	return p.showList(w, r, page)
}

// tally counts each sign once for each lead that has it, the most frequent first.
func (w words) tally(byReason map[string]int) []web.ReasonCount {
	bySign := map[string]int{}
	for reason, n := range byReason {
		for sign := range strings.SplitSeq(reason, ", ") {
			bySign[w.reason(sign)] += n
		}
	}
	all := make([]web.ReasonCount, 0, len(bySign))
	for _, text := range slices.Sorted(maps.Keys(bySign)) {
		all = append(all, web.ReasonCount{Text: text, Leads: bySign[text]})
	}
	sort.SliceStable(all, func(i, j int) bool { return all[i].Leads > all[j].Leads })
	return all[:min(len(all), 30)]
}

// showList lists the leads that the address asks for. One that has a search in plain words,
// which a person typed or has kept, is exchanged for one that has not.
func (p *Pages) showList(w http.ResponseWriter, r *http.Request, page web.LeadsPage) error {
	query := r.URL.Query()
	query.Del("done")
	if len(query[plainSearch]) == 1 && query.Get(plainSearch) != "" {
		return p.toList(w, r, page.Path, query)
	}
	plain, over := p.opened(r, query)
	page.Filter = web.Filter{
		Site: plain.Get("site"), State: plain.Get("state"), PropertyID: plain.Get("property_id"), Text: plain.Get("q"), After: plain.Get("after"), Before: plain.Get("before"), Notice: plain.Get("notice"),
	}
	page.Sites, page.States, page.Self = p.siteIDs(r.Context(), page.Filter.Site), stateNames(), page.Back
	f, err := listFilter(plain)
	if page.Quarantine != nil {
		page.Filter.State, f.State = "", lead.Quarantined
	}
	status := http.StatusOK
	if over != nil {
		status, page.Wrong = http.StatusBadRequest, locale.Text(page.Lang, "leads.search.over")
	} else if err != nil {
		status, page.Wrong = http.StatusBadRequest, locale.Text(page.Lang, "leads.wrong")
	} else if err := p.fillList(r, f, query, &page); err != nil {
		var e *problem.Error
		if !errors.As(err, &e) || e.Code != problem.TooSlow {
			return err
		}
		status, page.Wrong = e.Status, locale.Text(page.Lang, "leads.slow")
	}
	return writePage(w, r, status, func(b io.Writer, _ locale.Lang) error { return web.RenderLeads(b, page) })
}

func (p *Pages) fillList(r *http.Request, f lead.Filter, query url.Values, page *web.LeadsPage) error {
	leads, more, free, err := p.find(r.Context(), f)
	if err != nil {
		return err
	}
	defer free()
	t := wordsFor(r)
	page.Rows = t.rows(leads)
	address := func(cursor string) string {
		query.Del("cursor")
		if cursor != "" {
			query.Set("cursor", cursor)
		}
		u := url.URL{Path: page.Path, RawQuery: query.Encode()}
		return u.String()
	}
	if query.Get("cursor") != "" {
		page.First = address("")
	}
	if more {
		page.Next = address(leads[len(leads)-1].RemoteID.String())
	}
	if page.CanAct && f.Notice == "" { // a job knows no notice, and would be about more
		page.All = p.allOf(r.Context(), t, f, *page)
	}
	if len(leads) > 0 {
		page.Exports = t.exports(f, query.Get(sealedSearch))
	}
	return nil
}

// exports returns the addresses of files with all leads that the filter selects, on
// whichever page of the list a person is.
func (w words) exports(f lead.Filter, search string) (all []web.Link) {
	query := url.Values{}
	for name, value := range map[string]string{"site": f.Site, "state": string(f.State), "property_id": f.PropertyID, sealedSearch: search, "notice": f.Notice} {
		if value != "" {
			query.Set(name, value)
		}
	}
	for name, at := range map[string]time.Time{"after": f.After, "before": f.Before} {
		if !at.IsZero() {
			query.Set(name, at.Format(time.RFC3339Nano))
		}
	}
	for _, kind := range []string{"csv", "ndjson"} {
		u := url.URL{Path: "/leads." + kind, RawQuery: query.Encode()}
		all = append(all, web.Link{Text: w.text("export." + kind), URL: web.SafeURL(u.String())})
	}
	return all
}

var errFilter = errors.New("a parameter of the list is unknown or wrong")

// listFilter parses the query of a page as the API does, but also takes a day for a time.
func listFilter(query url.Values) (lead.Filter, error) {
	f := lead.Filter{Limit: rowsAtOnce}
	for name, values := range query {
		if len(values) > 1 || name == "limit" || !setParameter(&f, name, orDay(name, values[0])) {
			return lead.Filter{}, errFilter
		}
	}
	return f, nil
}

// orDay returns the first moment of a day, if the value of a time is one.
func orDay(name, value string) string {
	if name != "after" && name != "before" {
		return value
	}
	day, err := time.ParseInLocation(time.DateOnly, value, time.Local)
	if err != nil {
		return value
	}
	return day.Format(time.RFC3339)
}

// siteIDs returns the ids of all sites, and one more if it is not among them: leads of a
// site that was removed from the settings can still be listed.
func (p *Pages) siteIDs(ctx context.Context, more string) []string {
	ids := p.ids(ctx)
	if more != "" && !slices.Contains(ids, more) {
		ids = append(ids, more)
	}
	return ids
}

func stateNames() []string {
	states := lead.States()
	names := make([]string, len(states))
	for i, s := range states {
		names[i] = string(s)
	}
	return names
}
