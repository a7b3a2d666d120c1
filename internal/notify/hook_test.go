package notify

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/lead"
)

func secretOf(b byte) string {
	return "whsec_" + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{b}, 32))
}

func hookAt(t *testing.T, address string, secrets ...string) Hook {
	t.Helper()
	parsed, err := ParseSecrets(strings.Join(secrets, "\n"))
	require.NoError(t, err)
	return Hook{URL: address, Secrets: parsed, View: func(l lead.Lead) any { return map[string]any{"remote_id": l.RemoteID, "message": l.Message} }}
}

func delivery() lead.Delivery {
	d := lead.Delivery{ID: "msg_1", Notice: lead.NoticeReceived, At: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC), Channel: "hook:casas:1", Attempts: 1}
	d.Lead.RemoteID, d.Lead.Message = 7, "¿Sigue <disponible>? 🏡"
	return d
}

// request is what a hook was sent.
type request struct {
	header http.Header
	body   []byte
}

func sendTo(t *testing.T, answer http.HandlerFunc, secrets ...string) (Result, *request) {
	t.Helper()
	var got *request
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = &request{r.Header, body}
		answer(w, r)
	}))
	defer s.Close()
	return hookAt(t, s.URL+"/leads?x=1", secrets...).Sender("leadrelay/1")(t.Context(), delivery(), time.Now()), got
}

func TestHowAHookAnswers(t *testing.T) {
	for name, test := range map[string]struct {
		status int
		header string
		want   Result
	}{
		"taken":            {204, "", Result{Taken: true, Status: 204}},
		"gone":             {410, "", Result{Gone: true, Status: 410, Why: "gone"}},
		"too many":         {429, "120", Result{Status: 429, RetryAfter: 2 * time.Minute, Why: "it did not take it"}},
		"in trouble":       {503, "-5", Result{Status: 503, Why: "it did not take it"}},
		"an endless pause": {503, "99999999999999999999", Result{Status: 503, Why: "it did not take it"}},
	} {
		got, _ := sendTo(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", test.header)
			w.WriteHeader(test.status)
		}, secretOf(1))
		require.Equal(t, test.want, got, name)
	}
}

func TestNoRedirectIsFollowed(t *testing.T) {
	for _, status := range []int{301, 302, 307, 308} {
		asked := 0
		got, _ := sendTo(t, func(w http.ResponseWriter, r *http.Request) {
			if asked++; r.URL.Path == "/leads" {
				http.Redirect(w, r, "/elsewhere", status)
			}
		}, secretOf(1))
		require.False(t, got.Taken)
		require.Equal(t, status, got.Status)
		require.Equal(t, 1, asked)
	}
}

// An answer without an end is not read to its end, nor waited for for ever.
func TestAHookThatHangs(t *testing.T) {
	release := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.ReadAll(r.Body)
		<-release
	}))
	defer s.Close()
	defer close(release)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	got := hookAt(t, s.URL, secretOf(1)).Sender("leadrelay/1")(ctx, delivery(), time.Now())
	require.Equal(t, Result{Why: "no answer in time"}, got)

	got, _ = sendTo(t, func(w http.ResponseWriter, _ *http.Request) {
		for range 10_000 {
			if _, err := w.Write(make([]byte, 1000)); err != nil {
				return
			}
		}
	}, secretOf(1))
	require.True(t, got.Taken)
}

// A name may lead to this machine or into its network, whatever it led to before.
func TestNoPrivateAddressIsAsked(t *testing.T) {
	asked := false
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked = true }))
	defer s.Close()
	u, err := url.Parse(s.URL)
	require.NoError(t, err)
	hook := hookAt(t, "http://crm.casas.mx:"+u.Port(), secretOf(1)) // as if DNS said 127.0.0.1
	client := newClient(hook.URL, false)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL, nil)
	require.NoError(t, err)
	_, err = client.Do(req) //nolint:bodyclose // there is none
	require.ErrorIs(t, err, ErrPrivate)
	require.NotContains(t, explain(t.Context(), err), "127.0.0.1")
	require.False(t, asked)

	for address, want := range map[string][2]bool{ // public, and allowed by the setting
		"93.184.216.34": {true, false}, "2606:2800:220:1::1": {true, false},
		"127.0.0.1": {false, true}, "10.1.2.3": {false, true}, "192.168.0.7": {false, true}, "172.16.0.1": {false, true}, "100.64.0.1": {false, true}, "fd00::1": {false, true},
		"::ffff:10.0.0.1": {false, true}, "::ffff:127.0.0.1": {false, true}, "::1": {false, true},
		"169.254.169.254": {}, "::ffff:169.254.169.254": {}, "fe80::1": {}, "fe80::1%eth0": {}, "0.0.0.0": {}, "::": {}, "255.255.255.255": {}, "224.0.0.1": {}, "ff02::1": {},
		"64:ff9b::7f00:1": {}, "2002:7f00:1::": {}, "2001:0:1::1": {}, "::7f00:1": {}, "fec0::1": {}, "198.18.0.1": {}, "240.0.0.1": {},
	} {
		ip := netip.MustParseAddr(address)
		require.Equal(t, want, [2]bool{isPublic(ip), mayBeAllowed(ip)}, address)
	}
}

func TestSecretsAndAddresses(t *testing.T) {
	for _, bad := range []string{"", "\n", "s3cret", "whsec_", "whsec_c2hvcnQ=", "whsec_%%%", secretOf(1) + "\n" + secretOf(2) + "\n" + secretOf(3), strings.TrimPrefix(secretOf(1), "whsec_")} {
		_, err := ParseSecrets(bad)
		require.Error(t, err, bad)
		require.NotContains(t, err.Error(), "s3cret")
	}
	two, err := ParseSecrets("\r\n" + secretOf(1) + "\r\n" + secretOf(2) + "\r\n")
	require.NoError(t, err)
	require.Len(t, two, 2)
	for _, bad := range []string{"", "crm.casas.mx", "http://crm.casas.mx/", "https://u:p@crm.casas.mx", "ftp://crm.casas.mx", "https:crm", "https://crm.casas.mx/#x", "https://crm.casas.mx/ñ\n"} {
		_, err := ParseHookURL(bad)
		require.Error(t, err, bad)
	}
	for _, good := range []string{"https://crm.casas.mx/leads?k=1", "http://127.0.0.1:8080/", "http://localhost/x", "http://[::1]:80"} {
		_, err := ParseHookURL(good)
		require.NoError(t, err, good)
	}
}

// The largest lead fits into what a receiver may expect.
func TestALargeLeadFits(t *testing.T) {
	h := hookAt(t, "https://crm.casas.mx", secretOf(1))
	d := delivery()
	d.Lead.Message = strings.Repeat("\u2028", 5000) // which takes the most bytes for a sign of three
	body, err := h.body(d)
	_ = body
	require.Error(t, err, "what is larger is not sent")
	d.Lead.Message = strings.Repeat("🏡", 4000)
	_, err = h.body(d)
	require.NoError(t, err)
}

// The library of another language takes what we sign, with the secret of before and the
// next one, and nothing that was changed.
func TestTheirLibraryVerifiesIt(t *testing.T) {
	_, got := sendTo(t, func(http.ResponseWriter, *http.Request) {}, secretOf(1), secretOf(2))
	require.Len(t, strings.Fields(got.header.Get("webhook-signature")), 2)
	require.Equal(t, `{"type":"lead.received","timestamp":"2026-03-02T09:00:00Z","data":{"message":"¿Sigue <disponible>? 🏡","remote_id":7}}`, string(got.body))
	dir := modules(t, filepath.Join("testdata", "verify"))
	verify := func(secret string, body []byte) string {
		input, err := json.Marshal(map[string]any{"secret": secret, "body": string(body), "headers": map[string]string{
			"webhook-id": got.header.Get("webhook-id"), "webhook-timestamp": got.header.Get("webhook-timestamp"), "webhook-signature": got.header.Get("webhook-signature"),
		}})
		require.NoError(t, err)
		cmd := exec.CommandContext(t.Context(), "node", "verify.js")
		cmd.Dir, cmd.Stdin = dir, bytes.NewReader(input)
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, string(out))
		return strings.TrimSpace(string(out))
	}
	require.Equal(t, "7", verify(secretOf(1), got.body))
	require.Equal(t, "7", verify(secretOf(2), got.body))
	require.Equal(t, "No matching signature found", verify(secretOf(3), got.body))
	require.Equal(t, "No matching signature found", verify(secretOf(1), append(got.body, ' ')))
}

// modules copies a folder and installs its packages, as its lock file has them. They are
// kept for the next run.
func modules(t *testing.T, from string) string {
	t.Helper()
	lock, err := os.ReadFile(filepath.Join(from, "package-lock.json"))
	require.NoError(t, err)
	script, err := os.ReadFile(filepath.Join(from, "verify.js"))
	require.NoError(t, err)
	cache, err := os.UserCacheDir()
	require.NoError(t, err)
	kept := filepath.Join(cache, "leadrelay-tests", fmt.Sprintf("verify-%x", sha256.Sum256(append(lock, script...))))
	if _, err := os.Stat(kept); err == nil {
		return kept
	}
	require.NoError(t, os.MkdirAll(filepath.Dir(kept), 0o700))
	dir, err := os.MkdirTemp(filepath.Dir(kept), "new-")
	require.NoError(t, err)
	defer func() { _ = os.RemoveAll(dir) }()
	require.NoError(t, os.CopyFS(dir, os.DirFS(from)))
	cmd := exec.CommandContext(t.Context(), "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline")
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	if err := os.Rename(dir, kept); err != nil {
		require.DirExists(t, kept, err) // another run was faster
	}
	return kept
}
