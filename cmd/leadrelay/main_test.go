package main

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"leadrelay/internal/e2e/relaytest"
)

// TestMain fails a run that leaves goroutines behind.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// runHere runs leadrelay in this process.
func runHere(t *testing.T, env map[string]string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	code = run(t.Context(), args, env, &out, &err)
	return code, out.String(), err.String()
}

// Each verb explains itself, and says what is missing.
func TestEachVerbExplainsItself(t *testing.T) {
	parser := kong.Must(&verbs{}, kong.Vars{"states": states()})
	for _, verb := range parser.Model.Leaves(false) {
		path := strings.Fields(verb.Path())
		code, stdout, stderr := runHere(t, nil, append(path, "--help")...)
		require.Zero(t, code, verb.Path())
		require.Contains(t, stdout, "Usage: leadrelay "+verb.Path())
		require.Empty(t, stderr)
		if len(verb.Positional) > 0 && verb.Positional[0].Required {
			code, _, stderr = runHere(t, nil, path...)
			require.Equal(t, exitUsage, code, verb.Path())
			require.Contains(t, stderr, "leadrelay: ", verb.Path())
		}
	}
}

func TestExitCodes(t *testing.T) {
	dir := t.TempDir()
	good := func(more ...string) map[string]string {
		env := map[string]string{
			"EASYBROKER_API_KEY": "any-key", "LEADRELAY_SOURCE": "casas.mx", "LEADRELAY_DATABASE": filepath.Join(dir, "leadrelay.db"),
			"LEADRELAY_ADDR": "127.0.0.1:0", "LEADRELAY_OPERATOR_ADDR": "127.0.0.1:0",
		}
		for i := 0; i < len(more); i += 2 {
			env[more[i]] = more[i+1]
		}
		return env
	}
	tests := map[string]struct {
		env    map[string]string
		args   []string
		code   int
		stderr string
	}{
		"nothing asked is a wish for help":        {nil, nil, 0, ""},
		"help":                                    {nil, []string{"--help"}, 0, ""},
		"help for a verb":                         {nil, []string{"leads", "list", "--help"}, 0, ""},
		"the version":                             {nil, []string{"version"}, 0, ""},
		"a verb that nobody knows":                {nil, []string{"serv"}, 64, "unexpected argument serv"},
		"half a verb":                             {nil, []string{"leads"}, 64, "expected one of"},
		"a flag that nobody knows":                {good(), []string{"serve", "--fast"}, 64, "unknown flag --fast"},
		"a flag that wants a number":              {good(), []string{"leads", "list", "--limit", "many"}, 64, "--limit"},
		"a flag below its least":                  {good(), []string{"leads", "list", "--limit", "0"}, 64, "--limit wants a number above zero"},
		"no settings at all":                      {nil, []string{"serve"}, 78, "LEADRELAY_SOURCE"},
		"a wrong setting":                         {good("LEADRELAY_DRAIN", "5"), []string{"config", "check"}, 78, "LEADRELAY_DRAIN"},
		"good settings":                           {good(), []string{"config", "check"}, 0, ""},
		"a folder that is not there":              {good("LEADRELAY_DATABASE", filepath.Join(dir, "no", "x.db")), []string{"serve"}, 78, "LEADRELAY_DATABASE: the database's folder is not there"},
		"its check":                               {good("LEADRELAY_DATABASE", filepath.Join(dir, "no", "x.db")), []string{"config", "check"}, 78, "LEADRELAY_DATABASE: the database's folder is not there"},
		"a database that is a folder":             {good("LEADRELAY_DATABASE", dir), []string{"serve"}, 1, "is a directory"},
		"a server without a token":                {good("LEADRELAY_DATABASE", "postgres://db/leads"), []string{"serve"}, 78, "LEADRELAY_OPERATOR_TOKEN: is required with PostgreSQL"},
		"the leads on a server without a token":   {good("LEADRELAY_DATABASE", "postgres://db/leads"), []string{"leads", "list"}, 78, "set LEADRELAY_OPERATOR_TOKEN to that of the relays"},
		"a server that nobody can understand":     {good("LEADRELAY_DATABASE", "postgres://db:port/leads", "LEADRELAY_OPERATOR_TOKEN", "token-of-all-the-tests"), []string{"serve"}, 78, "LEADRELAY_DATABASE: is no valid"},
		"an address that is not ours":             {good("LEADRELAY_ADDR", "192.0.2.1:80"), []string{"serve"}, 1, "192.0.2.1:80"},
		"a relay that is not there":               {good("LEADRELAY_ADDR", relaytest.FreeAddr(t)), []string{"healthcheck"}, 1, "refused"},
		"no token yet":                            {good("LEADRELAY_DATABASE", filepath.Join(t.TempDir(), "x.db")), []string{"leads", "list"}, 78, "operator-token"},
		"a folio that is none":                    {good(), []string{"leads", "show", "twelve"}, 64, "a folio is a whole number"},
		"several folios, one of them none":        {good(), []string{"leads", "retry", "1", "twelve"}, 64, "a folio is a whole number"},
		"no folio at all":                         {good(), []string{"leads", "discard"}, 64, "<folio>"},
		"an edit of nothing":                      {good(), []string{"leads", "edit", "1"}, 64, "name at least one of --property"},
		"a replay of everything":                  {good(), []string{"leads", "replay", "--dry-run"}, 64, "say which leads"},
		"a reconciliation since nobody knows":     {good(), []string{"reconcile", "--since", "yesterday"}, 64, "--since wants a date or a time"},
		"a reconciliation since tomorrow":         {good(), []string{"reconcile", "--since", "-24h"}, 64, "--since"},
		"a reconciliation with nobody":            {good("LEADRELAY_OPERATOR_TOKEN", "token-of-all-the-tests", "LEADRELAY_OPERATOR_ADDR", relaytest.FreeAddr(t)), []string{"reconcile"}, 1, "is the relay running?"},
		"faults that are no JSON":                 {nil, []string{"fakebroker", "--faults", "down"}, 64, "faults"},
		"a file of faults that is not there":      {nil, []string{"fakebroker", "--faults", "@nowhere"}, 78, "nowhere"},
		"a key of no half of the API":             {nil, []string{"fakebroker", "--key", "acount:k"}, 64, "--key wants partner:KEY or account:KEY"},
		"a key of both halves":                    {nil, []string{"fakebroker", "--key", "k", "--key", "account:k"}, 64, "a key opens one half"},
		"a key that is empty":                     {nil, []string{"fakebroker", "--key", "partner:"}, 64, "--key is empty"},
		"a file of settings that is not there":    {good("LEADRELAY_CONFIG", filepath.Join(dir, "no.yaml")), []string{"serve"}, 78, "LEADRELAY_CONFIG"},
		"an empty token file":                     {good("LEADRELAY_DATABASE", emptyToken(t)), []string{"serve"}, 1, "operator-token is empty"},
		"settings for leads may lack what it can": {map[string]string{"LEADRELAY_DATABASE": filepath.Join(t.TempDir(), "x.db")}, []string{"leads", "list"}, 78, "operator-token"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			code, _, stderr := runHere(t, tt.env, tt.args...)
			require.Equal(t, tt.code, code, stderr)
			if tt.stderr == "" {
				require.Empty(t, stderr)
				return
			}
			require.Contains(t, stderr, tt.stderr)
			for line := range strings.Lines(stderr) {
				require.Regexp(t, `^(leadrelay: .*|Try leadrelay( [a-z]+)* --help\.)\n$`, line)
			}
		})
	}
}

// What the relay would start with is no failure of the check, and is not called fine.
func TestACheckWithWarningsAlone(t *testing.T) {
	env := map[string]string{"LEADRELAY_SOURCE": "https://casas.mx", "EASYBROKER_API_KEY": "k3y", "LEADRELAY_ADRR": ":1"}
	code, stdout, stderr := runHere(t, env, "config", "check")
	require.Equal(t, 0, code, stderr)
	require.Equal(t, 4, strings.Count(stdout, "warning: "), stdout)
	require.Contains(t, stdout, "LEADRELAY_PRIVACY_URL: is not set")
	require.Regexp(t, `No errors, but 4 warnings: 1 site\. The relay would start all the same\.\n$`, stdout)
}

// Whoever reads the output may go away, as head does. That is no news, unless something
// else was.
func TestAReaderThatGoesAway(t *testing.T) {
	for _, args := range [][]string{{"version", "--json"}, {"config", "print"}} {
		r, w, err := os.Pipe()
		require.NoError(t, err)
		require.NoError(t, r.Close())
		var stderr strings.Builder
		code := run(t.Context(), args, map[string]string{"LEADRELAY_SOURCE": "casas.mx", "EASYBROKER_API_KEY": "k3y"}, w, &stderr)
		require.NoError(t, w.Close())
		require.Equal(t, 141, code, args)
		require.Empty(t, stderr.String(), args)
	}
	require.False(t, hasNoReader(&net.OpError{Op: "write", Err: os.NewSyscallError("write", syscall.EPIPE)}), "a connection")
}

// emptyToken returns a database beside which the token's file is empty.
func emptyToken(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "operator-token"), nil, 0o600))
	return filepath.Join(dir, "leadrelay.db")
}

// A stopped relay has ended all that it began, also within the process.
func TestServeLeavesNoGoroutine(t *testing.T) {
	before := goleak.IgnoreCurrent()
	env := relaytest.Settings(t, "127.0.0.1:1")
	ctx, stop := context.WithCancel(t.Context())
	var out relaytest.Lines
	code := make(chan int, 1)
	go func() { code <- run(ctx, []string{"serve"}, env, &out, &out) }()
	public, _ := out.Started(t, nil)
	resp, err := relaytest.NewClient(t).Get("http://" + public + "/readyz")
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, http.StatusOK, resp.StatusCode)
	stop()
	select {
	case got := <-code:
		require.Zero(t, got, out.String())
	case <-time.After(relaytest.Patience):
		require.Fail(t, "it does not stop")
	}
	goleak.VerifyNone(t, before)
}

// A stop during the start is a clean one, too.
func TestAStopDuringTheStart(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	stop()
	var out, errs bytes.Buffer
	require.Zero(t, run(ctx, []string{"serve"}, relaytest.Settings(t, "127.0.0.1:1"), &out, &errs))
	require.Empty(t, errs.String())
}
