package main

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// mayImport is the map of this program: which of our packages each may know.
// What is not listed may not exist.
var mayImport = map[string][]string{
	// What everything is about, and words for it.
	"internal/lead":     {},
	"internal/access":   {"internal/lead"},
	"internal/secret":   {},
	"internal/locale":   {},
	"internal/accept":   {},
	"internal/bounded":  {},
	"internal/panics":   {},
	"internal/loopback": {},
	"internal/signals":  {},
	"internal/site":     {"internal/lead"},

	// The stations of an inquiry. None knows another.
	"internal/intake":        {"internal/accept", "internal/bounded", "internal/intake/body", "internal/intake/fields", "internal/flood", "internal/lead", "internal/site", "internal/problem", "internal/locale", "internal/spam", "web"},
	"internal/intake/body":   {},
	"internal/intake/fields": {"internal/intake/body", "internal/lead"},
	"internal/store":         {"internal/access", "internal/bounded", "internal/lead", "internal/store/grams"},
	"internal/courier":       {"internal/courier/breaker", "internal/courier/verify", "internal/courier/wallclock", "internal/easybroker", "internal/lead", "internal/bounded", "internal/panics"},
	"internal/easybroker":    {"internal/loopback", "internal/secret"},
	"internal/console":       {"internal/access", "internal/alerts", "internal/lead", "internal/locale", "internal/problem", "internal/secret", "web"},

	// Who tells others.
	"internal/notify": {"internal/lead", "internal/locale", "internal/loopback", "internal/smtp", "internal/panics"},
	"internal/smtp":   {},

	// Who watches them.
	"internal/alerts":         {"internal/alerts/channel", "internal/lead", "internal/locale"},
	"internal/alerts/channel": {"internal/loopback", "internal/smtp"},

	// A room of the store.
	"internal/store/grams": {"internal/lead"},

	// Rooms of the courier, and what its tests share.
	"internal/courier/breaker":     {"internal/lead"},
	"internal/courier/couriertest": {"internal/config", "internal/courier", "internal/store"},
	"internal/courier/verify":      {"internal/courier/breaker", "internal/courier/wallclock", "internal/easybroker", "internal/lead"},
	"internal/courier/wallclock":   {},

	// What a station may ask on the way.
	"internal/flood":   {"internal/bounded"},
	"internal/spam":    {"internal/bounded", "internal/lead"},
	"internal/captcha": {"internal/secret"},
	"internal/mx":      {"internal/lead"},

	// What stands around them.
	"internal/problem": {"internal/locale"},
	"internal/server":  {"internal/bounded", "internal/locale", "internal/problem", "internal/panics"},
	"internal/config":  {"internal/alerts/channel", "internal/captcha", "internal/easybroker", "internal/lead", "internal/loopback", "internal/notify", "internal/secret", "internal/site", "internal/smtp", "internal/spam"},
	"internal/tracing": {"internal/lead"},
	"internal/doctor":  {"internal/alerts/channel", "internal/config", "internal/easybroker", "internal/lead", "internal/notify", "internal/smtp", "internal/store"},
	"web":              {"internal/accept", "internal/bounded", "internal/locale"},

	// For tests, the demo and measurements.
	"internal/fakebroker":       {"internal/fakebroker/book", "internal/fakebroker/fault", "web"},
	"internal/fakebroker/book":  {"internal/fakebroker/fault"},
	"internal/fakebroker/fault": {},
	"internal/store/storetest":  {"internal/access", "internal/lead", "internal/store"},

	"internal/smtp/smtptest":       {},
	"internal/tracing/tracingtest": {},
	"internal/store/postgrestest":  {},
	"internal/bench": {
		"internal/bench/stock", "internal/config", "internal/fakebroker", "internal/intake", "internal/lead", "internal/server", "internal/site", "internal/smtp/smtptest", "internal/spam", "internal/store",
		"internal/store/postgrestest",
	},
	"internal/bench/stock": {"internal/lead", "internal/store"},
	"deploy":               {},
	"deploy/imagetest":     {},

	// Tests of the whole, which know all that they put together and whom nobody knows.
	"internal/e2e/browser":   {},
	"internal/e2e/process":   {},
	"internal/e2e/stories":   {},
	"internal/e2e/torture":   {},
	"internal/e2e/relaytest": {}, // what they and the command's tests start a relay with

	// The only place that knows everybody.
	"cmd/leadrelay": {
		"internal/access", "internal/alerts", "internal/alerts/channel", "internal/captcha", "internal/config", "internal/console", "internal/courier", "internal/doctor", "internal/easybroker", "internal/fakebroker", "internal/fakebroker/fault",
		"internal/flood", "internal/intake", "internal/lead", "internal/locale", "internal/mx", "internal/notify", "internal/secret", "internal/server", "internal/signals", "internal/site", "internal/store", "internal/tracing", "web",
	},
}

// longestChain is how many packages deep a reader has to go, at most.
const longestChain = 5

// imports is one file, and which of our packages it knows.
type imports struct {
	file, pkg string // from the root of the module, with slashes
	ours      []string
}

func (i imports) isTest() bool {
	return strings.HasSuffix(i.file, "_test.go") || strings.HasSuffix(i.pkg, "test")
}

// isProgram reports whether the file may be part of leadrelay. The measurements are not.
func (i imports) isProgram() bool { return !i.isTest() && i.pkg != "internal/bench" }

func TestWhoKnowsWhom(t *testing.T) {
	all := readImports(t, os.DirFS("../.."))
	require.Empty(t, violations(all))
	known := map[string]bool{}
	for _, i := range all {
		known[i.pkg] = true
	}
	for pkg := range mayImport {
		// A package may come later than its row, but none is left behind.
		require.True(t, known[pkg] || strings.HasPrefix(pkg, "internal/bench"), "the map shows %s, which is not there", pkg)
	}
	depth, chain := deepest("cmd/leadrelay", graph(all))
	require.LessOrEqual(t, depth, longestChain, strings.Join(chain, " → "))
}

// The map is worth nothing unless it refuses something.
func TestTheMapRefuses(t *testing.T) {
	tests := map[string]struct {
		i    imports
		want string
	}{
		"a station that knows another": {
			imports{"internal/store/store.go", "internal/store", []string{"internal/courier"}},
			"store/store.go: store must not know courier",
		},
		"a package that knows the command": {
			imports{"internal/server/server.go", "internal/server", []string{"cmd/leadrelay"}},
			"server/server.go: server must not know cmd/leadrelay",
		},
		"a test that knows the command": {
			imports{"web/pages_test.go", "web", []string{"cmd/leadrelay"}},
			"web/pages_test.go: web must not know cmd/leadrelay",
		},
		"a test package in the program": {
			imports{"internal/store/keep.go", "internal/store", []string{"internal/store/storetest"}},
			"store/keep.go: store must not know store/storetest",
		},
		"a test that knows an end-to-end test": {
			imports{"internal/store/store_test.go", "internal/store", []string{"internal/e2e/relaytest"}},
			"store/store_test.go: store must not know e2e/relaytest",
		},
		"a package that is not on the map": {
			imports{"internal/util/util.go", "internal/util", nil},
			"util/util.go: util is not on the map",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) { require.Equal(t, []string{tt.want}, violations([]imports{tt.i})) })
	}
	fine := []imports{
		{"internal/courier/courier_test.go", "internal/courier", []string{"internal/store", "internal/store/storetest"}},
		{"internal/store/storetest/storetest.go", "internal/store/storetest", []string{"internal/store"}},
		{"cmd/leadrelay/main_test.go", "cmd/leadrelay", []string{"internal/e2e/relaytest"}},
		{"internal/e2e/process/kill_test.go", "internal/e2e/process", []string{"internal/e2e/relaytest", "internal/lead"}},
	}
	require.Empty(t, violations(fine), "tests may know what they like")
}

// violations are all imports that the map does not have.
func violations(all []imports) []string {
	var wrong []string
	for _, i := range all {
		allowed, ok := mayImport[i.pkg]
		if !ok {
			wrong = append(wrong, fmt.Sprintf("%s: %s is not on the map", short(i.file), short(i.pkg)))
		}
		for _, p := range i.ours {
			switch {
			case p == i.pkg: // a test outside its package
			case strings.HasPrefix(p, "cmd/"), isEndToEnd(p) && !mayKnowEndToEnd(i, p),
				!i.isTest() && !slices.Contains(allowed, p),
				i.isProgram() && strings.HasSuffix(p, "test"):
				wrong = append(wrong, fmt.Sprintf("%s: %s must not know %s", short(i.file), short(i.pkg), short(p)))
			}
		}
	}
	return wrong
}

func isEndToEnd(pkg string) bool { return strings.HasPrefix(pkg, "internal/e2e/") }

// mayKnowEndToEnd reports whether a file may know a package of end-to-end tests:
// their own may, and the command's tests may know how a relay is started.
func mayKnowEndToEnd(i imports, pkg string) bool {
	return isEndToEnd(i.pkg) || i.isTest() && i.pkg == "cmd/leadrelay" && pkg == "internal/e2e/relaytest"
}

func short(name string) string { return strings.TrimPrefix(name, "internal/") }

// readImports reads every Go file of the module.
func readImports(t *testing.T, root fs.FS) []imports {
	t.Helper()
	const module = "leadrelay/"
	var all []imports
	require.NoError(t, fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || name == "internal/tmpdeps"):
			return fs.SkipDir
		case filepath.Ext(name) != ".go":
			return nil
		}
		text, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, text, parser.ImportsOnly)
		if err != nil {
			return err
		}
		i := imports{file: name, pkg: path.Dir(name)}
		for _, spec := range file.Imports {
			p, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			if ours, ok := strings.CutPrefix(p, module); ok {
				i.ours = append(i.ours, ours)
			}
		}
		all = append(all, i)
		return nil
	}))
	require.NotEmpty(t, all)
	return all
}

// graph is who knows whom in the program itself.
func graph(all []imports) map[string][]string {
	sets := map[string]map[string]bool{}
	for _, i := range all {
		if i.isTest() {
			continue
		}
		if sets[i.pkg] == nil {
			sets[i.pkg] = map[string]bool{}
		}
		for _, p := range i.ours {
			sets[i.pkg][p] = true
		}
	}
	g := map[string][]string{}
	for pkg, set := range sets {
		g[pkg] = slices.Sorted(maps.Keys(set))
	}
	return g
}

// deepest returns the longest chain that begins with the package. The compiler
// refuses circles.
func deepest(pkg string, g map[string][]string) (depth int, chain []string) {
	for _, next := range g[pkg] {
		if d, c := deepest(next, g); d > depth {
			depth, chain = d, c
		}
	}
	return depth + 1, append([]string{pkg}, chain...)
}
