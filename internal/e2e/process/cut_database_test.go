package process

import (
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/e2e/relaytest"
)

// Somebody who is short of disk empties the log under the relay, or copies a backup
// over the database: the files stay where they are. Nothing is taken or sent from
// then on, and the next start says what is lost, or how to go on.
func TestADatabaseThatIsCutUnderTheRelay(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		spoil string // for the shell
		end   string // of the path that is named
		says  string // by the next start, which does not start; or
		warns string // by one that does
	}{
		"the log is emptied":            {"truncate -s 0 leadrelay.db-wal", "-wal", "", "leads may be lost"},
		"the log is cut":                {"truncate -s 30000 leadrelay.db-wal", "-wal", "breaks off", ""},
		"a backup is copied over it":    {"cp backup.db leadrelay.db", "", "log is that of another state", ""},
		"a backup is written in places": {"dd if=backup.db of=leadrelay.db conv=notrunc status=none", "", "log is that of another state", ""},
	}
	for name, test := range tests {
		for how, end := range map[string]func(p *relaytest.Process){
			"stop":    func(p *relaytest.Process) { p.End(os.Interrupt, 0) },
			"kill -9": func(p *relaytest.Process) { p.Kill(); <-p.Done },
		} {
			t.Run(name+", "+how, func(t *testing.T) {
				t.Parallel()
				broker, address := relaytest.StartBroker(t)
				env := relaytest.Settings(t, address)
				path := env["LEADRELAY_DATABASE"]
				shell := func(command string) {
					cmd := exec.CommandContext(t.Context(), "sh", "-c", "cd "+strings.TrimSuffix(path, "/leadrelay.db")+" && "+command)
					out, err := cmd.CombinedOutput()
					require.NoError(t, err, string(out))
				}
				accept := func(p *relaytest.Process, n int) {
					code, _, _ := relaytest.Inquire(p.Client, p.Public, "EB-1", "Hola "+strconv.Itoa(n))
					require.Equal(t, http.StatusAccepted, code)
				}
				for n := range 2 {
					p := relaytest.Start(t, env, "serve").Started()
					accept(p, n)
					p.Settled()
					p.End(os.Interrupt, 0)
					shell("cp -n leadrelay.db backup.db")
				}
				p := relaytest.Start(t, env, "serve").Started()
				accept(p, 2)
				p.Settled()

				shell(test.spoil)
				begun := time.Now()
				for n := range 3 {
					code, _, h := relaytest.Inquire(p.Client, p.Public, "EB-1", "Buenas "+strconv.Itoa(n))
					require.Equal(t, http.StatusServiceUnavailable, code)
					require.NotEmpty(t, h.Get("Retry-After"))
				}
				require.Less(t, time.Since(begun), 3*time.Second, "a second each")
				require.Equal(t, http.StatusServiceUnavailable, status(t, p, "/readyz"))
				require.Equal(t, http.StatusOK, status(t, p, "/healthz"))
				relaytest.Eventually(t, "the log says so", func() bool { return strings.Contains(p.Out.String(), "the database is lost") })
				time.Sleep(1200 * time.Millisecond) // two more looks at the files
				require.Equal(t, 1, strings.Count(p.Out.String(), "the database is lost"), "once")
				require.Contains(t, p.Out.String(), path+test.end+" was cut or written over")
				require.Len(t, broker.Book(), 3, "nothing is sent")
				end(p)

				if test.says != "" {
					p = relaytest.Start(t, env, "serve")
					p.Ended(78)
					require.Contains(t, p.Err.String(), test.says)
					_, remedy, _ := strings.Cut(strings.TrimSpace(p.Err.String()), "run: ")
					shell(remedy)
				}
				p = relaytest.Start(t, env, "serve").Started()
				require.Equal(t, test.warns != "", strings.Contains(p.Out.String(), "leads may be lost"), p.Out.String())
				require.NotEmpty(t, allLeads(p), "what was in the file is there")
				accept(p, 3)
				p.End(os.Interrupt, 0)
			})
		}
	}
}
