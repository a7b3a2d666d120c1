package process

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/e2e/relaytest"
)

// The log of a relay that was killed holds what was acknowledged last. When a
// disk has changed it, the next start says so, and how to start all the same.
func TestKill9AndADamagedLog(t *testing.T) {
	t.Parallel()
	const leads = 40
	_, address := relaytest.StartBroker(t)
	env := relaytest.Settings(t, address)
	path := env["LEADRELAY_DATABASE"]
	p := relaytest.Start(t, env, "serve").Started()
	for i := range leads {
		code, _, _ := relaytest.Inquire(p.Client, p.Public, fmt.Sprint("EB-", i), fmt.Sprint("Hola ", i))
		require.Equal(t, http.StatusAccepted, code)
	}
	p.Settled()
	p.Kill()
	<-p.Done
	left := map[string][]byte{}
	for _, end := range []string{"", "-wal", "-shm"} {
		var err error
		left[end], err = os.ReadFile(path + end)
		require.NoError(t, err)
	}

	tests := map[string]struct {
		damage func(log []byte) []byte
		says   string // and it starts, if that is empty
	}{
		"none":                     {func(log []byte) []byte { return log }, ""},
		"100 bytes in its middle":  {func(log []byte) []byte { copy(log[len(log)/2:], bytes.Repeat([]byte{0xa5}, 100)); return log }, "breaks off"},
		"its header":               {func(log []byte) []byte { log[8] ^= 1; return log }, "breaks off after 0 of"},
		"it is cut":                {func(log []byte) []byte { return log[:10_000] }, "breaks off"},
		"it is removed, and told ": {func([]byte) []byte { return nil }, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			log := test.damage(bytes.Clone(left["-wal"]))
			for end, content := range map[string][]byte{"": left[""], "-wal": log, "-shm": left["-shm"]} {
				require.NoError(t, os.WriteFile(path+end, content, 0o600))
			}
			if log == nil {
				require.NoError(t, os.Remove(path+"-wal"))
			}
			if test.says != "" {
				p := relaytest.Start(t, env, "serve")
				p.Ended(78)
				require.Contains(t, p.Err.String(), path+"-wal is damaged (it "+test.says)
				_, remedy, _ := strings.Cut(strings.TrimSpace(p.Err.String()), "run: ")
				require.NoError(t, exec.CommandContext(t.Context(), "sh", "-c", remedy).Run(), remedy)
			}
			p := relaytest.Start(t, env, "serve").Started()
			require.True(t, p.IsReady())
			if test.says == "" && log != nil {
				require.Len(t, p.Leads("limit=100").Leads, leads)
			}
			require.Equal(t, log == nil, strings.Contains(p.Out.String(), "leads may be lost"), p.Out.String())
			code, _, _ := relaytest.Inquire(p.Client, p.Public, "EB-1", "Una más")
			require.Equal(t, http.StatusAccepted, code)
			p.End(os.Interrupt, 0)
		})
	}
}
