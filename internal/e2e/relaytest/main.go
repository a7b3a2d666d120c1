package relaytest

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"

	"github.com/rogpeppe/go-internal/testscript"
	"go.uber.org/goleak"
)

// binary is the path of the relay that the tests run.
var binary string

// Binary returns the path of the relay that the tests run.
func Binary() string { return binary }

// prebuilt is the directory of the relays that make test builds once for all packages:
// plain/leadrelay and race/leadrelay, which has the race detector.
var prebuilt = os.Getenv("LEADRELAY_BIN")

// Race reports whether the relays have the race detector because the tests do.
const Race = isRaceTest

// Main builds the relay, if there is none, and runs a package's tests with it. The
// relay is on the PATH. When the test binary is called by the name of one of the
// programs, it is that program instead. A run that leaves goroutines behind fails.
func Main(m testscript.TestingM, programs map[string]func()) {
	testscript.Main(tests{m, usePlain}, programs)
}

// MainWithRace is Main with a relay that has the race detector, if make test runs it.
func MainWithRace(m testscript.TestingM, programs map[string]func()) {
	testscript.Main(tests{m, useRace}, programs)
}

type tests struct {
	testscript.TestingM
	use func(path string) error // puts a prebuilt relay there
}

// Run returns the exit code.
func (m tests) Run() int {
	dir, err := os.MkdirTemp("", "leadrelay-test-")
	if err != nil {
		return fail(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	binary = filepath.Join(dir, "leadrelay")
	if err := m.provide(binary); err != nil {
		return fail(err)
	}
	if err := os.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH")); err != nil {
		return fail(err)
	}
	if err := beside(); err != nil {
		return fail(err)
	}
	if code := m.TestingM.Run(); code != 0 {
		return code
	}
	if err := goleak.Find(); err != nil {
		return fail(err)
	}
	return 0
}

// beside lets four times as many parallel tests run at once as usual, unless -parallel
// says how many: they wait for most of their time.
func beside() error {
	flag.Parse()
	said := false
	flag.Visit(func(f *flag.Flag) { said = said || f.Name == "test.parallel" })
	if said {
		return nil
	}
	return flag.Set("test.parallel", strconv.Itoa(4*runtime.GOMAXPROCS(0)))
}

func fail(err error) int {
	_, _ = fmt.Fprintln(os.Stderr, err)
	return 1
}

func (m tests) provide(path string) error {
	if prebuilt == "" || isRaceTest {
		return build(path)
	}
	return m.use(path)
}

func usePlain(path string) error {
	return os.Symlink(filepath.Join(prebuilt, "plain", "leadrelay"), path)
}

// useRace has the detector for what serves from a file alone: a story calls many other
// commands, and with it each takes a third of a second to start. With PostgreSQL the
// courier's own tests have it.
func useRace(path string) error {
	choose := fmt.Sprintf("#!/bin/sh\ncase $1:$LEADRELAY_DATABASE in serve:postgres*) ;; serve:* | demo:*) exec '%[1]s/race/leadrelay' \"$@\" ;; esac\nexec '%[1]s/plain/leadrelay' \"$@\"\n", prebuilt)
	return os.WriteFile(path, []byte(choose), 0o755)
}

// build makes the relay as it goes out, or with the race detector, as the Makefile
// has it.
func build(path string) error {
	args, env := []string{"-trimpath", "-ldflags", "-s -w"}, append(os.Environ(), "CGO_ENABLED=0")
	if isRaceTest {
		args, env = []string{"-race", "-gcflags", "modernc.org/sqlite/lib=-race=false"}, nil
	}
	if os.Getenv("GOCOVERDIR") != "" {
		args = append(args, "-cover", "-coverpkg", "leadrelay/...")
	}
	cmd := exec.Command("go", append(append([]string{"build", "-o", path}, args...), "leadrelay/cmd/leadrelay")...)
	cmd.Env = env
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", cmd, err, out)
	}
	return nil
}
