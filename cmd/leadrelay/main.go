// Command leadrelay takes inquiries from property pages and makes sure that
// each arrives in EasyBroker, once.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	_ "time/tzdata" // an image from scratch has no zones

	"github.com/alecthomas/kong"

	"leadrelay/internal/config"
	"leadrelay/internal/server"
	"leadrelay/internal/store"
)

// The exit codes. Some are those of sysexits.h.
const (
	exitFailure  = 1
	exitDrift    = 3   // a reconciliation has found something
	exitUsage    = 64  // EX_USAGE
	exitConfig   = 78  // EX_CONFIG: nothing to gain from starting again
	exitNoReader = 141 // as a shell shows it for a program that SIGPIPE has ended
)

func main() {
	// A reader of our output that goes away must not end the relay.
	signal.Ignore(syscall.SIGPIPE)
	// net/http writes to the standard log, and quotes what clients send. We do not need
	// it.
	log.SetOutput(io.Discard)
	asked, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	ctx, end := context.WithCancel(context.Background())
	context.AfterFunc(asked, func() {
		stop() // first, so that a second signal ends the process at once
		end()
	})
	os.Exit(run(ctx, os.Args[1:], environment(), os.Stdout, os.Stderr))
}

// environment returns the variables of the process, by name.
func environment() map[string]string {
	all := map[string]string{}
	for _, pair := range os.Environ() {
		name, value, _ := strings.Cut(pair, "=")
		all[name] = value
	}
	return all
}

// program is what the verbs use of the outside world.
type program struct {
	ctx            context.Context //nolint:containedctx // it is the life of one command
	env            map[string]string
	stdout, stderr io.Writer
}

// verbs are the commands. Their help texts are the manual.
type verbs struct {
	Serve       serveCmd        `cmd:"" help:"Run the relay. Settings come from the environment and LEADRELAY_CONFIG."`
	Demo        demoCmd         `cmd:"" help:"Run the relay, a sample property page and a pretend EasyBroker on this machine."`
	Fakebroker  fakebrokerCmd   `cmd:"" help:"Run the pretend EasyBroker alone, with faults on request."`
	Leads       leadsCmd        `cmd:"" help:"Look at leads and move them, through the operator's door of a running relay."`
	Jobs        jobsCmd         `cmd:"" help:"Look at what was ordered for many leads at once, and abort it."`
	Pause       pauseCmd        `cmd:"" help:"Pause a site: its inquiries are taken and wait, until the end or until resume."`
	Resume      resumeCmd       `cmd:"" help:"End the pause of a site."`
	Audit       auditCmd        `cmd:"" help:"List who did what, newest first."`
	People      peopleCmd       `cmd:"" help:"All that is kept of a person: export it, or erase it. Only an owner's token can."`
	Token       tokenCmd        `cmd:"" help:"Make, list and revoke tokens for people and programs. Only an owner's token can."`
	Reconcile   reconcileCmd    `cmd:"" help:"Compare our leads with EasyBroker's list. Exits with 0 when they agree, 3 when not, 1 when that could not be found out."`
	Alerts      alertsCmd       `cmd:"" help:"See whether people would be told of trouble."`
	Snippet     snippetCmd      `cmd:"" help:"Print the tag that puts a site's form on a page."`
	Config      configCmd       `cmd:"" help:"Check or print the settings."`
	Move        moveDatabaseCmd `cmd:"" help:"Move all that is in a database into an empty one, SQLite or PostgreSQL, while no relay runs. If it was interrupted, call it again."`
	Reload      reloadCmd       `cmd:"" help:"Have a running relay read its settings anew. If something is wrong in them, nothing changes, and it says what."`
	Doctor      doctorCmd       `cmd:"" help:"Look at settings, database, doors, keys and clock of a relay, and say how to mend what is wrong. Exits with 1 if there is trouble."`
	Backup      backupCmd       `cmd:"" help:"Copy the SQLite database into a new file, while the relay runs or not, and check the copy."`
	Restore     restoreCmd      `cmd:"" help:"Make a database of a backup: what was due is looked up in EasyBroker before it is sent."`
	Recount     recountCmd      `cmd:"" help:"Count all leads anew for the stats. On SQLite while no relay runs; on PostgreSQL relays wait for it."`
	Healthcheck healthcheckCmd  `cmd:"" help:"Ask a running relay whether it lives; for images without curl."`
	Version     versionCmd      `cmd:"" help:"Print the version."`
}

// run is the part of main that tests can call. It returns the exit code.
func run(ctx context.Context, args []string, env map[string]string, stdout, stderr io.Writer) int {
	p := &program{ctx: ctx, env: env, stdout: onScreen(stdout), stderr: stderr}
	var left *int // set if kong has answered: --help
	parser, err := kong.New(&verbs{}, kong.Name("leadrelay"), kong.Writers(stdout, stderr), kong.Exit(func(code int) { left = &code }),
		kong.Vars{"states": states()},
		kong.Description("Takes inquiries from property pages and makes sure that each arrives in EasyBroker, once."))
	if err != nil {
		return p.fail(err)
	}
	switch {
	case len(args) == 0:
		args = []string{"--help"}
	case args[0] == "help":
		args = append(slices.Clone(args[1:]), "--help")
	case len(args) == 1 && args[0] == "--version": // not a flag of kong's, because the help of each verb would show it
		args = []string{"version"}
	}
	command, err := parser.Parse(args)
	if left != nil {
		return *left
	}
	if err != nil {
		p.printError(err)
		_, _ = fmt.Fprintf(stderr, "Try %s --help.\n", verbOf(err))
		return exitUsage
	}
	if err := command.Run(p); err != nil {
		return p.fail(err)
	}
	return 0
}

// verbOf returns the command that the error is about.
func verbOf(err error) string {
	if wrong, ok := errors.AsType[*kong.ParseError](err); ok && wrong.Context != nil {
		if node := wrong.Context.Selected(); node != nil {
			return node.FullPath()
		}
	}
	return "leadrelay"
}

// printError prints the error, with a prefix on each line.
func (p *program) printError(err error) {
	for line := range strings.SplitSeq(err.Error(), "\n") {
		_, _ = fmt.Fprintf(p.stderr, "leadrelay: %s\n", line)
	}
}

// fail prints the error and returns its exit code.
func (p *program) fail(err error) int {
	if hasNoReader(err) {
		return exitNoReader
	}
	p.printError(err)
	var settings *config.Errors
	var damaged *store.DamagedError
	var newer *store.NewerSchemaError
	switch {
	case errors.Is(err, errDrift):
		return exitDrift
	case errors.As(err, &settings), errors.As(err, &damaged), errors.As(err, &newer), errors.Is(err, store.ErrMoved), errors.Is(err, errWeakToken), errors.Is(err, server.ErrSocket), errors.Is(err, os.ErrNotExist), errors.Is(err, os.ErrPermission):
		return exitConfig
	}
	return exitFailure
}

// hasNoReader reports whether whoever read our output has gone, as head does. The error
// of a connection is none of a file, which stdout is.
func hasNoReader(err error) bool {
	failed, ok := errors.AsType[*fs.PathError](err)
	return ok && failed.Op == "write" && errors.Is(failed, syscall.EPIPE)
}

// config loads all settings.
func (p *program) config() (config.Config, error) {
	return config.Load(p.env, config.Open)
}

// operatorConfig loads the settings that are needed to call a running relay. Settings
// that only serve requires may be missing.
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
