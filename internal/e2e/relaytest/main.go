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

// raceRelay is the path of a relay that has the race detector, as make test builds it
// once for all packages. Beside it lies a plain one for the other commands, of which
// there are hundreds: with the detector each takes a third of a second to start.
var raceRelay = os.Getenv("LEADRELAY_RACE")

const plainSuffix = "-plain"

// Race reports whether that relay has the race detector: if the tests have it, or
// if there is such a relay. A browser, a crowd of clients and a pretend EasyBroker
// are much faster without it.
var Race = isRaceTest || raceRelay != ""

// Main builds the relay, if there is none, and runs a package's tests with it. The
// relay is on the PATH. When the test binary is called by the name of one of the
// programs, it is that program instead. A run that leaves goroutines behind fails.
func Main(m testscript.TestingM, programs map[string]func()) {
	testscript.Main(tests{m}, programs)
}

type tests struct{ testscript.TestingM }

// Run returns the exit code.
func (m tests) Run() int {
	dir, err := os.MkdirTemp("", "leadrelay-test-")
	if err != nil {
		return fail(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	binary = filepath.Join(dir, "leadrelay")
	if err := provide(binary); err != nil {
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

// beside lets twice as many parallel tests run at once as usual, unless -parallel says
// how many: they wait for most of their time.
func beside() error {
	flag.Parse()
	said := false
	flag.Visit(func(f *flag.Flag) { said = said || f.Name == "test.parallel" })
	if said {
		return nil
	}
	return flag.Set("test.parallel", strconv.Itoa(2*runtime.GOMAXPROCS(0)))
}

func fail(err error) int {
	_, _ = fmt.Fprintln(os.Stderr, err)
	return 1
}

func provide(path string) error {
	if raceRelay == "" {
		return build(path)
	}
	choose := fmt.Sprintf("#!/bin/sh\ncase $1 in serve | demo) exec '%[1]s' \"$@\" ;; esac\nexec '%[1]s%[2]s' \"$@\"\n", raceRelay, plainSuffix)
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
