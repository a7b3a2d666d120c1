package process

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/e2e/relaytest"
	"leadrelay/internal/fakebroker"
	"leadrelay/internal/smtp/smtptest"
	"leadrelay/internal/tracing/tracingtest"
)

// The canaries are found again wherever they fly to: no word that leadrelay
// itself writes holds the letters. Addresses and numbers have a look of their
// own.
const (
	canary      = "kanarienvogel"
	canaryPhone = "+52 55 9393 9393"
)

// canaries are how personal data and secrets would look in a log: in any case,
// and the phone or its last four digits with anything between. Four digits alone
// may stand within a random id.
var canaries = regexp.MustCompile(`(?i)` + canary + `|9393[^0-9a-f]{0,3}9393|(^|[^0-9a-z.:])9393($|[^0-9a-z])`)

func requireNoCanary(t *testing.T, where, text string) {
	t.Helper()
	if at := canaries.FindStringIndex(text); at != nil {
		require.Fail(t, "a canary in "+where, "%s", text[max(0, at[0]-300):min(len(text), at[1]+300)])
	}
}

// canarySettings put one into every secret.
func canarySettings(t *testing.T, broker string) map[string]string {
	t.Helper()
	env := relaytest.Settings(t, broker)
	key := filepath.Join(t.TempDir(), "key")
	require.NoError(t, os.WriteFile(key, []byte("key-"+canary+"\n"), 0o600))
	env["EASYBROKER_API_KEY"], env["EASYBROKER_API_KEY_FILE"] = "", key
	env["LEADRELAY_OPERATOR_TOKEN"] = "token-" + canary + "-of-the-tests"
	env["LEADRELAY_LOG_LEVEL"] = "trace"
	env["LEADRELAY_ORIGINS"] = "https://casas.mx"
	env["LEADRELAY_CONFIG"] = canaryHooks(t)
	env["LEADRELAY_SMTP"] = canaryMail(t)
	return env
}

// canaryHooks are webhooks of which one takes everything, one refuses and one is not there.
func canaryHooks(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	secret := filepath.Join(dir, "secret")
	require.NoError(t, os.WriteFile(secret, []byte("whsec_"+base64.StdEncoding.EncodeToString([]byte(strings.Repeat(canary, 2)))+"\n"), 0o600))
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "refuses") {
			http.Error(w, canary, http.StatusTeapot)
		}
	}))
	t.Cleanup(hook.Close)
	var file strings.Builder
	file.WriteString("sites:\n  default:\n    webhooks:\n")
	for _, address := range []string{hook.URL + "/", hook.URL + "/refuses/", "http://127.0.0.1:1/"} {
		fmt.Fprintf(&file, "      - {url: %q, secret_file: %q}\n", address+canary, secret)
	}
	fmt.Fprintf(&file, "    mail: {to: [%s@casas.mx, %s-2@casas.mx]}\n", canaryBox, canaryBox)
	path := filepath.Join(dir, "relay.yaml")
	require.NoError(t, os.WriteFile(path, []byte(file.String()), 0o600))
	return path
}

// canaryBox is who gets mail. It is no secret, but no log has it.
const canaryBox = "buzon-de-ventas"

// canaryMail is a mail server with a secret password, which takes what is for one mailbox
// and refuses what is for the other.
func canaryMail(t *testing.T) string {
	t.Helper()
	s, err := smtptest.Listen("127.0.0.1:0", nil)
	require.NoError(t, err)
	t.Cleanup(s.Close)
	s.Demand("user-"+canary, "password-"+canary)
	s.Answer(func(line string) string {
		if strings.HasPrefix(line, "RCPT") && strings.Contains(line, "-2@") {
			return "550 " + canary + " " + line
		}
		return ""
	})
	return fmt.Sprintf("smtp://user-%s:password-%s@%s?from=leads@casas.mx", canary, canary, s.Addr)
}

// No secret and no personal data is in what the relay writes, whatever
// happens: into its log, its metrics, its addresses and its error answers.
func TestNoCanaryEscapes(t *testing.T) {
	t.Parallel()
	broker, address := relaytest.StartBroker(t)
	env := canarySettings(t, address)
	told, traces := tellCanaries(t, env), traceCanaries(t, env)
	p := relaytest.Start(t, env, "serve").Started()
	for name, send := range canaryRequests(t) {
		answer := send(p)
		require.NotEmpty(t, answer, name)
		requireNoCanary(t, "the answer to "+name, answer)
	}
	p.Settled()
	require.NotEmpty(t, broker.Book())
	for i, m := range canaryMishaps() {
		m.trouble.Next = 1 // more would hold the credential, or pause the site
		broker.Misbehave(fakebroker.Faults{Trouble: []fakebroker.Trouble{m.trouble}})
		before := len(p.Out.String())
		form := canaryForm()
		form.Set("property_id", fmt.Sprint("EB-", 100+i)) // the same again would be a repeat
		requireNoCanary(t, "an answer", say(t, p.Public, http.MethodPost, "/f", nil, form.Encode()))
		relaytest.Eventually(t, m.told, func() bool { return strings.Contains(p.Out.String()[before:], m.told) })
	}
	for _, path := range []string{"/metrics", "/api/v1/alerts"} {
		p.Ask(path, func(body io.Reader) {
			text, err := io.ReadAll(body)
			require.NoError(t, err)
			requireNoCanary(t, path, string(text))
		})
	}
	relaytest.Eventually(t, "an alert", func() bool { return strings.Contains(told(), "espera") })
	requireNoCanary(t, "the alerts", told())
	relaytest.Eventually(t, "traces", func() bool { return len(traces.Named("confirmed")) > 0 && len(traces.Named("POST /f")) > 1 })
	require.NoError(t, traces.Err())
	for _, r := range traces.Requests() {
		requireNoCanary(t, "the traces", r.Path+r.Body)
	}
	p.Kill()
	<-p.Done
	requireNoCanary(t, "the log", p.Output())
	require.NotContains(t, p.Output(), canaryBox)
	require.Regexp(t, `"channel":"mail:.*"outcome":"taken"`, p.Output())
	require.Regexp(t, `"channel":"mail:.*"outcome":"failed","status":550`, p.Output())
	require.NotContains(t, p.Output(), "panic")

	broker.Misbehave(fakebroker.Faults{})
	restarted := relaytest.Start(t, env, "serve").Started()
	restarted.End(syscall.SIGTERM, 0)
	requireNoCanary(t, "the log after a restart", restarted.Output())
	for _, args := range [][]string{{"config", "check"}, {"config", "print"}, {"leads", "list", "--q", canary}, {"healthcheck"}} {
		cmd := relaytest.Start(t, env, args...)
		<-cmd.Done
		requireNoCanary(t, strings.Join(args, " "), cmd.Output())
	}
}

// tellCanaries adds a channel with a secret address, and returns what it has heard.
func tellCanaries(t *testing.T, env map[string]string) (told func() string) {
	t.Helper()
	var mu sync.Mutex
	var all strings.Builder
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		all.Write(text)
	}))
	t.Cleanup(s.Close)
	env["LEADRELAY_ALERTS"] = "generic+" + s.URL + "/" + canary + " generic+http://127.0.0.1:1/" + canary
	return func() string {
		mu.Lock()
		defer mu.Unlock()
		return all.String()
	}
}

// traceCanaries starts a collector that wants a password, a key and a token, and repeats them
// when it refuses.
func traceCanaries(t *testing.T, env map[string]string) *tracingtest.Collector {
	t.Helper()
	collector := collect(t, env)
	var asked atomic.Int64
	collector.Answer(func(w http.ResponseWriter, _ *http.Request) bool {
		echo := "user-" + canary + " key-" + canary
		switch asked.Add(1) {
		case 1:
			http.Error(w, echo, http.StatusUnauthorized)
		case 2:
			w.Header().Set("Location", "https://"+canary+".example/")
			w.WriteHeader(http.StatusFound)
		case 3:
			_, _ = fmt.Fprintf(w, `{"partialSuccess":{"rejectedSpans":"1","errorMessage":%q}}`, echo)
		default:
			return false
		}
		return true
	})
	env["OTEL_EXPORTER_OTLP_ENDPOINT"] = strings.Replace(env["OTEL_EXPORTER_OTLP_ENDPOINT"], "://", "://user-"+canary+":password-"+canary+"@", 1) + "?token=" + canary
	env["OTEL_EXPORTER_OTLP_HEADERS"] = "api-key=key-" + canary + ",bad name=" + canary
	return collector
}

// mishapTold is what EasyBroker does, and what the log then says.
type mishapTold struct {
	trouble fakebroker.Trouble
	told    string
}

// canaryMishaps are EasyBroker's ways to refuse; it repeats what it was sent.
func canaryMishaps() []mishapTold {
	echo := fmt.Sprintf(`{"error":"%[1]s@ejemplo.mx is no e-mail","errors":["%[1]s","%[2]s","key-%[1]s"]}`, canary, canaryPhone)
	all := []mishapTold{
		{fakebroker.Trouble{On: "POST", Do: "redirect", Location: "https://" + canary + ".example/?email=" + canary}, `"status":302`},
		{fakebroker.Trouble{On: "POST", Do: "reset", After: true}, `"detail":"easybroker: unanswered`},
		{fakebroker.Trouble{On: "POST", Do: "huge"}, `"outcome":"unsure"`},
		{fakebroker.Trouble{On: "GET", Do: "status", Status: 500, Body: echo}, `"cause":"easybroker: status 500"`},
		{fakebroker.Trouble{On: "GET", Do: "status", Status: 200, Body: echo}, `"cause":"easybroker: status 200, but unreadable`},
	}
	for _, status := range []int{200, 400, 401, 403, 404, 409, 422, 429, 500, 502} {
		all = append(all, mishapTold{fakebroker.Trouble{On: "POST", Do: "status", Status: status, Body: echo}, fmt.Sprintf(`"status":%d,"detail"`, status)})
	}
	return all
}

// canaryForm has one in every field that a visitor, a form or a robot fills in.
func canaryForm() url.Values {
	form := url.Values{
		"property_id": {"EB-1"}, "name": {canary}, "email": {canary + "@ejemplo.mx"}, "phone": {canaryPhone}, "message": {"Hola, soy " + canary},
		"page_url": {"https://casas.mx/?email=" + canary}, "utm_source": {canary}, "utm_" + canary: {canary}, "consent": {canary},
		"remote_id": {canary}, "source": {canary}, "status": {canary}, canary: {canary}, "_subject": {canary}, "_submission_id": {canary},
		"_next": {"https://" + canary + ".example/"}, "_language": {canary},
	}
	for _, control := range []string{"_gotcha", "_honey", "botcheck", "bot-field", "cf-turnstile-response", "h-captcha-response", "g-recaptcha-response", "altcha"} {
		form.Set(control, canary)
	}
	return form
}

// canaryRequests are requests that carry canaries in every place there is, by
// what is wrong with them.
func canaryRequests(t *testing.T) map[string]func(*relaytest.Process) string {
	form := func(change ...string) string {
		f := canaryForm()
		for i := 0; i < len(change); i += 2 {
			f.Set(change[i], change[i+1])
		}
		return f.Encode()
	}
	post := func(path, body string, header ...string) func(*relaytest.Process) string {
		return func(p *relaytest.Process) string { return say(t, p.Public, http.MethodPost, path, header, body) }
	}
	secret := "?email=" + canary + "&token=" + canary
	return map[string]func(*relaytest.Process) string{
		"a good form":              post("/f"+secret, form()),
		"a good form of a browser": post("/f"+secret, form(), "Accept: text/html"),
		"JSON":                     post("/f", `{"property_id":"EB-1","email":"`+canary+`@ejemplo.mx","message":"`+canary+`","`+canary+`":1}`, "Content-Type: application/json"),
		"wrong fields":             post("/f"+secret, form("email", canary, "message", "", "property_id", canary+"!")),
		"fields that are too long": post("/f", form("name", strings.Repeat(canary, 100), "message", strings.Repeat(canary, 1000))),
		"control characters":       post("/f", form("name", canary+"\x00", "email", canary+"@ejemplo.mx\r\nBcc: x@y.mx")),
		"fields that are no text":  post("/f", `{"email":{"a":"`+canary+`"},"name":["`+canary+`"]}`, "Content-Type: application/json"),
		"broken JSON":              post("/f"+secret, `{"email":"`+canary+`",,}`, "Content-Type: application/json"),
		"broken escapes":           post("/f", "email="+canary+"%zz"),
		"a broken multipart":       post("/f", "--"+canary+"\r\nX-"+canary+": "+canary+"\r\n\r\n"+canary, "Content-Type: multipart/form-data; boundary="+canary),
		"a file":                   post("/f", "--x\r\nContent-Disposition: form-data; name=\""+canary+"\"; filename=\""+canary+".jpg\"\r\n\r\n"+canary+"\r\n--x--\r\n", "Content-Type: multipart/form-data; boundary=x"),
		"a type that is none":      post("/f", canary, "Content-Type: text/"+canary+"; charset="+canary),
		"a charset that is none":   post("/f", canary, "Content-Type: application/json; charset="+canary),
		"a coding that is none":    post("/f", canary, "Content-Encoding: "+canary),
		"a body that is too large": post("/f", "message="+strings.Repeat(canary, 6000)),
		"a body that ends early":   post("/f", "email="+canary, "Content-Length: 1000"),
		"a foreign page":           post("/f", form(), "Origin: https://user:"+canary+"@otra.mx"),
		"a page of no site":        post("/f", form(), "Origin: null", "Accept: application/json"),
		"a page that is traced":    post("/f", form("message", "Rastreada, "+canary), "Origin: https://casas.mx", "Traceparent: "+traceparent, "Tracestate: v="+canary, "Baggage: email="+canary),
		"a trace that is none":     post("/f", form("message", "Mal rastreada, "+canary), "Origin: https://casas.mx", "Traceparent: "+canary),
		"an unknown site":          post("/f/"+canary+secret, form()),
		"a path that is none":      post("/"+canary+"/"+canary+secret, form()),
		"a method that is none": func(p *relaytest.Process) string {
			return say(t, p.Public, strings.ToUpper(canary), "/f"+secret, nil, "")
		},
		"a page":                    func(p *relaytest.Process) string { return say(t, p.Public, http.MethodGet, "/healthz"+secret, nil, "") },
		"an address that is broken": func(p *relaytest.Process) string { return say(t, p.Public, http.MethodGet, "/%zz"+canary, nil, "") },
		"headers that are too many": func(p *relaytest.Process) string {
			return say(t, p.Public, http.MethodGet, "/f", []string{"X-" + canary + ": " + strings.Repeat(canary, 5000)}, "")
		},
		"no HTTP at all": func(p *relaytest.Process) string { return say(t, p.Public, canary, canary, nil, canary) },
		"a wrong token": func(p *relaytest.Process) string {
			return say(t, p.Operator, http.MethodGet, "/api/v1/leads"+secret, nil, "")
		},
		"a token in the query": func(p *relaytest.Process) string {
			return say(t, p.Operator, http.MethodGet, "/metrics?token=token-"+canary, nil, "")
		},
		"a wrong query": func(p *relaytest.Process) string {
			return say(t, p.Operator, http.MethodGet, "/api/v1/leads?state="+canary+"&after="+canary+"&cursor="+canary, []string{"Authorization: Bearer token-" + canary}, "")
		},
		"a lead that is none": func(p *relaytest.Process) string {
			return say(t, p.Operator, http.MethodGet, "/api/v1/leads/"+canary+secret, []string{"Authorization: Bearer token-" + canary}, "")
		},
	}
}

// say writes a request as it stands and returns the whole answer, whatever it
// is.
func say(t *testing.T, door, method, path string, header []string, body string) string {
	t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n", method, path, door)
	lower := strings.ToLower(strings.Join(header, "\n"))
	for name, usual := range map[string]string{
		"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded", "Content-Length": fmt.Sprint(len(body)),
		"Referer": "https://casas.mx/?email=" + canary, "User-Agent": canary, "Cookie": "session=" + canary, "Authorization": "Basic " + canary,
		"X-Forwarded-For": canary, "X-Real-Ip": "93.93.93.93", "Idempotency-Key": canary + rand.Text(), "X-Request-Id": canary + "@ejemplo.mx", "Accept-Language": canary,
	} {
		if !strings.Contains("\n"+lower, "\n"+strings.ToLower(name)+":") {
			fmt.Fprintf(&b, "%s: %s\r\n", name, usual)
		}
	}
	for _, line := range header {
		fmt.Fprintf(&b, "%s\r\n", line)
	}
	fmt.Fprintf(&b, "\r\n%s", body)
	return said(t, door, b.String())
}
