package console_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/console"
	"leadrelay/internal/lead"
	"leadrelay/internal/problem"
)

func (d *desk) replay(body string) (all console.Replays) {
	d.t.Helper()
	w := d.order(http.MethodPost, "/api/v1/replays", body)
	require.Equal(d.t, http.StatusOK, w.Code, w.Body.String())
	require.NoError(d.t, json.Unmarshal(w.Body.Bytes(), &all))
	return all
}

func TestWhichLeadsAReplayMeans(t *testing.T) {
	tests := map[string]struct {
		body string
		want lead.Filter
	}{
		"the failed ones of a site":        {`{"site":"casas"}`, lead.Filter{Site: "casas", State: lead.Failed}},
		"all that failed, when it is said": {`{"state":"failed"}`, lead.Filter{State: lead.Failed}},
		"another state":                    {`{"state":"delivered"}`, lead.Filter{State: lead.Delivered}},
		"a property":                       {`{"property_id":"EB-1","dry_run":true}`, lead.Filter{PropertyID: "EB-1", State: lead.Failed}},
		"a text":                           {`{"q":" José  Luz "}`, lead.Filter{Text: "José Luz", State: lead.Failed}},
		"two times":                        {`{"after":"2026-11-24T12:00:00Z","before":"2026-11-24T06:30:00-06:00","state":""}`, lead.Filter{State: lead.Failed, After: noon.Truncate(time.Second), Before: noon.Truncate(time.Second).Add(30 * time.Minute)}},
		"some by name, whatever they are":  {`{"remote_ids":[7,8]}`, lead.Filter{RemoteIDs: []lead.RemoteID{7, 8}}},
		"some by name in a state":          {`{"remote_ids":[7],"state":"failed"}`, lead.Filter{RemoteIDs: []lead.RemoteID{7}, State: lead.Failed}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t)
			require.Empty(t, d.replay(tt.body).Replays)
			got := d.courier.asked[0]
			got.After, got.Before = got.After.UTC(), got.Before.UTC()
			require.Equal(t, tt.want, got)
		})
	}
}

func TestAReplaySaysWhatBecomesOfEachLead(t *testing.T) {
	d := newDesk(t)
	there, lost := d.put(lead.Failed), d.put(lead.Failed)
	d.courier.there = there
	for _, run := range []struct{ body, first, counts string }{
		{`{"site":"casas","dry_run":true}`, fmt.Sprintf(`{"remote_id":%d,"site":"casas","state":"failed","verdict":"would be sent"}`, lost), `{"blocked":0,"present":1,"would be sent":1}`},
		{`{"site":"casas","dry_run":true}`, fmt.Sprintf(`{"remote_id":%d,"site":"casas","state":"failed","verdict":"would be sent"}`, lost), `{"blocked":0,"present":1,"would be sent":1}`},
		{`{"site":"casas"}`, fmt.Sprintf(`{"remote_id":%d,"site":"casas","state":"queued","verdict":"sent"}`, lost), `{"blocked":0,"present":1,"sent":1}`},
	} {
		w := d.order(http.MethodPost, "/api/v1/replays", run.body)
		rest := fmt.Sprintf(`{"remote_id":%d,"site":"casas","state":"failed","verdict":"present"}`, there)
		dry := run.body != `{"site":"casas"}`
		requireJSON(t, fmt.Sprintf(`{"dry_run":%t,"replays":[%s,%s],"counts":%s,"left_out":0}`, dry, run.first, rest, run.counts), w.Body.String())
	}
	again := d.replay(fmt.Sprintf(`{"remote_ids":[%d]}`, lost))
	require.Equal(t, map[lead.Verdict]int{lead.Blocked: 1, lead.Present: 0, lead.Sent: 0}, again.Counts)
	require.Equal(t, "it is on its way", again.Replays[0].Why)
}

func TestAReplayOfTooManySaysHowMany(t *testing.T) {
	d := newDesk(t)
	d.courier.left = 7
	require.Equal(t, 7, d.replay(`{"site":"casas"}`).LeftOut)
}

func TestAReplayOfNothing(t *testing.T) {
	d := newDesk(t)
	w := d.order(http.MethodPost, "/api/v1/replays", `{"site":"casas","dry_run":true}`)
	requireJSON(t, `{"dry_run":true,"replays":[],"counts":{"blocked":0,"present":0,"would be sent":0},"left_out":0}`, w.Body.String())
}

func TestReconciliationsAreKeptAndListed(t *testing.T) {
	d := newDesk(t)
	requireJSON(t, `{"reconciliations":[],"left_out":0}`, d.get("/api/v1/reconciliations").Body.String())
	const empty = `{"since":"2020-11-23T10:00:00Z","read_at":` + atNoon + `,"ours":0,"listed":0,"only_here":[],"only_there":[],"twice":[],"differing":[],"left_out":{},"confirmed":0,"unreadable":[]}`
	w := d.order(http.MethodPost, "/api/v1/reconciliations", `{"since":"2020-11-23T04:00:00-06:00"}`)
	requireJSON(t, empty, w.Body.String())

	d.courier.drift = lead.Drift{
		Ours: 3, Listed: 4, Confirmed: 1, LeftOut: map[lead.DriftKind]int{lead.OnlyThere: 7},
		OnlyHere:   []lead.Drifted{{RemoteID: 7, Site: "casas", State: lead.Delivered, PropertyID: "EB-1"}},
		OnlyThere:  []lead.Drifted{{RemoteID: 8, PropertyID: "EB-2"}},
		Differing:  []lead.Drifted{{RemoteID: 9, Site: "casas", State: lead.Confirmed, PropertyID: "EB-3", Fields: []lead.Field{lead.Name}}},
		Unreadable: []lead.Unreadable{{Sites: []string{"lofts"}, Why: "easybroker: status 500"}},
	}
	const found = `{"since":"2020-11-23T10:00:00Z","read_at":` + atNoon + `,"ours":3,"listed":4,` +
		`"only_here":[{"remote_id":7,"site":"casas","state":"delivered","property_id":"EB-1"}],"only_there":[{"remote_id":8,"property_id":"EB-2"}],"twice":[],` +
		`"differing":[{"remote_id":9,"site":"casas","state":"confirmed","property_id":"EB-3","fields":["name"]}],"left_out":{"only_there":7},"confirmed":1,` +
		`"unreadable":[{"sites":["lofts"],"why":"easybroker: status 500"}]}`
	w = d.order(http.MethodPost, "/api/v1/reconciliations", `{"since":"2020-11-23T10:00:00Z"}`)
	requireJSON(t, found, w.Body.String())
	requireJSON(t, `{"reconciliations":[`+found+`,`+empty+`],"left_out":0}`, d.get("/api/v1/reconciliations").Body.String())
}

func TestAReconciliationLooksBackADay(t *testing.T) {
	d := newDesk(t)
	for _, body := range []string{"", "{}", `{"since":null}`} {
		require.Equal(t, http.StatusOK, d.order(http.MethodPost, "/api/v1/reconciliations", body).Code)
		require.WithinDuration(t, time.Now().Add(-24*time.Hour), d.courier.since[len(d.courier.since)-1], time.Minute)
	}
}

func TestACourierThatFails(t *testing.T) {
	d := newDesk(t)
	d.courier.broken = true
	d.refused(d.order(http.MethodPost, "/api/v1/replays", `{"site":"casas"}`), http.StatusServiceUnavailable, problem.TryAgain)
	d.refused(d.order(http.MethodPost, "/api/v1/reconciliations", ""), http.StatusServiceUnavailable, problem.TryAgain)
	requireJSON(t, `{"reconciliations":[],"left_out":0}`, d.get("/api/v1/reconciliations").Body.String())
}

func TestTheOperatorsProbe(t *testing.T) {
	disk := errors.New("disk I/O error")
	keys := []lead.Credential{{Sites: []string{"casas"}, State: lead.CredentialHeld, Reason: "easybroker: status 401", Since: noon, Until: noon.Add(time.Minute)}}
	const held = `[{"sites":["casas"],"state":"held","reason":"easybroker: status 401","since":` + atNoon + `,"until":"2026-11-24T12:01:00.123Z"}]`
	tests := map[string]struct {
		target string
		fails  error
		drains bool
		keys   []lead.Credential
		status int
		body   string
	}{
		"cleaning up is held back":                {"/readyz?verbose&held", nil, false, nil, 200, `{"ready":true,"store":"ok","draining":false,"credentials":[],"vacuum_held_back_seconds":754}` + "\n"},
		"the brief one":                           {"/readyz", nil, false, keys, 418, "brief"},
		"the brief one with another word":         {"/readyz?v=1", nil, false, keys, 418, "brief"},
		"all is well":                             {"/readyz?verbose", nil, false, nil, 200, `{"ready":true,"store":"ok","draining":false,"credentials":[]}` + "\n"},
		"a held key makes nobody unready":         {"/readyz?verbose=1", nil, false, keys, 200, `{"ready":true,"store":"ok","draining":false,"credentials":` + held + "}\n"},
		"a store that takes no writes":            {"/readyz?verbose", disk, false, nil, 503, `{"ready":false,"store":"disk I/O error","draining":false,"credentials":[]}` + "\n"},
		"a process that is about to stop":         {"/readyz?verbose", nil, true, nil, 503, `{"ready":false,"store":"ok","draining":true,"credentials":[]}` + "\n"},
		"all that can be wrong, though not ready": {"/readyz?verbose", disk, true, keys, 503, `{"ready":false,"store":"disk I/O error","draining":true,"credentials":` + held + "}\n"},
	}
	brief := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusTeapot)
		_, _ = w.Write([]byte("brief"))
	})
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			probe := console.Readyz(brief, func(context.Context) error { return tt.fails }, func(context.Context) (time.Duration, error) {
				if strings.Contains(tt.target, "held") {
					return 754 * time.Second, nil
				}
				return 0, tt.fails
			}, func() bool { return tt.drains },
				func() []lead.Credential { return tt.keys })
			w := httptest.NewRecorder()
			probe(w, httptest.NewRequest(http.MethodGet, tt.target, nil))
			require.Equal(t, tt.status, w.Code)
			require.Equal(t, tt.body, w.Body.String())
			if tt.status != http.StatusTeapot {
				require.Equal(t, "application/json", w.Header().Get("Content-Type"))
				require.Equal(t, "no-store", w.Header().Get("Cache-Control"))
			}
		})
	}
}

// A selection that is empty after cleaning is an error and does not mean all leads. A
// field that is there twice is an error, too.
func TestAnEmptyQuestionIsNotAll(t *testing.T) {
	d := newDesk(t)
	for _, q := range []string{" ", "\u200b", "\u00ad\u200e", "\x00", "\t\n"} {
		body, err := json.Marshal(map[string]string{"q": q})
		require.NoError(t, err)
		require.Equal(t, http.StatusUnprocessableEntity, d.order(http.MethodPost, "/api/v1/replays", string(body)).Code, "%q", q)
		require.Equal(t, http.StatusBadRequest, d.get("/api/v1/leads?q="+url.QueryEscape(q)).Code, "%q", q)
	}
	for _, body := range []string{`{"site":"casas","dry_run":true,"dry_run":false}`, `{"site":"casas","s\u0069te":"lofts"}`, `{"since":null,"since":null}`,
		`{"site":"casas","remote_ids":[{"a":1,"a":2}]}`, `{"site":{"a":{"b":[1e999],"\u0062":2}}}`, `{"site":"casas","x":[[{"y":{},"y":{}}]]}`} {
		require.Equal(t, http.StatusBadRequest, d.order(http.MethodPost, "/api/v1/replays", body).Code, body)
	}
	const once = `{"site":"casas","x":{"a":[{"b":1e999},{"b":{"a":2}}],"b":null}}` // wrong, but clear
	require.Equal(t, http.StatusUnprocessableEntity, d.order(http.MethodPost, "/api/v1/replays", once).Code)
}
