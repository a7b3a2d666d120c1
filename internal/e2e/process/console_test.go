package process

import (
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/e2e/relaytest"
	"leadrelay/internal/lead"
)

// A person's browser is sent now to one relay of a database and now to the other. It is in
// at both, a pause that it orders at one is heeded by the other, which carries the
// credential, and it is out at both when the person leaves.
func TestAPersonAtTwoRelays(t *testing.T) {
	t.Parallel() // it waits for most of its time
	broker, address := relaytest.StartBroker(t)
	_, relays := replicas(t, 2, address)
	first, second := relays[0], relays[1] // the first has the lease
	browser := &http.Client{Transport: first.Client.Transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	var cookie *http.Cookie
	ask := func(method, door, path string, form url.Values) int {
		r, err := http.NewRequestWithContext(t.Context(), method, "http://"+door+path, strings.NewReader(form.Encode()))
		require.NoError(t, err)
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if cookie != nil {
			r.AddCookie(cookie)
		}
		resp, err := browser.Do(r)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		for _, c := range resp.Cookies() {
			if c.MaxAge > 0 {
				cookie = c
			}
		}
		return resp.StatusCode
	}
	require.Equal(t, http.StatusSeeOther, ask(http.MethodGet, second.Operator, "/sites", nil))
	require.Equal(t, http.StatusSeeOther, ask(http.MethodPost, first.Operator, "/login", url.Values{"token": {first.Token}}))
	require.Equal(t, http.StatusOK, ask(http.MethodGet, second.Operator, "/sites", nil))

	require.Equal(t, http.StatusSeeOther, ask(http.MethodPost, second.Operator, "/sites/default/pause", url.Values{"lasts": {"2h0m0s"}, "why": {"mantenimiento"}}))
	ordered := time.Now()
	relaytest.Eventually(t, "the other heeds it", func() bool { return strings.Contains(first.Output(), "site paused by a person") })
	t.Logf("the other has heeded it after %v", time.Since(ordered))
	code, answer, _ := relaytest.Inquire(first.Client, first.Public, "EB-1", "Hola")
	require.Equal(t, http.StatusAccepted, code)
	for _, relay := range relays {
		waits := relay.Story(answer.RemoteID).WaitsFor
		require.NotNil(t, waits)
		require.Equal(t, lead.SitePausedByHand, waits.State)
	}
	require.Equal(t, http.StatusSeeOther, ask(http.MethodPost, second.Operator, "/sites/default/pause", url.Values{"lasts": {"30m0s"}, "why": {"menos"}}))
	relaytest.Eventually(t, "another end", func() bool { return strings.Contains(first.Output(), `"why":"menos"`) })
	require.Empty(t, broker.Book(), "a second has passed, and more")
	require.Equal(t, http.StatusSeeOther, ask(http.MethodPost, second.Operator, "/sites/default/resume", nil))
	first.Settled()
	require.Len(t, broker.Book(), 1)

	require.Equal(t, http.StatusSeeOther, ask(http.MethodPost, second.Operator, "/logout", nil))
	for _, relay := range relays { // with the cookie that it had
		require.Equal(t, http.StatusSeeOther, ask(http.MethodGet, relay.Operator, "/sites", nil))
		relay.End(os.Interrupt, 0)
	}
}
