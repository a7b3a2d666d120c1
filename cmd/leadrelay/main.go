// Command leadrelay takes inquiries from property pages and makes sure that
// each arrives in EasyBroker, once.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"strings"
	"syscall"
	_ "time/tzdata" // an image from scratch has no zones

	"github.com/alecthomas/kong"

	"leadrelay/internal/config"
	"leadrelay/internal/server"
)

// The exit codes, as sysexits.h names them where it has a name.
const (
	exitFailure = 1
	exitDrift   = 3  // a reconciliation has found something
	exitUsage   = 64 // EX_USAGE
	exitConfig  = 78 // EX_CONFIG: nothing to gain from starting again
)

func main() {
	// A reader of our output that goes away must not take the relay along.
	signal.Ignore(syscall.SIGPIPE)
	// net/http quotes what strangers send into the standard log; ours says what
	// matters without it.
	log.SetOutput(io.Discard)
	asked, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	ctx, end := context.WithCancel(context.Background())
	context.AfterFunc(asked, func() {
		stop() // before anything stops: from here on, a second signal ends the process at once
		end()
	})
	os.Exit(run(ctx, os.Args[1:], environment(), os.Stdout, os.Stderr))
}

// environment is that of the process, by name.
func environment() map[string]string {
	all := map[string]string{}
	for _, pair := range os.Environ() {
		name, value, _ := strings.Cut(pair, "=")
		all[name] = value
	}
	return all
}

// program is what a verb may use of the outside world.
type program struct {
	ctx            context.Context //nolint:containedctx // it is the life of one command
	env            map[string]string
	stdout, stderr io.Writer
}

// verbs are the commands; their help texts are the manual.
type verbs struct {
	Serve       serveCmd       `cmd:"" help:"Run the relay. Settings come from the environment and LEADRELAY_CONFIG."`
	Demo        demoCmd        `cmd:"" help:"Run the relay, a sample property page and a pretend EasyBroker on this machine."`
	Fakebroker  fakebrokerCmd  `cmd:"" help:"Run the pretend EasyBroker alone, with faults on request."`
	Leads       leadsCmd       `cmd:"" help:"Look at leads and move them, through the operator's door of a running relay."`
	Reconcile   reconcileCmd   `cmd:"" help:"Compare our leads with EasyBroker's list. Exits with 0 when they agree, 3 when not, 1 when that could not be found out."`
	Snippet     snippetCmd     `cmd:"" help:"Print the tag that puts a site's form on a page."`
	Config      configCmd      `cmd:"" help:"Check or print the settings."`
	Healthcheck healthcheckCmd `cmd:"" help:"Ask a running relay whether it lives; for images without curl."`
	Version     versionCmd     `cmd:"" help:"Print the version."`
}

// run is main without the parts that a test cannot have. It returns the exit
// code.
func run(ctx context.Context, args []string, env map[string]string, stdout, stderr io.Writer) int {
	p := &program{ctx: ctx, env: env, stdout: stdout, stderr: stderr}
	var left *int // set when kong has answered by itself: --help
	parser, err := kong.New(&verbs{}, kong.Name("leadrelay"), kong.Writers(stdout, stderr), kong.Exit(func(code int) { left = &code }),
		kong.Vars{"states": states()},
		kong.Description("Takes inquiries from property pages and makes sure that each arrives in EasyBroker, once."))
	if err != nil {
		return p.fail(err)
	}
	switch {
	case len(args) == 0, len(args) == 1 && args[0] == "help":
		args = []string{"--help"}
	case len(args) == 1 && args[0] == "--version": // no flag of kong's, which the help of each verb would show
		args = []string{"version"}
	}
	command, err := parser.Parse(args)
	if left != nil {
		return *left
	}
	if err != nil {
		p.complain(err)
		_, _ = fmt.Fprintf(stderr, "Try %s --help.\n", verbOf(err))
		return exitUsage
	}
	if err := command.Run(p); err != nil {
		return p.fail(err)
	}
	return 0
}

// verbOf is the command that the error is about, as far as it was understood.
func verbOf(err error) string {
	if wrong, ok := errors.AsType[*kong.ParseError](err); ok && wrong.Context != nil {
		if node := wrong.Context.Selected(); node != nil {
			return node.FullPath()
		}
	}
	return "leadrelay"
}

// complain prints the error, one line for each thing that is wrong.
func (p *program) complain(err error) {
	for line := range strings.SplitSeq(err.Error(), "\n") {
		_, _ = fmt.Fprintf(p.stderr, "leadrelay: %s\n", line)
	}
}

// fail prints the error and returns its exit code.
func (p *program) fail(err error) int {
	p.complain(err)
	var settings *config.Errors
	switch {
	case errors.Is(err, errDrift):
		return exitDrift
	case errors.As(err, &settings), errors.Is(err, errWeakToken), errors.Is(err, server.ErrSocket), errors.Is(err, os.ErrNotExist), errors.Is(err, os.ErrPermission):
		return exitConfig
	}
	return exitFailure
}

// config loads all settings.
func (p *program) config() (config.Config, error) {
	return config.Load(p.env, config.Open)
}

// operatorConfig loads what is needed to talk to a running relay: what serve
// alone requires may be missing.
func (p *program) operatorConfig() (config.Config, error) {
	cfg, err := p.config()
	var all *config.Errors
	if errors.As(err, &all) && all.OnlyMissing() {
		return cfg, nil
	}
	return cfg, err
}

func (p *program) printf(format string, args ...any) {
	_, _ = fmt.Fprintf(p.stdout, format, args...)
}
