package console_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/stretchr/testify/require"

	"leadrelay/internal/console"
	"leadrelay/internal/lead"
	"leadrelay/internal/secret"
)

// openAlerts are two alerts that are open, and one that is over.
func openAlerts() knownAlerts {
	return knownAlerts{
		{ID: "F", Kind: lead.AlertFailed, Subject: "casas", Sites: []string{"casas"}, Leads: 1, RemoteIDs: []lead.RemoteID{7}, Since: noon},
		{ID: "L", Kind: lead.AlertLate, Sites: []string{"lofts"}, Leads: 1, Since: noon},
		{ID: "C", Kind: lead.AlertSilence, Subject: "costa", Sites: []string{"costa"}, Since: noon, ClosedAt: noon.Add(time.Hour)},
	}
}

// The overview tells what only the watcher knows, and lets a person say that failed leads
// were looked at.
func TestAlertsOnTheOverview(t *testing.T) {
	o := newOffice(t)
	o.putWith(lead.Failed, lead.ReasonDeadline, time.Now().Add(-time.Hour))
	require.NotContains(t, o.see("/"), `action="/alerts/seen"`)

	mux := chi.NewRouter()
	sessions := console.NewSessions(secret.New(token), []byte("of the database"), o.store, time.Now)
	console.NewPages(o.store, o.courier, openAlerts(), gate(token), sessions, console.PageOptions{Sites: []console.Site{{ID: "casas"}}}).Route(mux)
	o.person.door = mux
	page := o.see("/")
	require.Equal(t, 1, strings.Count(page, `action="/alerts/seen"`))
	require.Contains(t, page, `<input type="hidden" name="id" value="F">`)
	require.Contains(t, page, "1 lead de «lofts» espera demasiado")
	require.NotContains(t, page, "costa")
	_, address := o.press("/alerts/seen", "id", "F")
	require.Contains(t, o.see(address), "Anotado: ya los viste.")
}

// Whoever looks at a site reads that it is quiet, in their language.
func TestAQuietSite(t *testing.T) {
	o := newOffice(t)
	mux := chi.NewRouter()
	sessions := console.NewSessions(secret.New(token), []byte("of the database"), o.store, time.Now)
	sites := console.PageOptions{Sites: []console.Site{{ID: "casas"}, {ID: "costa"}}}
	console.NewPages(o.store, o.courier, openAlerts(), gate(token), sessions, sites).Route(mux)
	o.person.door = mux
	page := o.see("/sites")
	_, ofCosta, found := strings.Cut(page, `id="site-costa"`)
	require.True(t, found)
	require.Contains(t, ofCosta, "Un silencio así ocurre por azar unas 12 veces al año")
	require.Equal(t, 1, strings.Count(page, "por azar"), "casas is not quiet")
}

// The API tells of alerts in the words of the console, in the language of who asks.
func TestAlertsInTheAPI(t *testing.T) {
	mux := chi.NewRouter()
	console.RouteAlerts(mux, openAlerts(), nil, gate(token))
	ask := func(method, target, language string) (int, string) {
		r := httptest.NewRequest(method, target, nil)
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set("Accept-Language", language)
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		return w.Code, w.Body.String()
	}
	_, text := ask(http.MethodGet, "/api/v1/alerts", "en")
	var all console.AlertList
	require.NoError(t, json.Unmarshal([]byte(text), &all))
	require.Len(t, all.Alerts, 3)
	require.Equal(t, "1 lead of “casas” waits for you", all.Alerts[0].Cause)
	require.Equal(t, []lead.RemoteID{7}, all.Alerts[0].RemoteIDs)
	require.Nil(t, all.Alerts[0].ClosedAt)
	require.Equal(t, noon.Add(time.Hour), all.Alerts[2].ClosedAt.UTC())
	require.Equal(t, []lead.Quiet{{Site: "costa", Since: noon, TimesAYear: 12}}, all.Quiet)
	_, text = ask(http.MethodPost, "/api/v1/alerts/F/seen", "es")
	require.Contains(t, text, `"cause":"1 lead de «casas» espera tu decisión"`)
	code, _ := ask(http.MethodPost, "/api/v1/alerts/X/seen", "es")
	require.Equal(t, http.StatusNotFound, code)
}
