package browser

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// provider stands in for the script of a captcha: it shows a box, and puts a
// token that is good once beside it, as each of them does.
const provider = `{
	let made = 0, field;
	const fill = () => { field.value = "token-" + ++made; };
	window[%q] = {
		ready: (then) => setTimeout(then, 10),
		render(spot, { sitekey }) {
			field = Object.assign(document.createElement("textarea"), { name: %q, hidden: true });
			spot.dataset.key = sitekey;
			spot.append(field);
			fill();
			return 0;
		},
		reset: fill,
	};
}`

// The captcha comes when somebody begins to write, and not before; its token
// goes along, a fresh one each time. A provider that does not load keeps nobody
// from asking.
func TestTheWidgetWithACaptcha(t *testing.T) {
	t.Parallel()
	scripts := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, c := range providers {
			if strings.HasPrefix(c.address, r.Host) {
				w.Header().Set("Content-Type", "text/javascript")
				_, _ = fmt.Fprintf(w, provider, c.global, c.field)
			}
		}
	}))
	t.Cleanup(scripts.Close)
	to := strings.TrimPrefix(scripts.URL, "https://")
	h := openHost(t, chromedp.Flag("ignore-certificate-errors", true), chromedp.Flag("host-resolver-rules",
		"MAP challenges.cloudflare.com "+to+", MAP js.hcaptcha.com "+to+", MAP www.google.com "+to))
	for name, c := range providers {
		t.Run(name, func(t *testing.T) {
			property := "EB-" + name
			h.show(h.tag(`data-property-id="` + property + `" data-captcha="` + name + `" data-captcha-key="k-1"`))
			h.becomes(1, "form.leadrelay")
			require.Zero(t, h.count("[data-key]"))
			h.fill("email", "ana@ejemplo..mx")
			h.becomes(1, `[data-key='k-1'] [name='`+c.field+`']`)
			h.send()
			h.do(visible(".lr-error"))
			h.fill("email", "ana@ejemplo.mx")
			h.send()
			h.thanked(property)
			posts := h.way.posted()
			for i, token := range []string{"token-1", "token-2"} {
				require.Equal(t, []string{token}, posts[len(posts)-2+i][c.field])
			}
		})
	}
	scripts.Close()
	h.show(h.tag(`data-property-id="EB-none" data-captcha="hcaptcha" data-captcha-key="k-1"`))
	h.fill("email", "ana@ejemplo.mx")
	h.send()
	h.thanked("EB-none")
}

// A captcha that there is not keeps nobody from asking, and whoever builds the page is
// told which there are.
func TestTheWidgetWithAnUnknownCaptcha(t *testing.T) {
	t.Parallel()
	h := openHost(t)
	h.show(h.tag(`data-property-id="EB-1" data-captcha="turnstil" data-captcha-key="k-1"`))
	h.fill("email", "ana@ejemplo.mx")
	h.send()
	h.thanked("EB-1")
	require.Contains(t, strings.Join(h.lines(), "\n"), "leadrelay: data-captcha wants one of turnstile, hcaptcha, recaptcha")
}

var providers = map[string]struct{ address, global, field string }{
	"turnstile": {"challenges.cloudflare.com", "turnstile", "cf-turnstile-response"},
	"hcaptcha":  {"js.hcaptcha.com", "hcaptcha", "h-captcha-response"},
	"recaptcha": {"www.google.com", "grecaptcha", "g-recaptcha-response"},
}
