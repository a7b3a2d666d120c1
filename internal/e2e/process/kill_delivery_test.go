package process

import (
	"database/sql"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/e2e/relaytest"
	"leadrelay/internal/smtp/smtptest"
)

// The relay is killed while a webhook and a mail server have what they are told, and have
// not answered yet. Nobody can know whether they took it: so they are told once more, and
// can know it by its id.
func TestKill9InTheMiddleOfADelivery(t *testing.T) {
	t.Parallel()
	_, address := relaytest.StartBroker(t)
	var mu sync.Mutex
	var heard, mailed []string
	hang := make(chan struct{}) // until the relay is dead
	wait := sync.OnceFunc(func() { <-hang })
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		heard = append(heard, r.Header.Get("Webhook-Id"))
		mu.Unlock()
		wait()
	}))
	defer hook.Close()
	id := regexp.MustCompile(`(?m)^Message-ID: <(\S+)>$`)
	office, err := smtptest.Listen("127.0.0.1:0", func(m smtptest.Mail) {
		mu.Lock()
		mailed = append(mailed, id.FindStringSubmatch(m.Data)[1])
		mu.Unlock()
		wait()
	})
	require.NoError(t, err)
	defer office.Close()
	secret := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(secret, []byte("whsec_AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="), 0o600))
	env := relaytest.SettingsWith(t, address, fmt.Sprintf(`
sites:
  default:
    source: casas.mx
    mail: {to: [ventas@casas.mx]}
    webhooks: [{url: "%s", secret_file: %s, events: [lead.received]}]
`, hook.URL, secret))
	env["LEADRELAY_SMTP"] = "smtp://" + office.Addr + "?from=leads@casas.mx"
	p := relaytest.Start(t, env, "serve").Started()
	code, _, _ := relaytest.Inquire(p.Client, p.Public, "EB-1", "Hola")
	require.Equal(t, http.StatusAccepted, code)
	counted := func(n int) func() bool {
		return func() bool {
			mu.Lock()
			defer mu.Unlock()
			return len(heard) >= n && len(mailed) >= n
		}
	}
	relaytest.Eventually(t, "both are told", counted(1))
	p.Kill()
	<-p.Done
	close(hang)
	deliveryLeasesRunOut(t, env["LEADRELAY_DATABASE"])

	p = relaytest.Start(t, env, "serve").Started()
	relaytest.Eventually(t, "both are told again", counted(2))
	p.Settled()
	relaytest.Eventually(t, "both have answered", func() bool { return countOf(t, env["LEADRELAY_DATABASE"], "state = 'taken'") == 2 })
	p.End(syscall.SIGTERM, 0)
	mu.Lock()
	defer mu.Unlock()
	require.Equal(t, []string{heard[0], heard[0]}, heard, "once more, under the same id")
	require.Equal(t, []string{mailed[0], mailed[0]}, mailed)
}

// deliveryLeasesRunOut lets the minute pass for which a delivery is the dead process's.
func deliveryLeasesRunOut(t *testing.T, database string) {
	t.Helper()
	db, err := sql.Open("sqlite", database)
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	changed, err := db.Exec(`UPDATE deliveries SET due_at = due_at - 60000 WHERE attempts = 1 AND due_at IS NOT NULL`)
	require.NoError(t, err)
	n, err := changed.RowsAffected()
	require.NoError(t, err)
	require.EqualValues(t, 2, n)
}

func countOf(t *testing.T, database, which string) (n int) {
	t.Helper()
	db, err := sql.Open("sqlite", database+"?_pragma=busy_timeout(5000)")
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	require.NoError(t, db.QueryRow(`SELECT count(*) FROM deliveries WHERE `+which).Scan(&n))
	return n
}
