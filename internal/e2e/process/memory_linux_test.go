package process

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/console"
	"leadrelay/internal/e2e/relaytest"
)

// greed is how much of each attack on the memory there is at once.
type greed struct{ tokens, leads int }

// A verifier that is slow, an operator's programs that list large leads, and an
// EasyBroker whose list is four megabytes of nothing, or of as much as it may be,
// all at once: the relay takes no more memory than a small machine has, loses
// nothing, and takes inquiries.
// Measured is the resident set. With the race detector, which has memory of its own,
// it is the heap.
func TestTheMemoryIsBoundedUnderAttack(t *testing.T) {
	relaytest.Beside(t)
	const most = 64 << 20
	plan := greed{tokens: 240, leads: 120}
	if relaytest.InFull() {
		plan = greed{tokens: 1200, leads: 1000}
	}
	verifier := newVerifier(t)
	broker := newHostile(t)
	env := relaytest.SettingsWith(t, broker.addr, "sites:\n  casas: {source: casas.mx, captcha: turnstile, captcha_secret: s3cret}\n  lofts: {source: lofts.mx}\n")
	env["HTTPS_PROXY"], env["SSL_CERT_FILE"] = verifier.proxy, verifier.roots
	env["LEADRELAY_COURIER_RATE"] = "20"
	p := relaytest.Command(t, env, "serve")
	p.Run()
	p.Started()
	a := &attack{T: t, p: p, client: relaytest.NewClient(t), over: make(chan struct{})}
	for i := range plan.leads {
		require.Equal(t, http.StatusAccepted, a.post("lofts", largeForm(i)))
	}
	t.Logf("at rest %s", a.size())

	for range 4 {
		a.often(func() {
			n, whole := a.list("lofts")
			require.True(t, n == plan.leads || !whole, n)
		})
	}
	a.often(func() { a.order("/api/v1/reconciliations", `{}`) })
	a.often(func() { a.order("/api/v1/replays", `{"site":"lofts","state":"delivered","dry_run":true}`) })
	require.Equal(t, plan.tokens, a.postTokens(plan.tokens))
	close(a.over)
	a.all.Wait()

	t.Logf("under attack %s; %d calls of the verifier, %d at once, %d of the list", a.size(), verifier.calls.Load(), verifier.most.Load(), broker.lists.Load())
	require.LessOrEqual(t, verifier.most.Load(), int64(32))
	require.Positive(t, broker.lists.Load())
	require.LessOrEqual(t, a.peak(), most)
	require.Empty(t, p.Leads("site=casas&state=quarantined").Leads, "in doubt the visitor is let in")
	p.End(os.Interrupt, 0)
}

// attack is a relay, and who asks it for too much.
type attack struct {
	*testing.T
	p      *relaytest.Process
	client *http.Client
	over   chan struct{}
	all    sync.WaitGroup
	heap   atomic.Int64 // the most that was seen of it
}

// often does something again and again until it is over.
func (a *attack) often(do func()) {
	a.all.Go(func() {
		for {
			select {
			case <-a.over:
				return
			default:
				do()
			}
		}
	})
}

func (a *attack) post(site, form string) (status int) {
	req, err := http.NewRequest(http.MethodPost, "http://"+a.p.Public+"/f/"+site, strings.NewReader(form))
	if err != nil {
		return 0
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	req.Close = true
	resp, err := a.client.Do(req)
	if err != nil {
		return 0
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	return resp.StatusCode
}

func (a *attack) order(path, body string) {
	req, err := http.NewRequest(http.MethodPost, "http://"+a.p.Operator+path, strings.NewReader(body))
	if err != nil {
		return
	}
	req.Header.Set("Authorization", "Bearer "+a.p.Token)
	if resp, err := a.client.Do(req); err == nil {
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
	}
}

// postTokens posts inquiries with a long captcha token each, 120 a second: 1,200 of
// them in the ten seconds that the verifier takes. It returns how many were
// accepted.
func (a *attack) postTokens(n int) int {
	token := strings.Repeat("a", 12_000)
	var accepted atomic.Int64
	var all sync.WaitGroup
	next := time.NewTicker(time.Second / 120)
	defer next.Stop()
	for i := range n {
		all.Go(func() {
			form := fmt.Sprintf("property_id=EB-%d&email=ana%%40ejemplo.mx&message=Hola&cf-turnstile-response=%s", i, token)
			if a.post("casas", form) == http.StatusAccepted {
				accepted.Add(1)
			}
		})
		<-next.C
	}
	all.Wait()
	return int(accepted.Load())
}

// list counts the site's leads, as many to a page as there are. It reports false
// when a page took too long, which is an answer, too, on busy processors.
func (a *attack) list(site string) (n int, whole bool) {
	for cursor := ""; ; {
		req, err := http.NewRequest(http.MethodGet, "http://"+a.p.Operator+"/api/v1/leads?limit=500&site="+site+"&cursor="+cursor, nil)
		require.NoError(a, err)
		req.Header.Set("Authorization", "Bearer "+a.p.Token)
		resp, err := a.client.Do(req)
		require.NoError(a, err)
		var page console.Page
		if resp.StatusCode == http.StatusOK {
			err = json.NewDecoder(resp.Body).Decode(&page)
		}
		require.NoError(a, errors.Join(err, resp.Body.Close()))
		a.peak()
		if resp.StatusCode == http.StatusServiceUnavailable {
			return n, false
		}
		require.Equal(a, http.StatusOK, resp.StatusCode)
		if n += len(page.Leads); page.NextCursor == nil {
			return n, true
		}
		cursor = *page.NextCursor
	}
}

// peak is the most memory that was seen so far: of the process, or of its heap.
func (a *attack) peak() int {
	if !relaytest.Race {
		return readPeak(a.T, a.p.Cmd.Process.Pid)
	}
	a.p.Ask("/metrics", func(body io.Reader) {
		for in := bufio.NewScanner(body); in.Scan(); {
			name, value, _ := strings.Cut(in.Text(), " ")
			n, err := strconv.ParseFloat(value, 64)
			if name == "go_memstats_heap_inuse_bytes" && err == nil && int64(n) > a.heap.Load() {
				a.heap.Store(int64(n))
			}
		}
	})
	return int(a.heap.Load())
}

func (a *attack) size() string { return fmt.Sprintf("%.1f MB", float64(a.peak())/1e6) }

// readPeak reads the most that the process has had of the machine's memory.
func readPeak(t *testing.T, pid int) int {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	require.NoError(t, err)
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	kilobytes, err := strconv.Atoi(strings.Fields(rest)[0])
	require.NoError(t, err)
	return kilobytes << 10
}

// largeForm is an inquiry that takes all that a lead may have.
func largeForm(i int) string {
	form := url.Values{
		"property_id": {fmt.Sprint("EB-", i)}, "email": {fmt.Sprintf("ana%d@ejemplo.mx", i)},
		"message": {fmt.Sprint("Hola ", i, " ", strings.Repeat("<", 4900))},
	}
	for field := range 9 {
		form.Set(fmt.Sprint("campo_", field), strings.Repeat("<", 1000))
	}
	return form.Encode()
}

// slowVerifier is a provider of captchas that takes ten seconds, and the way
// there.
type slowVerifier struct {
	proxy, roots     string // the address of the one, and the file with who signs for it
	calls, now, most atomic.Int64
}

func newVerifier(t *testing.T) *slowVerifier {
	t.Helper()
	v := &slowVerifier{roots: filepath.Join(t.TempDir(), "roots.pem")}
	provider := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v.calls.Add(1)
		for n := v.now.Add(1); ; {
			if most := v.most.Load(); n <= most || v.most.CompareAndSwap(most, n) {
				break
			}
		}
		defer v.now.Add(-1)
		_, _ = io.Copy(io.Discard, r.Body)
		select {
		case <-time.After(10 * time.Second):
		case <-r.Context().Done():
		}
	}))
	provider.TLS = &tls.Config{Certificates: []tls.Certificate{certify(t, "challenges.cloudflare.com", v.roots)}}
	provider.StartTLS()
	t.Cleanup(provider.Close)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		there, err := net.Dial("tcp", provider.Listener.Addr().String())
		if err != nil {
			return
		}
		w.WriteHeader(http.StatusOK)
		here, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		go func() { _, _ = io.Copy(there, here); _ = there.Close() }()
		_, _ = io.Copy(here, there)
		_ = here.Close()
	}))
	t.Cleanup(proxy.Close)
	v.proxy = proxy.URL
	return v
}

// certify makes a certificate for the name, and writes it where it is trusted.
func certify(t *testing.T, name, file string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{name}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// hostile is an EasyBroker that takes every inquiry, and whose lists are as large
// as any may be.
type hostile struct {
	addr  string
	lists atomic.Int64
}

func newHostile(t *testing.T) *hostile {
	t.Helper()
	lists := []func(n int64) string{listOfNothing, listOfOneText, listOfPeople}
	h := new(hostile)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.Method == http.MethodPost {
			_, _ = io.WriteString(w, `{"status":"successful"}`)
			return
		}
		n := h.lists.Add(1)
		const reading = 20 // calls, so that each kind of list is also read as far as it goes
		_, _ = io.WriteString(w, lists[n/reading%int64(len(lists))](n))
	}))
	t.Cleanup(server.Close)
	h.addr = strings.TrimPrefix(server.URL, "http://")
	return h
}

const largestList = 4<<20 - 200

// listOfNothing has a million items.
func listOfNothing(int64) string {
	return `{"pagination":{"total":1,"next_page":null},"content":[` + strings.Repeat("{},", largestList/3) + "{}]}"
}

// listOfOneText is one item.
func listOfOneText(int64) string {
	return `{"pagination":{"total":1,"next_page":null},"content":[{"message":"` + strings.Repeat("x", largestList) + `"}]}`
}

// listOfPeople is a page of fifty long messages, of which there are very many, each
// of which may be any lead.
func listOfPeople(n int64) string {
	var list strings.Builder
	list.WriteString(`{"pagination":{"total":5000,"next_page":"x"},"content":[`)
	for i := range 50 {
		if i > 0 {
			list.WriteByte(',')
		}
		fmt.Fprintf(&list, `{"remote_id":null,"happened_at":"2026-11-28T12:00:00Z","message":"%d %d %s"}`, n, i, strings.Repeat("🏡", 5000))
	}
	list.WriteString("]}")
	return list.String()
}
