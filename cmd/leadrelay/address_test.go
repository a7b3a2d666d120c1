package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/e2e/relaytest"
)

// A relay below a path of another site, behind a proxy that takes the path away
// and behind one that does not: what it names can be had there.
func TestARelayBelowAPath(t *testing.T) {
	env := relaytest.Settings(t, "127.0.0.1:1")
	env["LEADRELAY_URL"] = "https://casas.mx/leads/"
	d := openDoors(t, env)
	for name, asked := range map[string]string{"the proxy takes it away": "", "it does not": "/leads"} {
		t.Run(name, func(t *testing.T) {
			through := func(path string) string { return asked + strings.TrimPrefix(path, "/leads") }
			_, resp, body := d.send(publicName, question{line: "GET " + through("/leads/f")})
			require.Equal(t, http.StatusOK, resp.StatusCode)
			named := regexp.MustCompile(`(?:href|src)="([^"]+)"`).FindAllStringSubmatch(string(body), -1)
			require.Len(t, named, 3)
			for _, n := range named {
				require.True(t, strings.HasPrefix(n[1], "/leads/"), n[1])
				_, resp, _ := d.send(publicName, question{line: "GET " + through(n[1])})
				require.Equal(t, http.StatusOK, resp.StatusCode, n[1])
			}
			require.Contains(t, string(body), `action="/leads/f/default"`)

			_, resp, body = d.send(publicName, question{line: "POST " + through("/leads/f/default"), body: inquiry})
			require.Equal(t, http.StatusAccepted, resp.StatusCode, string(body))
			var answer relaytest.Accepted
			require.NoError(t, json.Unmarshal(body, &answer))
			next, err := url.Parse(answer.Next)
			require.NoError(t, err)
			require.Equal(t, "https://casas.mx", next.Scheme+"://"+next.Host)
			for _, path := range []string{next.RequestURI(), "/leads/widget.js", "/leads/healthz"} {
				_, resp, _ = d.send(publicName, question{line: "GET " + through(path)})
				require.Equal(t, http.StatusOK, resp.StatusCode, path)
			}
		})
	}
}

func TestAFormsAddressMayEndWithASlash(t *testing.T) {
	d := openDoors(t, relaytest.Settings(t, "127.0.0.1:1"))
	for _, path := range []string{"/f/", "/f/default/"} {
		_, resp, body := d.send(publicName, question{line: "POST " + path, body: inquiry})
		require.Equal(t, http.StatusAccepted, resp.StatusCode, string(body))
		_, resp, _ = d.send(publicName, question{line: "PUT " + path})
		require.Equal(t, http.StatusMethodNotAllowed, resp.StatusCode, path)
	}
}

func TestTheConsoleGivesTheRelaysOwnAddress(t *testing.T) {
	env := relaytest.Settings(t, "127.0.0.1:1")
	env["LEADRELAY_URL"] = "https://leads.casas.mx"
	d := openDoors(t, env)
	_, resp, _ := d.send(operatorName, question{line: "POST /login", body: "token=token-of-all-the-tests", header: asForm})
	require.Equal(t, http.StatusSeeOther, resp.StatusCode)
	session, _, _ := strings.Cut(resp.Header.Get("Set-Cookie"), ";")
	_, resp, body := d.send(operatorName, question{line: "GET /sites", header: "Cookie: " + session})
	require.Equal(t, http.StatusOK, resp.StatusCode)
	require.Contains(t, string(body), `https://leads.casas.mx/widget.js`)
	require.Contains(t, string(body), `href="https://leads.casas.mx/f/default`)
	require.NotContains(t, string(body), "leads.example")
}

// A page that gives its own name this machine's address (DNS rebinding) reaches
// nothing at the operator's door, and neither does one that knows the token.
func TestTheOperatorsDoorAnswersOnlyForItsNames(t *testing.T) {
	env := relaytest.Settings(t, "127.0.0.1:1")
	env["LEADRELAY_OPERATOR_URL"] = "https://ops.casas.mx"
	d := openDoors(t, env)
	ask := func(host, line string) (status int, body string) {
		t.Helper()
		req := question{line: line, header: "Authorization: Bearer token-of-all-the-tests"}.request(t, d.urls[operatorName])
		req.Host = host
		resp, err := d.client.Do(req)
		require.NoError(t, err)
		defer func() { _ = resp.Body.Close() }()
		text, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		return resp.StatusCode, string(text)
	}
	for _, line := range []string{
		"GET /", "GET /login", "POST /login", "GET /sites", "GET /metrics", "GET /openapi.yaml", "GET /assets/page.css",
		"GET /api/v1/leads", "PATCH /api/v1/leads/1", "POST /api/v1/replays", "BREW /api/v1/leads", "GET /nothing",
	} {
		status, body := ask("evil.mx:9090", line)
		require.Equal(t, http.StatusMisdirectedRequest, status, line)
		require.Contains(t, body, "unknown_host", line)
		for _, host := range []string{"localhost:9090", "127.0.0.1", "[::1]:9090", "ops.casas.mx"} {
			status, _ = ask(host, line)
			require.NotEqual(t, http.StatusMisdirectedRequest, status, "%s for %s", line, host)
		}
	}
	_, body := ask("localhost", "GET /readyz?verbose")
	require.Contains(t, body, "default")
	for _, line := range []string{"GET /healthz", "HEAD /healthz", "GET /readyz", "GET /readyz?verbose"} {
		status, body := ask("evil.mx", line)
		require.Equal(t, http.StatusOK, status, line)
		require.NotContains(t, body, "default", "%s tells of sites", line)
	}
}

// What is only read says so to whoever posts there.
func TestFilesAreReadOnly(t *testing.T) {
	d := openDoors(t, relaytest.Settings(t, "127.0.0.1:1"))
	for _, path := range []string{"/", "/widget.js", "/widget.d.ts", "/widget.0123456789abcdef.js", "/assets/pages.css", "/healthz", "/readyz"} {
		for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodOptions, "FOO"} {
			_, resp, _ := d.send(publicName, question{line: method + " " + path, header: "Accept: application/json"})
			require.Equal(t, http.StatusMethodNotAllowed, resp.StatusCode, "%s %s", method, path)
			require.Equal(t, []string{"GET, HEAD"}, resp.Header["Allow"])
			require.Equal(t, "application/problem+json", resp.Header.Get("Content-Type"))
		}
	}
	for _, path := range []string{"/metrics", "/widget", "/assets", "/api/v1/leads", "/login"} {
		_, resp, _ := d.send(publicName, question{line: "POST " + path})
		require.Equal(t, http.StatusNotFound, resp.StatusCode, path)
	}
}

// The demo's doors know where they are, so its console shows tags that work.
func TestTheDemoKnowsItsAddresses(t *testing.T) {
	cfg, err := demoConfig(t.TempDir(), "127.0.0.1:1", "127.0.0.1:2")
	require.NoError(t, err)
	require.Equal(t, "http://"+cfg.Addr, cfg.URL.String())
	require.Equal(t, "http://"+cfg.OperatorAddr, cfg.OperatorURL.String())
	require.NotContains(t, cfg.Addr, ":0")
}
