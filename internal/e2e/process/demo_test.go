package process

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/e2e/relaytest"
)

// Whoever lets the demo's EasyBroker fail sees what waits and why, and that it
// arrives soon after the fault has ended.
func TestTheDemosFaultsEnd(t *testing.T) {
	t.Parallel()
	for preset, why := range map[string]string{
		"down": "Nobody knows whether it arrived",
		"401":  "EasyBroker refuses the key; it is tried again",
		"slow": "It is being sent: EasyBroker has not answered yet.",
	} {
		t.Run(preset, func(t *testing.T) {
			t.Parallel() // it waits for most of its time
			d := relaytest.StartDemo(t)
			postTo(t, d.Broker, url.Values{"preset": {preset}})
			postTo(t, "http://"+d.Relay+"/f/default", url.Values{
				"property_id": {"EB-AB1234"}, "email": {"ana@ejemplo.mx"}, "message": {"¿Sigue disponible?"}, "_language": {"es"},
			})
			waiting := func() string { return pageAt(t, d.Page+"espera?lang=en") }
			relaytest.Eventually(t, "it says what waits and why", func() bool {
				text := waiting()
				return strings.Contains(text, "1 message waits, safe on the disk.") && strings.Contains(text, why)
			})
			empty := pageAt(t, d.Broker)
			require.Contains(t, empty, `<a href="`+d.Page+`">`)
			require.NotContains(t, empty, "EASYBROKER_URL", "the relay posts here already")
			require.Contains(t, pageAt(t, d.Page), `src="/espera`)
			require.Contains(t, pageAt(t, d.Broker), `src="`+d.Page+"espera")

			postTo(t, d.Broker, url.Values{"preset": {"healthy"}})
			const soon = 20 * time.Second
			require.True(t, relaytest.PollFor(soon, 100*time.Millisecond, func() bool {
				return strings.Count(pageAt(t, d.Broker+"_control/book"), "ana@ejemplo.mx") == 1
			}), "it arrives soon")
			relaytest.Eventually(t, "nothing waits", func() bool { return strings.Contains(waiting(), "Nothing waits at leadrelay.") })
		})
	}
}

// The address that the demo prints opens the console, which shows what the person came to
// see: leads that wait, failed, are in doubt and look like spam.
func TestTheDemoOpensItsConsole(t *testing.T) {
	t.Parallel()
	d := relaytest.StartDemo(t)
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	person := &http.Client{Jar: jar}
	see := func(path string) string {
		answer, err := person.Get(d.Console + path) //nolint:noctx // on this machine
		require.NoError(t, err)
		defer func() { _ = answer.Body.Close() }()
		require.Equal(t, http.StatusOK, answer.StatusCode, path)
		text, err := io.ReadAll(answer.Body)
		require.NoError(t, err)
		return string(text)
	}
	relaytest.Eventually(t, "the other agency's key is held", func() bool { return strings.Contains(see(""), "«costa»: EasyBroker rechaza la clave (401)") })
	for _, state := range []string{"queued", "doubtful", "failed", "quarantined", "confirmed"} {
		relaytest.Eventually(t, "there is a lead that is "+state, func() bool { return strings.Contains(see("leads?state="+state), `<span class="state `+state+`">`) })
	}
	require.Contains(t, see("settings"), "source: casas.example")
	require.NotContains(t, see("settings"), "demo-key")
}

// Who reads English is shown the demo in English: its page, what the relay says of
// a form that is wrong, and its thanks.
func TestTheDemoInEnglish(t *testing.T) {
	t.Parallel()
	d := relaytest.StartDemo(t)
	read := func(method, address string, form url.Values) string {
		request, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(form.Encode()))
		require.NoError(t, err)
		request.Header.Set("Accept-Language", "en-US,en;q=0.9")
		request.Header.Set("Accept", "text/html")
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		answer, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		defer func() { _ = answer.Body.Close() }()
		body, err := io.ReadAll(answer.Body)
		require.NoError(t, err)
		return string(body)
	}
	relay := "http://" + d.Relay + "/f/default"
	for _, page := range []string{d.Page, d.Page + "sin-script"} {
		require.Contains(t, read("GET", page, nil), `<html lang="en">`)
		require.Contains(t, read("GET", page, nil), "House with a garden")
		require.Contains(t, pageAt(t, page), "Casa con jardín")
	}
	require.Contains(t, read("GET", relay, nil), "Ask about a property")
	form := url.Values{"property_id": {"EB-AB1234"}, "email": {"ana@"}, "message": {"Hello"}}
	require.Contains(t, read("POST", relay, form), "Fix one thing and send again")
	form.Set("email", "ana@example.mx")
	require.Contains(t, read("POST", relay, form), "We received your message")
	form.Set("email", "ana@gmial.com")
	require.Contains(t, read("POST", relay, form), "Did you mean ana@gmail.com?")
	relaytest.Eventually(t, "the page says why it waits", func() bool { return strings.Contains(pageAt(t, d.Page+"espera?lang=en"), "Its address looks mistyped") })
}

// pageAt returns what is at an address.
func pageAt(t *testing.T, address string) string {
	t.Helper()
	answer, err := http.Get(address) //nolint:gosec,noctx // on this machine
	require.NoError(t, err)
	defer func() { _ = answer.Body.Close() }()
	require.Equal(t, http.StatusOK, answer.StatusCode, address)
	body, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return string(body)
}

// postTo posts a form as a browser without script does.
func postTo(t *testing.T, address string, form url.Values) {
	t.Helper()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, strings.NewReader(form.Encode()))
	require.NoError(t, err)
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Accept", "text/html")
	answer, err := client.Do(request)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.Equal(t, http.StatusSeeOther, answer.StatusCode)
}

// A page that gives its own name this machine's address (DNS rebinding) reads
// nothing of what was typed into the demo.
func TestTheDemoAnswersOnlyForItsNames(t *testing.T) {
	t.Parallel()
	d := relaytest.StartDemo(t)
	ask := func(address, host string) int {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
		require.NoError(t, err)
		_, port, _ := strings.Cut(request.Host, ":")
		request.Host = host + ":" + port
		request.Header.Set("X-Authorization", "demo-key")
		request.Header.Set("Country-Code", "MX")
		answer, err := relaytest.NewClient(t).Do(request)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		return answer.StatusCode
	}
	for _, address := range []string{
		d.Broker, d.Broker + "_control/book", d.Broker + "_control/faults", d.Broker + "v1/integration_partners/contact_requests", d.Page, d.Page + "espera",
	} {
		for _, host := range []string{"127.0.0.1", "localhost", "demo.localhost", "[::1]"} {
			require.Equal(t, http.StatusOK, ask(address, host), "%s as %s", address, host)
		}
		for _, host := range []string{"evil.mx", "127.0.0.1.evil.mx", "localhost.evil.mx", "192.0.2.1"} {
			require.Equal(t, http.StatusMisdirectedRequest, ask(address, host), "%s as %s", address, host)
		}
	}
}
