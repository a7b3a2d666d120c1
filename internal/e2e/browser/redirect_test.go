package browser

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"leadrelay/internal/intake"
	"leadrelay/internal/lead"
	"leadrelay/internal/site"
)

// Where a form sends its visitor is judged by our reading of the address, and
// gone to by a browser's. So a real one reads every address that the door gives
// out for the long list of tricks, and all are on the site or on the relay.
func TestABrowserStaysOnTheSite(t *testing.T) {
	t.Parallel()
	b := openBrowser(t)
	b.do(chromedp.Navigate("about:blank"))
	for name, from := range map[string]string{
		"the origin alone": "", "a page": "https://ok.mx/casas/roma?a=b", "a page with an odd path": "https://ok.mx//evil.mx/x",
	} {
		t.Run(name, func(t *testing.T) { staysFrom(t, b, from) })
	}
}

func staysFrom(t *testing.T, b *browser, page string) {
	t.Helper()
	all := tricks(t)
	given := make([]string, len(all))
	door := doorOfTricks(t)
	for i, next := range all {
		given[i] = landing(t, door, next, page)
	}
	mine := 0
	for i, host := range hosts(b, given) {
		require.True(t, staysOnTheSite(host), "%q became %q, and the browser goes to %q", all[i], given[i], host)
		if !strings.Contains(given[i], "folio=") {
			mine++
		}
	}
	astray := 0
	for _, host := range hosts(b, all) {
		if host != "" && !staysOnTheSite(host) {
			astray++
		}
	}
	t.Logf("%d addresses: the browser would leave the site with %d; the door takes %d", len(all), astray, mine)
	require.Greater(t, mine, 100)
	require.Greater(t, astray, 400, "tricks that trick no browser show nothing")
}

// tricks are the addresses of a list that lies with the package which judges
// them.
func tricks(t *testing.T) (all []string) {
	t.Helper()
	text, err := os.ReadFile("../../../internal/site/testdata/tricks.txt")
	require.NoError(t, err)
	for line := range strings.Lines(string(text)) {
		if target, err := strconv.Unquote(strings.TrimSpace(line)); err == nil {
			all = append(all, target)
		}
	}
	require.Greater(t, len(all), 1500)
	return all
}

// sink takes every lead, and keeps none.
type sink struct{}

func (sink) Keep(context.Context, lead.Submission) (lead.Kept, error) {
	return lead.Kept{RemoteID: 1}, nil
}

func doorOfTricks(t *testing.T) http.Handler {
	t.Helper()
	origins, err := site.ParseOrigins([]string{"https://ok.mx", "https://*.casas.mx", "http://local.mx:8080"})
	require.NoError(t, err)
	casas := site.Site{ID: "casas", Source: "casas.mx", Origins: origins, Locale: "es", Rules: lead.DefaultRules(), Tick: lead.Milliseconds}
	return intake.New([]site.Site{casas}, sink{}, intake.Options{})
}

// An origin with other letters than a to z is the same for us and for browsers.
func TestABrowserWritesOriginsAsWeDo(t *testing.T) {
	t.Parallel()
	written := []string{
		"https://cañada.mx", "https://peñón.mx:8443", "https://GRÜẞE.example", "https://\uff43asas.mx", "https://can\u0303on.mx", "http://天.example", "https://casas.mx:443",
	}
	origins, err := site.ParseOrigins(written)
	require.NoError(t, err)
	b := openBrowser(t)
	b.do(chromedp.Navigate("about:blank"))
	require.Equal(t, hosts(b, written), origins.Sources())
	for _, origin := range origins.Sources() {
		require.True(t, origins.Allow(origin), origin)
	}
}

// landing posts a whole form from the page of the site, and returns where the
// answer sends its visitor.
func landing(t *testing.T, door http.Handler, next, page string) string {
	t.Helper()
	form := url.Values{"property_id": {"EB-1"}, "email": {"ana@ejemplo.mx"}, "message": {"Hola"}, "_next": {next}}
	r := httptest.NewRequest(http.MethodPost, "https://relay.mx/f/casas", strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", "https://ok.mx")
	r.Header.Set("Referer", page)
	w := httptest.NewRecorder()
	door.ServeHTTP(w, r)
	require.Equal(t, http.StatusSeeOther, w.Code)
	return w.Header().Get("Location")
}

// hosts are where the browser goes from the form's address; "" where it goes
// nowhere.
func hosts(b *browser, addresses []string) []string {
	b.t.Helper()
	list, err := json.Marshal(addresses)
	require.NoError(b.t, err)
	return ask(b, chromedp.Evaluate[[]string](`(`+string(list)+`).map(a => {
		try { const u = new URL(a, "https://relay.mx/f/casas"); return u.protocol + "//" + u.host } catch { return "" }
	})`))
}

func staysOnTheSite(origin string) bool {
	return origin == "https://relay.mx" || origin == "https://ok.mx" || origin == "http://local.mx:8080" ||
		strings.HasPrefix(origin, "https://") && strings.HasSuffix(origin, ".casas.mx")
}
