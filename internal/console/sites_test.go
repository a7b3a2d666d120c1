package console_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/console"
	"leadrelay/internal/lead"
	"leadrelay/internal/problem"
)

// key is a credential that two sites share.
func key(state string) lead.Credential {
	return lead.Credential{Sites: []string{"casas", "lofts"}, State: state, Since: noon}
}

func (d *desk) sites(w *httptest.ResponseRecorder) []console.SiteStatus {
	d.t.Helper()
	require.Equal(d.t, http.StatusOK, w.Code, w.Body.String())
	var list console.SiteList
	require.NoError(d.t, json.Unmarshal(w.Body.Bytes(), &list))
	return list.Sites
}

func TestASiteIsPausedAndGoesOn(t *testing.T) {
	d := newDesk(t)
	d.courier.keys = []lead.Credential{key(lead.CredentialWorking)}
	id := d.keep(0, lead.Inquiry{})
	d.keep(time.Hour, lead.Inquiry{})
	d.keep(2*time.Hour, lead.Inquiry{Site: "lofts"})

	until, why := noon.Add(6*time.Hour), "Mantenimiento de EasyBroker"
	paused := d.sites(d.order(http.MethodPost, "/api/v1/sites/casas/pause", `{"until":"2026-11-24T12:00:00.123-06:00","why":" Mantenimiento\nde EasyBroker "}`))
	require.Equal(t, []console.SiteStatus{{
		Site: "casas", Standing: console.Standing{State: lead.SitePausedByHand, Reason: &why, Since: &noon, Until: &until}, Waiting: 2, WaitingSince: &noon,
	}}, paused)
	all := d.sites(d.get("/api/v1/sites"))
	require.Equal(t, paused[0], all[0])
	require.Equal(t, "lofts", all[1].Site)
	require.Equal(t, lead.CredentialWorking, all[1].State, "another site that shares the key goes on")
	require.Equal(t, 1, all[1].Waiting)
	require.Equal(t, &paused[0].Standing, d.show(id).WaitsFor, "the lead says why it waits")

	require.Equal(t, lead.CredentialWorking, d.sites(d.order(http.MethodPost, "/api/v1/sites/casas/resume", ""))[0].State)
	require.Nil(t, d.show(id).WaitsFor)
}

func (d *desk) show(id lead.RemoteID) (one console.LeadDetail) {
	d.t.Helper()
	w := d.get("/api/v1/leads/" + id.String())
	require.NoError(d.t, json.Unmarshal(w.Body.Bytes(), &one))
	return one
}

func TestACredentialIsPausedAndGoesOn(t *testing.T) {
	d := newDesk(t)
	d.courier.keys = []lead.Credential{key(lead.CredentialHeld)}
	for verb, state := range map[string]string{"pause": lead.SitePausedByHand, "resume": lead.CredentialHeld} {
		body := map[string]string{"pause": `{"until":"2026-11-25T00:00:00Z","why":"x","credential":true}`, "resume": `{"credential":true}`}[verb]
		if verb == "resume" {
			d.order(http.MethodPost, "/api/v1/sites/lofts/pause", `{"until":"2026-11-25T00:00:00Z","why":"x","credential":true}`)
		}
		sites := d.sites(d.order(http.MethodPost, "/api/v1/sites/casas/"+verb, body))
		require.Len(t, sites, 2)
		for _, one := range sites {
			require.Equal(t, state, one.State)
		}
	}
}

func TestAPauseThatIsRefused(t *testing.T) {
	d := newDesk(t)
	tests := map[string]struct {
		body   string
		fields []string
	}{
		"without anything":    {``, []string{"until", "why"}},
		"without an end":      {`{"why":"x"}`, []string{"until"}},
		"without a zone":      {`{"why":"x","until":"2026-11-24T18:00:00"}`, []string{"until"}},
		"that is over":        {`{"why":"x","until":"2026-11-24T12:00:00Z"}`, []string{"until"}},
		"for ever":            {`{"why":"x","until":"2027-01-01T12:00:00Z"}`, []string{"until"}},
		"without a reason":    {`{"why":" \t\u200b","until":"2026-11-24T18:00:00Z"}`, []string{"why"}},
		"with a long reason":  {`{"why":"` + strings.Repeat("ñ", 201) + `","until":"2026-11-24T18:00:00Z"}`, []string{"why"}},
		"with a wrong switch": {`{"why":"x","until":"2026-11-24T18:00:00Z","credential":"yes"}`, []string{"credential"}},
		"with another name":   {`{"reason":"x","until":"2026-11-24T18:00:00Z"}`, []string{"reason"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			doc := d.refused(d.order(http.MethodPost, "/api/v1/sites/casas/pause", test.body), http.StatusUnprocessableEntity, problem.Invalid)
			var fields []string
			for _, f := range doc.Errors {
				fields = append(fields, f.Field)
				require.NotEmpty(t, f.Message)
			}
			require.Equal(t, test.fields, fields)
		})
	}
	doc := d.refused(d.order(http.MethodPost, "/api/v1/sites/villas/pause", `{"why":"x","until":"2026-11-24T18:00:00Z"}`), http.StatusNotFound, problem.NotFound)
	require.Contains(t, doc.Detail, "GET /api/v1/sites")
	d.refused(d.order(http.MethodPost, "/api/v1/sites/casas/resume?credential=true", ""), http.StatusBadRequest, problem.BadQuery)
	require.Empty(t, d.courier.keys)
	d.courier.broken = true
	d.refused(d.order(http.MethodPost, "/api/v1/sites/casas/pause", `{"why":"x","until":"2026-11-24T18:00:00Z"}`), http.StatusServiceUnavailable, problem.TryAgain)
}

// What keeps a lead waiting is said of those leads that it keeps waiting.
func TestWhyALeadWaits(t *testing.T) {
	d := newDesk(t)
	queued := d.keep(0, lead.Inquiry{})
	doubtful := d.put(lead.Doubtful)
	for state, waits := range map[string][2]bool{
		lead.CredentialWorking: {false, false}, lead.CredentialResting: {false, false}, lead.CredentialDown: {true, true}, lead.CredentialHeld: {true, true},
		lead.SitePaused: {true, false}, lead.SitePausedByHand: {true, false},
	} {
		d.courier.keys = []lead.Credential{{Sites: []string{"lofts"}, State: lead.CredentialHeld}, {Sites: []string{"casas"}, State: state}}
		for i, id := range []lead.RemoteID{queued, doubtful} {
			require.Equal(t, waits[i], d.show(id).WaitsFor != nil, "%s: %d", state, i)
		}
	}
	d.courier.keys = []lead.Credential{
		{Sites: []string{"casas"}, State: lead.CredentialHeld}, {Sites: []string{"casas"}, State: lead.SitePaused}, {Sites: []string{"casas"}, State: lead.SitePausedByHand},
	}
	require.Equal(t, lead.SitePausedByHand, d.show(queued).WaitsFor.State, "what a person has ordered comes first")
}
