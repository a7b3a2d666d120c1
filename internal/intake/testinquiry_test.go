package intake_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/flood"
	"leadrelay/internal/intake"
	"leadrelay/internal/lead"
	"leadrelay/internal/site"
)

const testSecret = "s3cret-of-the-monitor"

// withTests returns a relay whose site quarantines whatever looks like spam, and the
// refusals that it tells of.
func withTests(t *testing.T) (*relay, *gate, *[]intake.Refusal) {
	t.Helper()
	d, refused := newRelay(t), new([]intake.Refusal)
	g := &gate{Gate: openGate(), relay: d, decision: flood.Decision{Quarantine: true}}
	d.open(intake.New([]site.Site{{ID: "costa", Source: "costa.mx", Locale: "es", Rules: lead.DefaultRules(), Tick: lead.Milliseconds, SpamThreshold: 1, Origins: origins(t, "https://costa.mx")}},
		d.keeper, intake.Options{
			Accepted: func(id string) { d.accepted = append(d.accepted, id) },
			Refused:  func(r intake.Refusal) { *refused = append(*refused, r) },
			Flood:    g, Client: func(*http.Request) netip.Addr { return netip.MustParseAddr("198.51.100.7") },
			IsTest: func(id, given string) bool { return id == "costa" && given == testSecret },
		}))
	return d, g, refused
}

func (d *relay) postTest(form string, header http.Header) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "/f/costa", strings.NewReader(form))
	r.Header.Set("Content-Type", formType)
	r.Header.Set("Accept", jsonType)
	for name, values := range header {
		r.Header[name] = values
	}
	w := httptest.NewRecorder()
	d.ServeHTTP(w, r)
	return w
}

func TestATestInquiry(t *testing.T) {
	d, g, refused := withTests(t)
	w := d.postTest(wholeForm+"&_test="+testSecret+"&_gotcha=robot", nil)
	require.Equal(t, http.StatusAccepted, w.Code, w.Body.String())
	var answer struct {
		RemoteID int64 `json:"remote_id"`
		Test     bool
	}
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &answer))
	require.True(t, answer.Test)
	require.NotZero(t, answer.RemoteID)
	require.Len(t, d.keeper.leads, 1)
	kept := d.keeper.leads[0]
	require.Equal(t, lead.Test, kept.State, "nothing judges it")
	require.Zero(t, kept.DueAt)
	require.Empty(t, kept.Extra)
	require.Empty(t, g.seen, "it costs its site nothing")
	require.Empty(t, d.accepted)
	require.NotContains(t, d.log.String(), testSecret)
	require.Contains(t, d.log.String(), `"test":true`)

	w = d.postTest("name=Ana&_test="+testSecret, nil)
	require.Equal(t, http.StatusUnprocessableEntity, w.Code, "it is checked as any other")
	require.Empty(t, *refused, "and nobody is told that visitors are turned away")

	d.keeper.fails = lead.ErrLost
	require.Equal(t, http.StatusServiceUnavailable, d.postTest(wholeForm+"&_test="+testSecret, nil).Code, "on disk, or not acknowledged")
}

// Nothing can be learned with a wrong secret, and whoever has one is heard.
func TestWhatIsNoTest(t *testing.T) {
	for name, test := range map[string]struct {
		secret string
		header http.Header
		log    string
	}{
		"a wrong secret":   {"s3cret-of-yesterday", nil, "the secret is wrong"},
		"from a page":      {testSecret, http.Header{"Origin": {"https://costa.mx"}}, "it comes from a page"},
		"from an old page": {testSecret, http.Header{"Sec-Fetch-Mode": {"navigate"}}, "it comes from a page"},
	} {
		t.Run(name, func(t *testing.T) {
			d, g, _ := withTests(t)
			got := d.postTest(wholeForm+"&_test="+test.secret, test.header)
			require.Equal(t, http.StatusAccepted, got.Code)
			require.Equal(t, lead.Quarantined, d.keeper.leads[0].State, "it is judged as any other")
			require.Len(t, g.seen, 1)
			require.Equal(t, []string{"costa"}, d.accepted)
			require.Contains(t, d.log.String(), test.log)
			require.NotContains(t, d.log.String(), test.secret)
			d2, _, _ := withTests(t)
			plain := d2.postTest(wholeForm, test.header)
			require.Equal(t, plain.Body.String(), got.Body.String())
			require.Equal(t, plain.Header(), got.Header())
		})
	}
}

func TestTestsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, _, _ := withTests(t)
		status := 0
		for range 21 {
			status = d.postTest(wholeForm+"&_test="+testSecret, nil).Code
		}
		require.Equal(t, http.StatusTooManyRequests, status)
		require.Equal(t, http.StatusAccepted, d.postTest(wholeForm, nil).Code, "visitors are let in")
		time.Sleep(10 * time.Second)
		require.Equal(t, http.StatusAccepted, d.postTest(wholeForm+"&_test="+testSecret, nil).Code)
	})
}
