package stories

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"

	"leadrelay/internal/e2e/relaytest"
	"leadrelay/internal/store/postgrestest"
)

// TestStories runs the scripts: one story of a user each. testdata/script/README.md
// has the words that they use.
func TestStories(t *testing.T) {
	tell(t, scripts(t), func(*testing.T) string { return "leadrelay.db" })
}

// aboutFiles are the stories about files beside the relay.
var aboutFiles = []string{"backup.txtar", "database.txtar", "port-in-use.txtar", "print.txtar", "token.txtar"}

// aboutRows are the stories about rows that PostgreSQL hands out in a way of its own.
var aboutRows = []string{"mail.txtar"}

// With PostgreSQL every story of a relay ends the same: here every other one and those about
// rows, and in the long form all.
func TestStoriesOnPostgreSQL(t *testing.T) {
	relays := slices.DeleteFunc(scripts(t), func(name string) bool {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		return slices.Contains(aboutFiles, filepath.Base(name)) || !strings.Contains(string(text), "leadrelay serve")
	})
	if !relaytest.InFull() {
		n := 0
		relays = slices.DeleteFunc(relays, func(name string) bool { n++; return n%2 == 0 && !slices.Contains(aboutRows, filepath.Base(name)) })
	}
	tell(t, relays, func(t *testing.T) string { return postgrestest.Database(t) })
}

func scripts(t *testing.T) []string {
	t.Helper()
	names, err := filepath.Glob("testdata/script/*.txtar")
	require.NoError(t, err)
	require.NotEmpty(t, names)
	return names
}

// tell runs scripts, each with a database of its own.
func tell(t *testing.T, scripts []string, database func(*testing.T) string) {
	t.Helper()
	testscript.Run(t, testscript.Params{
		Files:               scripts,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup:               func(e *testscript.Env) error { return scene(t, e, database(t)) },
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"post":       cmdPost,
			"get":        cmdGet,
			"kept":       cmdKept,
			"misbehave":  cmdMisbehave,
			"wait-ready": cmdWaitReady,
			"until":      cmdUntil,
			"exits":      cmdExits,
			"signal":     cmdSignal,
			"learn":      cmdLearn,
			"sql":        cmdSQL,
			"scribble":   cmdScribble,
			"listen":     cmdListen,
			"hook":       cmdHook,

			"mail-server": cmdMailServer,
		},
	})
}

// scene is what every story begins with: addresses where nobody listens, and
// the settings of a relay between them with short times.
func scene(t *testing.T, e *testscript.Env, database string) error {
	relay, operator, broker := relaytest.FreeAddr(t), relaytest.FreeAddr(t), relaytest.FreeAddr(t)
	for name, value := range relaytest.Settings(t, broker) {
		e.Setenv(name, value)
	}
	for name, value := range map[string]string{
		"RELAY": relay, "OPERATOR": operator, "BROKER": broker, "FREE": relaytest.FreeAddr(t),
		"LEADRELAY_TRUSTED_PROXIES": "127.0.0.1/32", "LEADRELAY_ADDR": relay, "LEADRELAY_OPERATOR_ADDR": operator,
		"LEADRELAY_DATABASE": database, "LEADRELAY_ORIGINS": "https://casas.mx",
		"GORACE": "atexit_sleep_ms=0", "GOCOVERDIR": os.Getenv("GOCOVERDIR"), "TZ": "UTC",
	} {
		e.Setenv(name, value)
	}
	return nil
}

// Every story says in its first line what it is about.
func TestEveryStoryHasATitle(t *testing.T) {
	for _, name := range scripts(t) {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		require.Regexp(t, `\A# [A-Z].*\.\n`, string(text), name)
	}
}
