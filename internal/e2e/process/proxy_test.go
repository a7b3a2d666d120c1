package process

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"maps"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"leadrelay/internal/e2e/relaytest"
)

// front is a proxy of deploy/ that runs in front of a relay.
type front struct {
	address string
	secure  bool // speaks TLS
}

// fronts start the proxies with the files of deploy/, in which no more is
// replaced than ports, paths and users: what their own comments ask for.
var fronts = map[string]func(t *testing.T, relay string) front{
	"nginx": func(t *testing.T, relay string) front {
		t.Helper()
		f, dir, me := front{address: relaytest.FreeAddr(t), secure: true}, t.TempDir(), owner(t)
		certificate(t, dir)
		site := replaced(t, "nginx.conf",
			"127.0.0.1:8080", relay, "listen 443 ssl", "listen "+f.address+" ssl", "listen 80", "listen "+relaytest.FreeAddr(t),
			"\tlisten [::]:80;\n", "", "\tlisten [::]:443 ssl http2 backlog=4096 sndbuf=16k;\n", "",
			"/etc/letsencrypt/live/leads.casas.mx/fullchain.pem", dir+"/cert.pem", "/etc/letsencrypt/live/leads.casas.mx/privkey.pem", dir+"/key.pem")
		// What Debian's own nginx.conf says, and the one line that ours asks for.
		all := fmt.Sprintf("daemon off; user %s %s; worker_processes auto; events { worker_connections 16384; }\npid nginx.pid; error_log stderr warn;\n"+
			"http {\naccess_log off; client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path f; uwsgi_temp_path u; scgi_temp_path s;\n%s}\n", me.user, me.group, site)
		f.run(t, dir, "nginx", "-p", dir, "-e", "stderr", "-c", written(t, dir, "nginx.conf", all))
		return f
	},
	"HAProxy": func(t *testing.T, relay string) front {
		t.Helper()
		return haproxy(t, replaced(t, "haproxy.cfg", "127.0.0.1:8080", relay), relaytest.FreeAddr(t), relaytest.FreeAddr(t))
	},
	"Caddy": caddy("caddy"),
}

// haproxy starts HAProxy with its file, whose relays are set already. It speaks plain HTTP
// at one more address, and asks certbot at another.
func haproxy(t *testing.T, file, plain, certbot string) front {
	t.Helper()
	f, dir, me := front{address: relaytest.FreeAddr(t), secure: true}, t.TempDir(), owner(t)
	certificate(t, dir)
	file = replacedIn(t, file, "bind :443", "bind "+f.address, "bind :80", "bind "+plain, "127.0.0.1:8888", certbot,
		"\tbind [::]:80 v6only\n", "", "\tbind [::]:443 v6only ssl crt /etc/haproxy/leads.casas.mx.pem alpn h2,http/1.1\n", "",
		"/etc/haproxy/leads.casas.mx.pem", dir+"/both.pem", "user haproxy", "user "+me.user, "group haproxy", "group "+me.group)
	f.run(t, dir, "haproxy", "-f", written(t, dir, "haproxy.cfg", file))
	return f
}

// The authority comes over plain HTTP. Where HAProxy sends it to https, as it does
// everybody else, no certificate is ever renewed.
func TestHAProxyLetsCertbotAnswer(t *testing.T) {
	t.Parallel()
	certbot := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.URL.Path) }))
	t.Cleanup(certbot.Close)
	plain := relaytest.FreeAddr(t)
	haproxy(t, replaced(t, "haproxy.cfg"), plain, certbot.Listener.Addr().String())
	get := func(path string) (status int, body string) {
		resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(httptest.NewRequestWithContext(t.Context(), "GET", "http://"+plain+path, nil))
		require.NoError(t, err)
		defer func() { _ = resp.Body.Close() }()
		text, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		return resp.StatusCode, string(text)
	}
	status, body := get("/.well-known/acme-challenge/x")
	require.Equal(t, 200, status)
	require.Equal(t, "/.well-known/acme-challenge/x", body)
	status, _ = get("/f")
	require.Equal(t, 308, status)

	certbot.Close()
	status, _ = get("/.well-known/acme-challenge/x")
	require.Equal(t, 503, status, "at once, because certbot is rarely there")
}

// allFronts are those of this machine, and in full runs a Caddy of today as well:
// a distribution's may be years old.
func allFronts(t *testing.T) map[string]func(t *testing.T, relay string) front {
	t.Helper()
	if !relaytest.InFull() {
		return fronts
	}
	program, err := filepath.Abs("../../../bin/caddy")
	require.NoError(t, err)
	all := maps.Clone(fronts)
	all["Caddy of today"] = caddy(program)
	return all
}

func caddy(program string, settings ...string) func(t *testing.T, relay string) front {
	return func(t *testing.T, relay string) front {
		t.Helper()
		f, dir := front{address: relaytest.FreeAddr(t)}, t.TempDir()
		file := replaced(t, "Caddyfile", "{\n\tservers {", "{\n\tadmin off\n\tservers {") // which has one port for all
		age := "new"
		if isOldCaddy(t, program) {
			age = "old"
		}
		settings := append(slices.Clone(settings), "LEADRELAY_DOMAIN=http://"+f.address, "LEADRELAY_UPSTREAM="+relay, "LEADRELAY_CADDY="+age)
		f.run(t, dir, program, append([]string{"run", "--adapter", "caddyfile", "--config", written(t, dir, "Caddyfile", file)}, settings...)...)
		return f
	}
}

// isOldCaddy reports whether the Caddyfile wants to be told of this one's age.
func isOldCaddy(t *testing.T, program string) bool {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), program, "version").Output()
	require.NoError(t, err, "make deps or make bin/caddy installs it")
	var minor int
	_, err = fmt.Sscanf(strings.TrimPrefix(string(out), "v"), "2.%d", &minor)
	return err == nil && minor < 8 // one that was built here does not know its version
}

// replaced is a file of deploy/ with other ports and paths; each must be in it.
func replaced(t *testing.T, name string, oldnew ...string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("..", "..", "..", "deploy", name))
	require.NoError(t, err)
	return replacedIn(t, string(content), oldnew...)
}

// replacedIn is replaced for the content of a file.
func replacedIn(t *testing.T, content string, oldnew ...string) string {
	t.Helper()
	for i := 0; i < len(oldnew); i += 2 {
		require.Contains(t, content, oldnew[i])
	}
	return strings.NewReplacer(oldnew...).Replace(content)
}

func written(t *testing.T, dir, name, content string) (path string) {
	t.Helper()
	path = filepath.Join(dir, name)
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

type account struct{ user, group string }

// owner is who runs the test, since a proxy may not become anybody else.
func owner(t *testing.T) account {
	t.Helper()
	me, err := user.Current()
	require.NoError(t, err)
	group, err := user.LookupGroupId(me.Gid)
	require.NoError(t, err)
	return account{me.Username, group.Name}
}

// certificate writes cert.pem, key.pem and both.pem.
func certificate(t *testing.T, dir string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	about := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"leads.casas.mx"}, NotAfter: time.Now().Add(time.Hour)}
	cert, err := x509.CreateCertificate(rand.Reader, about, about, &key.PublicKey, key)
	require.NoError(t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	certPEM := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}))
	keyPEM := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}))
	written(t, dir, "cert.pem", certPEM)
	written(t, dir, "key.pem", keyPEM)
	written(t, dir, "both.pem", certPEM+keyPEM)
}

// run runs the proxy until the test ends; the last arguments may be NAME=value.
func (f front) run(t *testing.T, dir, name string, args ...string) {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		name = "/usr/sbin/" + name // which is not everybody's
	}
	cmd := exec.Command(name)
	cmd.Env = append(relaytest.Environment(), "HOME="+dir)
	for _, arg := range args {
		if strings.HasPrefix(arg, "LEADRELAY_") {
			cmd.Env = append(cmd.Env, arg)
			continue
		}
		cmd.Args = append(cmd.Args, arg)
	}
	cmd.Dir = dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // its workers are children
	var out relaytest.Lines
	cmd.Stdout, cmd.Stderr = &out, &out
	require.NoError(t, cmd.Start(), "make deps installs it")
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		_ = cmd.Wait()
		if t.Failed() {
			t.Log(out.String())
		}
	})
	relaytest.Eventually(t, name+" listens", func() bool {
		conn, err := dial("127.0.0.1", f.address, f.secure)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
}

// dial connects from an address of this machine, which all of 127.0.0.0/8 are, or
// from any where there is none.
func dial(from, address string, secure bool) (net.Conn, error) {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: relaytest.Patience}
	conn, err := d.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	if !secure {
		return conn, nil
	}
	hidden := tls.Client(conn, &tls.Config{InsecureSkipVerify: true})
	if err := hidden.Handshake(); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return hidden, nil
}

// visitor is a client at an address.
func (f front) visitor(t *testing.T, from string) *http.Client {
	t.Helper()
	c := relaytest.NewClient(t)
	plain := c.Transport.(*http.Transport)
	plain.DialContext = func(context.Context, string, string) (net.Conn, error) { return dial(from, f.address, f.secure) }
	plain.DialTLSContext = plain.DialContext
	return c
}

// post posts a form, or says why there is no answer. Like a browser it posts again
// where the other end has closed a connection that was kept: HTTP lets either end
// do so at any time, and a post may be on its way then (RFC 9112, section 9.3.1).
func (f front) post(c *http.Client, form url.Values, header ...string) (status int, answer relaytest.Accepted, err error) {
	scheme := map[bool]string{false: "http://", true: "https://"}[f.secure]
	isReused := false
	traced := httptrace.WithClientTrace(context.Background(), &httptrace.ClientTrace{GotConn: func(got httptrace.GotConnInfo) { isReused = got.Reused }})
	req, err := http.NewRequestWithContext(traced, http.MethodPost, scheme+f.address+"/f", strings.NewReader(form.Encode()))
	if err != nil {
		panic(err)
	}
	req.Header["Idempotency-Key"] = []string{} // it is not sent; net/http posts again with it
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	resp, err := c.Do(req)
	if err != nil {
		return 0, answer, fmt.Errorf("%w; the connection had been used before: %t", err, isReused)
	}
	defer func() { _ = resp.Body.Close() }()
	_ = json.NewDecoder(resp.Body).Decode(&answer)
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, answer, nil
}

// What is lost in a restart must be the relay's fault, and not that of a visitor who
// is no browser.
func TestAVisitorPostsAgainOnAConnectionThatWasClosed(t *testing.T) {
	t.Parallel()
	var requests atomic.Int64
	door := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n := requests.Add(1); n == 2 || n > 3 {
			panic(http.ErrAbortHandler)
		}
		assert.NotContains(t, r.Header, "Idempotency-Key")
		w.WriteHeader(http.StatusAccepted)
	}))
	t.Cleanup(door.Close)
	f := front{address: door.Listener.Addr().String()}
	c := f.visitor(t, "127.0.0.1")
	for range 2 {
		status, _, err := f.post(c, anInquiry("EB-1"))
		require.NoError(t, err)
		require.Equal(t, http.StatusAccepted, status)
	}
	_, _, err := f.post(f.visitor(t, "127.0.0.1"), anInquiry("EB-1"))
	require.ErrorContains(t, err, "used before: false")
	require.EqualValues(t, 4, requests.Load(), "one who has just come does not post again")
}

func anInquiry(property string) url.Values {
	return url.Values{"property_id": {property}, "email": {"ana@ejemplo.mx"}, "message": {"¿Sigue disponible " + property + "?"}}
}

// behind starts a relay, and the proxy in front of it.
func behind(t *testing.T, start func(*testing.T, string) front, env map[string]string) front {
	t.Helper()
	env["LEADRELAY_ADDR"] = relaytest.FreeAddr(t)
	env["LEADRELAY_TRUSTED_PROXIES"] = "127.0.0.1/32"
	return start(t, env["LEADRELAY_ADDR"])
}

// Each visitor has his own limit behind a proxy, whatever he says that he is, and
// what the relay refuses is the relay's answer.
func TestAVisitorsAddressBehindAProxy(t *testing.T) {
	for name, proxy := range allFronts(t) {
		t.Run(name, func(t *testing.T) {
			env := relaytest.Settings(t, "127.0.0.1:1")
			env["LEADRELAY_LIMIT_ADDRESS"] = "3/m"
			f := behind(t, proxy, env)
			p := relaytest.Start(t, env, "serve").Started()
			for _, from := range []string{"127.0.9.1", "127.0.9.2"} {
				c, got := f.visitor(t, from), []int(nil)
				for i := range 5 {
					lie := fmt.Sprintf("198.51.100.%d", i)
					code, _, err := f.post(c, anInquiry(fmt.Sprint("EB-", strings.ReplaceAll(from, ".", "-"), "-", i)), "X-Forwarded-For", lie, "Forwarded", "for="+lie, "X-Real-IP", lie)
					require.NoError(t, err)
					got = append(got, code)
				}
				require.Equal(t, []int{202, 202, 202, 429, 429}, got)
			}
			large := anInquiry("EB-1")
			large.Set("extra", strings.Repeat("a", 64<<10-len(large.Encode())-len("&extra=")))
			code, _, err := f.post(f.visitor(t, "127.0.9.3"), large)
			require.NoError(t, err)
			require.Equal(t, http.StatusAccepted, code, "as much as the relay takes")
			large.Set("extra", large.Get("extra")+"a")
			code, _, err = f.post(f.visitor(t, "127.0.9.3"), large, "X-Requested-With", "XMLHttpRequest")
			require.NoError(t, err)
			require.Equal(t, http.StatusRequestEntityTooLarge, code)
			relaytest.Eventually(t, "it is the relay that refuses", func() bool { return strings.Contains(p.Out.String(), `"status":413`) })
			sizes := []int{10, 70 << 10}
			if name != "HAProxy" { // which leaves it to the relay to refuse the largest
				sizes = append(sizes, 2<<20)
			}
			for _, size := range sizes {
				require.Equal(t, "max-age=31536000; includeSubDomains", f.answerTo(t, strings.Repeat("a", size)).Get("Strict-Transport-Security"), size)
			}
			p.End(os.Interrupt, 0)
		})
	}
}

// answerTo posts a body that is no inquiry and returns the headers of the answer.
func (f front) answerTo(t *testing.T, body string) http.Header {
	t.Helper()
	scheme := map[bool]string{false: "http://", true: "https://"}[f.secure]
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, scheme+f.address+"/f", strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Expect", "100-continue") // else who refuses a body may cut off whoever still sends it
	resp, err := f.visitor(t, "127.0.9.4").Do(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.GreaterOrEqual(t, resp.StatusCode, 400)
	return resp.Header
}

// Those who send slowly or read no answer wait at the proxy, from hundreds of
// addresses: the relay does not notice them, and nor do visitors. The figures of a
// whole run hold on a machine that is idle besides.
func TestACrowdAtAProxy(t *testing.T) {
	crowd, during, longest := 300, time.Second, 5*time.Second
	if relaytest.InFull() {
		crowd, during, longest = 6000, 20*time.Second, 250*time.Millisecond
	}
	for name, proxy := range allFronts(t) {
		t.Run(name, func(t *testing.T) {
			env := relaytest.Settings(t, "127.0.0.1:1")
			env["LEADRELAY_LIMIT_SITE"] = "6000/m" // the good ones are half of it
			f := behind(t, proxy, env)
			a := &abuse{T: t, p: relaytest.Start(t, env, "serve").Started(), client: relaytest.NewClient(t), over: make(chan struct{})}
			before := a.atRest()
			others := crowdAt(t, f.address, slowAndDeaf, strconv.Itoa(crowd))
			if f.secure {
				others.Cmd.Args = append(others.Cmd.Args, "tls")
			}
			others.Run()
			relaytest.Eventually(t, "all are there", func() bool { return strings.Contains(others.Out.String(), "all have come") })
			begun := time.Now()
			status, _, err := f.post(f.visitor(t, "127.199.0.1"), anInquiry("EB-FIRST"))
			t.Logf("who comes with the crowd stands behind it for %v", time.Since(begun))
			require.NoError(t, err)
			require.Equal(t, http.StatusAccepted, status)
			v := a.visitWith("crowd", during, func(i int) int {
				c := f.visitor(t, fmt.Sprintf("127.200.%d.%d", i/250, 1+i%250))
				defer c.CloseIdleConnections()
				status, _, err := f.post(c, anInquiry(fmt.Sprint("EB-", i)))
				if err != nil {
					t.Log(err)
				}
				return status
			})
			require.Less(t, v.p99, longest)
			atRelay := func() int { return a.measure()["process_open_fds"] - before["process_open_fds"] }
			relaytest.Eventually(t, "they are not at the relay", func() bool { return atRelay() < crowd/6 })
			others.End(os.Interrupt, 0)
			t.Logf("%d of %d were at the relay; %s", atRelay(), crowd, others.Out.String())
			a.end()
			a.p.End(os.Interrupt, 0)
		})
	}
}

// A restart loses no inquiry behind a proxy: they wait there. Of those that the
// relay has begun to read when it is killed, none is sent again.
func TestRestartsBehindAProxy(t *testing.T) {
	t.Parallel()
	for name, proxy := range allFronts(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // it waits for most of its time
			env := relaytest.Settings(t, "127.0.0.1:1")
			env["LEADRELAY_DRAIN"] = "1s"
			f := behind(t, proxy, env)
			p := relaytest.Start(t, env, "serve").Started()

			seen := f.traffic(t, func() {
				time.Sleep(time.Second)
				p.End(syscall.SIGTERM, 0)
				p = relaytest.Start(t, env, "serve").Started()
				time.Sleep(time.Second)
			})
			t.Logf("stopped: %d posts, %d lost, longest %v", seen.posts, len(seen.lost), seen.longest)
			require.Empty(t, seen.lost)

			var killed time.Time
			again := f.traffic(t, func() {
				time.Sleep(3 * time.Second)
				p.Kill()
				<-p.Done
				killed = time.Now()
				time.Sleep(500 * time.Millisecond)
				p = relaytest.Start(t, env, "serve").Started()
				time.Sleep(3 * time.Second)
			})
			t.Logf("killed: %d posts, %d lost, longest %v", again.posts, len(again.lost), again.longest)
			again.requireNoneLostSince(t, killed)
			require.Greater(t, again.longest, 400*time.Millisecond, "somebody had to wait")
			require.GreaterOrEqual(t, keptOnce(t, p), seen.posts+again.posts-len(again.lost))
			p.End(os.Interrupt, 0)
		})
	}
}

// traffic is what became of the posts while something was done.
type traffic struct {
	posts   int
	lost    []lost
	longest time.Duration
}

// requireNoneLostSince allows a post to be lost only if it began before the kill.
func (all traffic) requireNoneLostSince(t *testing.T, killed time.Time) {
	t.Helper()
	for _, l := range all.lost {
		require.True(t, l.begun.Before(killed), "a post lost that began %v after the kill: %s", l.begun.Sub(killed), l.why)
	}
}

// keptOnce counts the leads, no two of which may have the same message.
func keptOnce(t *testing.T, p *relaytest.Process) int {
	t.Helper()
	kept := map[string]bool{}
	for _, message := range allLeads(p) {
		require.NotContains(t, kept, message)
		kept[message] = true
	}
	return len(kept)
}

// lost is a post that was not accepted: when it began, and what became of it.
type lost struct {
	begun time.Time
	why   string
}

// traffic posts 50 inquiries a second while do runs, from several addresses: those
// who wait for a start on a busy machine are more than a proxy lets in from one.
func (f front) traffic(t *testing.T, do func()) (all traffic) {
	t.Helper()
	var visitors [10]*http.Client
	for i := range visitors {
		visitors[i] = f.visitor(t, fmt.Sprintf("127.5.0.%d", i+1))
	}
	var mu sync.Mutex
	var posts sync.WaitGroup
	post := func(n int) {
		begun := time.Now()
		code, _, err := f.post(visitors[n%len(visitors)], anInquiry(fmt.Sprint("EB-", begun.UnixNano())))
		mu.Lock()
		defer mu.Unlock()
		all.longest = max(all.longest, time.Since(begun))
		all.posts++
		if code != http.StatusAccepted {
			all.lost = append(all.lost, lost{begun, fmt.Sprintf("%d after %v: %v", code, time.Since(begun), err)})
		}
	}
	done := make(chan struct{})
	posts.Go(func() {
		next := time.NewTicker(time.Second / 50)
		defer next.Stop()
		for n := 0; ; n++ {
			select {
			case <-next.C:
				posts.Go(func() { post(n) })
			case <-done:
				return
			}
		}
	})
	do()
	close(done)
	posts.Wait()
	return all
}
