package process

import (
	"crypto/rand"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"leadrelay/internal/e2e/relaytest"
	"leadrelay/internal/fakebroker"
)

// reloadable starts a relay whose settings are in a file, and returns the function that
// writes them.
func reloadable(t *testing.T, env map[string]string, text string) (*relaytest.Process, func(string)) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "relay.yaml")
	write := func(text string) { require.NoError(t, os.WriteFile(file, []byte(text), 0o600)) }
	write(text)
	env["LEADRELAY_CONFIG"] = file
	return relaytest.Start(t, env, "serve").Started(), write
}

// hangUp reloads, and waits until the log says how that went.
func hangUp(t *testing.T, p *relaytest.Process, want string) {
	t.Helper()
	before := strings.Count(p.Out.String(), want)
	require.NoError(t, p.Cmd.Process.Signal(syscall.SIGHUP))
	relaytest.Eventually(t, want, func() bool { return strings.Count(p.Out.String(), want) > before })
}

func formStatus(t *testing.T, p *relaytest.Process, site string) int {
	t.Helper()
	resp, err := p.Client.Get("http://" + p.Public + "/f/" + site)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	return resp.StatusCode
}

const lofts = "sites:\n  lofts:\n    source: lofts.mx\n    easybroker: {api_key: key-of-the-tests}\n"

// A crowd posts over several reloads. Each is answered, and arrives once.
func TestAReloadLosesNoRequest(t *testing.T) {
	t.Parallel()
	book, address := relaytest.StartBroker(t)
	p, write := reloadable(t, relaytest.Settings(t, address), lofts)
	var stop atomic.Bool
	var posted atomic.Int64
	var posting sync.WaitGroup
	for range 4 {
		posting.Go(func() {
			for !stop.Load() {
				code, _, _ := relaytest.Inquire(p.Client, p.Public, "EB-1", rand.Text())
				if !assert.Equal(t, http.StatusAccepted, code, "a post over a reload") {
					return
				}
				posted.Add(1)
			}
		})
	}
	for _, text := range []string{lofts + "  playa:\n    source: playa.mx\n    easybroker: {api_key: key-of-the-tests}\n", lofts, "sites: {}\n"} {
		write(text)
		hangUp(t, p, "the settings are read anew")
		before := posted.Load()
		relaytest.Eventually(t, "they go on", func() bool { return posted.Load() > before+8 })
	}
	stop.Store(true)
	posting.Wait()
	relaytest.Eventually(t, "all have arrived", func() bool { return int64(len(book.Book())) >= posted.Load() })
	p.Settled()
	require.Len(t, book.Book(), int(posted.Load()))
	for _, kept := range book.Book() {
		require.Equal(t, 1, kept.Posts)
	}
	p.End(syscall.SIGTERM, 0)
}

// What is wrong in the file is named in the log, and changes nothing. What is right is in
// force at once, but for what only a start heeds.
func TestWhatAReloadChanges(t *testing.T) {
	t.Parallel()
	_, address := relaytest.StartBroker(t)
	socket := filepath.Join(shortDir(t), "notify")
	systemd, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	require.NoError(t, err)
	defer func() { _ = systemd.Close() }()
	told := func() string {
		t.Helper()
		require.NoError(t, systemd.SetReadDeadline(time.Now().Add(relaytest.Patience)))
		text := make([]byte, 200)
		n, err := systemd.Read(text)
		require.NoError(t, err)
		return string(text[:n])
	}
	env := relaytest.Settings(t, address)
	env["NOTIFY_SOCKET"] = socket
	p, write := reloadable(t, env, "sites: {}\n")
	require.Equal(t, "READY=1", told())
	require.Equal(t, http.StatusNotFound, formStatus(t, p, "lofts"))

	write(lofts + "    sauce: x\n")
	hangUp(t, p, "the settings are not read anew")
	require.Regexp(t, `^RELOADING=1\nMONOTONIC_USEC=\d+$`, told())
	require.Equal(t, "READY=1", told())
	require.Contains(t, p.Out.String(), `relay.yaml:5:5: unknown key \"sauce\"`)
	require.Equal(t, http.StatusNotFound, formStatus(t, p, "lofts"))
	require.Equal(t, http.StatusOK, formStatus(t, p, "default"))

	write(lofts + "log_level: debug\n")
	hangUp(t, p, "the settings are read anew")
	require.Equal(t, http.StatusOK, formStatus(t, p, "lofts"))
	require.Contains(t, p.Out.String(), `"setting":"LEADRELAY_LOG_LEVEL"`)
	p.End(syscall.SIGTERM, 0)
}

// Leads that wait for a key go out soon after the right one is there, though nobody
// restarts anything.
func TestANewKeyIsUsedAtOnce(t *testing.T) {
	t.Parallel()
	book := fakebroker.New(fakebroker.Options{PartnerKeys: []string{"the-new-key"}})
	root, stop, err := book.Start()
	require.NoError(t, err)
	defer func() { book.Close(); stop() }()
	key := filepath.Join(t.TempDir(), "key")
	require.NoError(t, os.WriteFile(key, []byte("revoked"), 0o600))
	env := relaytest.Settings(t, "")
	env["EASYBROKER_URL"] = root
	delete(env, "EASYBROKER_API_KEY")
	env["EASYBROKER_API_KEY_FILE"], env["LEADRELAY_COURIER_PROBE"] = key, "1h"
	p, _ := reloadable(t, env, "sites: {}\n")
	code, _, _ := relaytest.Inquire(p.Client, p.Public, "EB-1", "Hola")
	require.Equal(t, http.StatusAccepted, code)
	relaytest.Eventually(t, "the key is held", func() bool { return strings.Contains(p.Out.String(), "401") })
	require.Empty(t, book.Book())
	require.NoError(t, os.WriteFile(key, []byte("the-new-key"), 0o600))
	begun := time.Now()
	hangUp(t, p, "the settings are read anew")
	relaytest.Eventually(t, "it has arrived", func() bool { return len(book.Book()) == 1 })
	require.Less(t, time.Since(begun), 5*time.Second)
	p.End(syscall.SIGTERM, 0)
}
