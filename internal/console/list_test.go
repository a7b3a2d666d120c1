package console_test

import (
	"context"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/console"
	"leadrelay/internal/lead"
	"leadrelay/internal/problem"
)

func TestFilters(t *testing.T) {
	d := newDesk(t)
	names := map[lead.RemoteID]string{
		d.keep(0, lead.Inquiry{Site: "casas", PropertyID: "EB-1", Name: "José Ñandú", Message: "100% seguro_a"}): "casa 1",
		d.keep(1*time.Minute, lead.Inquiry{Site: "lotes", PropertyID: "EB-1", Email: "luz@lotes.mx"}):            "lote 1",
		d.keep(2*time.Minute, lead.Inquiry{Site: "lotes", PropertyID: "EB-2", Phone: "55 1234 5678"}):            "lote 2",
	}
	failed := d.begin()
	d.settle(failed, lead.Settlement{State: lead.Failed, Reason: "refused"})
	first := slices.Min(slices.Collect(maps.Keys(names)))
	at := func(later time.Duration) string { return url.QueryEscape(noon.Add(later).Format(time.RFC3339Nano)) }
	tests := map[string]struct{ query, want string }{
		"none":                                {"", "lote 2, lote 1, casa 1"},
		"parameters that ask for nothing":     {"site=&state=&property_id=&q=&after=&before=&limit=&cursor=", "lote 2, lote 1, casa 1"},
		"a site":                              {"site=lotes", "lote 2, lote 1"},
		"a site that there is not":            {"site=lote", ""},
		"a state":                             {"state=failed", "casa 1"},
		"another state":                       {"state=queued", "lote 2, lote 1"},
		"a state that no lead is in":          {"state=confirmed", ""},
		"a property":                          {"property_id=EB-1", "lote 1, casa 1"},
		"a part of a property":                {"property_id=EB", ""},
		"two at once":                         {"property_id=EB-1&site=lotes", "lote 1"},
		"a text in the name":                  {"q=ndú", "casa 1"},
		"a text in other letters":             {"q=JOS", "casa 1"},
		"a text in the address":               {"q=luz%40", "lote 1"},
		"a text in the phone":                 {"q=5678", "lote 2"},
		"a text in the property":              {"q=eb-2", "lote 2"},
		"an accent of its own":                {"q=Jose%CC%81", "casa 1"},
		"a text with blanks around it":        {"q=++luz++", "lote 1"},
		"a text with a percent sign":          {"q=100%25", "casa 1"},
		"a percent sign stands for itself":    {"q=1%254", ""},
		"an underscore stands for itself":     {"q=_uz", ""},
		"SQL":                                 {"q=%27%20OR%201%3D1--", ""},
		"a text of bytes that are none":       {"q=%ff%00", ""},
		"a folio":                             {"q=" + first.String(), "casa 1"},
		"a folio as people write it":          {"q=" + url.QueryEscape(grouped(first.String())), "casa 1"},
		"from a time on":                      {"after=" + at(time.Minute), "lote 2, lote 1"},
		"before a time":                       {"before=" + at(time.Minute), "casa 1"},
		"between two times":                   {"after=" + at(time.Minute) + "&before=" + at(2*time.Minute), "lote 1"},
		"between two times that are the same": {"after=" + at(time.Minute) + "&before=" + at(time.Minute), ""},
		"a time in Mexico":                    {"after=2026-11-24T06:01:00.123-06:00", "lote 2, lote 1"},
		"a time to the second":                {"after=2026-11-24T12:01:01Z", "lote 2"},
		"a limit":                             {"limit=1", "lote 2"},
		"the largest limit":                   {"limit=500", "lote 2, lote 1, casa 1"},
		"a cursor":                            {"cursor=" + first.String(), ""},
		"a cursor that is not that of a lead": {"cursor=9007199254740991", "lote 2, lote 1, casa 1"},
		"a time before all computers":         {"after=0001-01-02T00:00:00Z", "lote 2, lote 1, casa 1"},
		"a time after all computers":          {"before=9999-12-31T23:59:59Z", "lote 2, lote 1, casa 1"},
		"a text as long as an address can be": {"q=" + strings.Repeat("%25", 15<<10), ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, l := range d.list(tt.query).Leads {
				got = append(got, names[l.RemoteID])
			}
			require.Equal(t, tt.want, strings.Join(got, ", "))
		})
	}
}

// grouped returns a folio as the thank-you page shows it.
func grouped(folio string) string {
	for i := len(folio) - 3; i > 0; i -= 3 {
		folio = folio[:i] + " " + folio[i:]
	}
	return folio
}

func TestPagesTogetherAreTheList(t *testing.T) {
	const leads = 23
	for _, limit := range []int{1, 7, 22, 23, 24} {
		t.Run(strconv.Itoa(limit), func(t *testing.T) {
			d := newDesk(t)
			var want, got []lead.RemoteID
			for i := range leads {
				want = append(want, d.keep(time.Duration(i)*time.Second, lead.Inquiry{}))
			}
			slices.Reverse(want) // newest first
			query, pages := "limit="+strconv.Itoa(limit), 1
			page := d.list(query)
			got = append(got, ids(page)...)
			for ; page.NextCursor != nil; pages++ {
				require.Len(t, page.Leads, limit)
				d.keep(time.Hour, lead.Inquiry{}) // a lead that comes in meanwhile does not shift the pages
				page = d.list(query + "&cursor=" + *page.NextCursor)
				got = append(got, ids(page)...)
			}
			require.Equal(t, want, got)
			require.Equal(t, (leads+limit-1)/limit, pages, "no page is empty")
		})
	}
}

func ids(p console.Page) (ids []lead.RemoteID) {
	for _, l := range p.Leads {
		ids = append(ids, l.RemoteID)
	}
	return ids
}

func TestAListIsNotEndlessByItself(t *testing.T) {
	d := newDesk(t)
	for range 51 {
		d.keep(0, lead.Inquiry{})
	}
	page := d.list("")
	require.Len(t, page.Leads, 50)
	require.NotNil(t, page.NextCursor)
}

func TestEveryWrongParameterIsNamedAtOnce(t *testing.T) {
	d := newDesk(t)
	tests := map[string]struct {
		query string
		want  []string
	}{
		"all of them": {
			"state=lost&after=yesterday&before=2026-11-24&cursor=x&limit=many&page=2&site=casas&q=ana",
			[]string{"after", "before", "cursor", "limit", "page", "state"},
		},
		"a limit of nothing":           {"limit=0", []string{"limit"}},
		"a limit below zero":           {"limit=-1", []string{"limit"}},
		"a limit that is too large":    {"limit=501", []string{"limit"}},
		"a limit beyond all numbers":   {"limit=99999999999999999999", []string{"limit"}},
		"a limit that is broken":       {"limit=1.5", []string{"limit"}},
		"a page, as elsewhere":         {"page=-1", []string{"page"}},
		"a time without a zone":        {"after=2026-11-24T12:00:00", []string{"after"}},
		"a time that is not":           {"before=2026-02-30T12:00:00Z", []string{"before"}},
		"a cursor of zero":             {"cursor=0", []string{"cursor"}},
		"a cursor beyond all ids":      {"cursor=9007199254740992", []string{"cursor"}},
		"a state in large letters":     {"state=Failed", []string{"state"}},
		"two states":                   {"state=failed&state=queued", []string{"state"}},
		"the same site twice":          {"site=casas&site=casas", []string{"site"}},
		"a name in large letters":      {"Site=casas", []string{"Site"}},
		"a parameter without a value":  {"everything", []string{"everything"}},
		"a parameter without a name":   {"=x", []string{""}},
		"a name that turns writing":    {"a%E2%80%AEb%1b%0a=1", []string{"ab"}},
		"the token, which is not ours": {"token=x", []string{"token"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			doc := d.refused(d.get("/api/v1/leads?"+tt.query), http.StatusBadRequest, problem.BadQuery)
			var got []string
			for _, f := range doc.Errors {
				require.Equal(t, "INVALID_PARAMETER", f.Code)
				require.NotEmpty(t, f.Message)
				require.NotContains(t, f.Message, "INVALID_PARAMETER")
				got = append(got, f.Field)
			}
			require.Equal(t, tt.want, got)
		})
	}
}

// A parameter that is wrong must not be ignored: the list would be longer than meant.
func TestABrokenQueryIsRefused(t *testing.T) {
	d := newDesk(t)
	for _, query := range []string{"site=%zz", "state=failed;site=casas", "q=100%"} {
		w := d.get("/api/v1/leads?" + query)
		d.refused(w, http.StatusBadRequest, problem.BadQuery)
		require.NotContains(t, w.Body.String(), "zz")
	}
}

func TestErrorsSpeakTheOperatorsLanguage(t *testing.T) {
	d := newDesk(t)
	titles := map[string]bool{}
	for _, language := range []string{"es-MX,es;q=0.9", "en"} {
		w := d.ask("GET", "/api/v1/leads?page=2", "Accept-Language", language)
		titles[d.refused(w, http.StatusBadRequest, problem.BadQuery).Title] = true
		require.Equal(t, language[:2], w.Header().Get("Content-Language"))
	}
	require.Len(t, titles, 2)
}

// finder is a store that records the filter.
type finder struct {
	console.Store
	asked *lead.Filter
}

func (f finder) List(_ context.Context, asked lead.Filter) ([]lead.Lead, bool, error) {
	*f.asked = asked
	return nil, false, nil
}

func TestWithoutParametersTheFilterIsEmpty(t *testing.T) {
	var asked lead.Filter
	d := &desk{t: t, Handler: console.New(finder{asked: &asked}, nil, nil, gate(token), http.HandlerFunc(metrics))}
	w := d.get("/api/v1/leads")
	require.Equal(t, http.StatusOK, w.Code)
	require.Equal(t, lead.Filter{Limit: 50}, asked)
}

// A client that goes away is not our failure.
func TestAClientThatHangsUpIsLeftAlone(t *testing.T) {
	d := newDesk(t)
	r := httptest.NewRequest("GET", "/api/v1/leads", nil)
	r.Header.Set("Authorization", "Bearer "+token)
	w := &gone{header: http.Header{}}
	d.ServeHTTP(w, r)
	require.Equal(t, 1, w.writes, "nothing is written behind what failed")
}

// gone is a client that has closed its connection.
type gone struct {
	header http.Header
	writes int
}

func (g *gone) Header() http.Header { return g.header }
func (g *gone) WriteHeader(int)     {}
func (g *gone) Write([]byte) (int, error) {
	g.writes++
	return 0, http.ErrHandlerTimeout
}
