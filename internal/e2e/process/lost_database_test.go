package process

import (
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/e2e/relaytest"
)

// A backup that is moved over the database of a running relay does not become
// its database, and SQLite would go on writing into the file that is gone.
func TestADatabaseThatIsLostUnderTheRelay(t *testing.T) {
	tests := map[string]func(t *testing.T, path string){
		"it is deleted": func(t *testing.T, path string) { require.NoError(t, os.Rename(path, path+".aside")) },
		"a backup is moved in": func(t *testing.T, path string) {
			require.NoError(t, os.Link(path, path+".aside"))
			require.NoError(t, os.WriteFile(path+".backup", []byte("a backup"), 0o600))
			require.NoError(t, os.Rename(path+".backup", path))
		},
	}
	for name, lose := range tests {
		t.Run(name, func(t *testing.T) {
			broker, address := relaytest.StartBroker(t)
			env := relaytest.Settings(t, address)
			path := env["LEADRELAY_DATABASE"]
			p := relaytest.Start(t, env, "serve").Started()
			code, _, _ := relaytest.Inquire(p.Client, p.Public, "EB-1", "Hola")
			require.Equal(t, http.StatusAccepted, code)
			p.Settled()

			lose(t, path)
			lost := time.Now()
			relaytest.Eventually(t, "the log says so, though nobody asks", func() bool { return strings.Contains(p.Out.String(), "the database is lost") })
			require.Less(t, time.Since(lost), 2*time.Second) // half a second, on a machine that is not busy
			require.Contains(t, p.Out.String(), path+" was ")
			code, _, h := relaytest.Inquire(p.Client, p.Public, "EB-1", "Buenas tardes")
			require.Equal(t, http.StatusServiceUnavailable, code)
			require.NotEmpty(t, h.Get("Retry-After"))
			require.Equal(t, http.StatusServiceUnavailable, status(t, p, "/readyz"))
			require.Equal(t, http.StatusOK, status(t, p, "/healthz"))
			require.Len(t, broker.Book(), 1)

			require.NoError(t, os.Rename(path+".aside", path))
			relaytest.Eventually(t, "it goes on by itself", p.IsReady)
			code, _, _ = relaytest.Inquire(p.Client, p.Public, "EB-1", "Buenas tardes")
			require.Equal(t, http.StatusAccepted, code)
			relaytest.Eventually(t, "the lead is with EasyBroker", func() bool { return len(broker.Book()) == 2 })
			relaytest.Eventually(t, "the log says that, too", func() bool { return strings.Contains(p.Out.String(), "the database is back") })
			p.End(os.Interrupt, 0)
		})
	}
}
