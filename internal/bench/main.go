// Command bench measures leadrelay and says whether it is fast and small
// enough. What depends on the machine is measured against something else on
// the same machine, in turns, so that the figures that count are ratios.
//
// The servers, the load and the program itself are processes of their own:
// none hides in another's memory or processor time.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"leadrelay/internal/store/postgrestest"
)

// connections is how many visitors post at once.
const connections = 64

// needsBrowser is the step that needs a browser.
const needsBrowser = "web"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// bench is one run of the program.
type bench struct {
	binary  string // the leadrelay that is measured
	dir     string // where databases lie; gone afterwards
	profile string // where a processor profile goes, if anywhere
	only    string // the step that is measured, if not all
	scale   scale
	table   table
	server  *postgrestest.Server // nil before it is needed
	out     io.Writer            // for progress
}

// scale is how much is measured.
type scale struct {
	rounds   int           // of each accepting stack
	round    time.Duration // the length of one
	saturate time.Duration // how long memory is watched
	starts   int
	leads    int // in the large database
	carries  int // claims measured in each database
	arrivals int
	backlog  int // leads delivered in each round of deliveries
	visits   int // to a property page
}

func fullScale() scale {
	return scale{rounds: 7, round: 2 * time.Second, saturate: 15 * time.Second, starts: 10, leads: 1_000_000, carries: 500, arrivals: 100, backlog: 40_000, visits: 15}
}

func shortScale() scale {
	return scale{rounds: 3, round: 700 * time.Millisecond, saturate: 3 * time.Second, starts: 5, leads: 50_000, carries: 100, arrivals: 20, backlog: 2_000, visits: 3}
}

// run is main without the parts that a test cannot have. It returns the exit
// code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if words := os.Getenv(partVariable); words != "" {
		return report(play(ctx, words, stdout), stderr)
	}
	b := bench{scale: fullScale()}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&b.binary, "binary", "bin/leadrelay", "the leadrelay to measure")
	flags.StringVar(&b.profile, "profile", "", "write a processor profile of the durable stack to this `file`")
	flags.StringVar(&b.only, "only", "", "measure this `step` alone")
	dir := flags.String("dir", "bin", "where the databases lie for the time being; a disk, not tmpfs")
	leads := flags.Int("leads", 0, "how many `leads` the large database has, if not as many as usual")
	short := flags.Bool("short", false, "measure less, in less than 20 s")
	asJSON := flags.Bool("json", false, "print the figures for programs")
	strict := flags.Bool("strict", false, "fail when a target is missed")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return 0
	} else if err != nil {
		return 2
	}
	if *short {
		b.scale = shortScale()
	}
	if *leads > 0 {
		b.scale.leads = *leads
	}
	if err := b.measure(ctx, *dir, stderr); err != nil {
		return report(err, stderr)
	}
	if err := b.table.print(stdout, *asJSON); err != nil {
		return report(err, stderr)
	}
	if missed := b.table.missed(); *strict && missed > 0 {
		return report(fmt.Errorf("targets missed: %d", missed), stderr)
	}
	return 0
}

func report(err error, stderr io.Writer) int {
	if err == nil {
		return 0
	}
	_, _ = fmt.Fprintf(stderr, "bench: %v\n", err)
	return 1
}

// measure fills the table.
func (b *bench) measure(ctx context.Context, dir string, progress io.Writer) (err error) {
	b.out = progress
	if b.dir, err = os.MkdirTemp(dir, "bench-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.dir)) }()
	if b.table.Machine, err = describe(b.dir); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.stopPostgres()) }()
	for _, step := range []struct {
		name  string
		run   func(context.Context) error
		apart bool // it is measured only where it is asked for
	}{
		{name: "accepts", run: b.accepts},
		{name: "memory", run: b.memory},
		{name: "arrival", run: b.arrival},
		{name: "delivery", run: b.delivery},
		{name: "size", run: b.size},
		{name: "claims", run: b.claims},
		{name: "start", run: b.start},
		{name: "channels", run: b.channels, apart: true},
		{name: "postgres-accepts", run: b.postgresAccepts, apart: true},
		{name: "postgres", run: b.postgresKeeps, apart: true},
		{name: "postgres-claims", run: b.postgresClaims, apart: true},
		{name: "postgres-delivery", run: b.postgresDelivery, apart: true},
		{name: needsBrowser, run: b.web, apart: true},
		{name: "search", run: b.search, apart: true}, // which takes minutes
		{name: "postgres-search", run: b.postgresSearch, apart: true},
	} {
		if b.only != step.name && (b.only != "" || step.apart) {
			continue
		}
		b.say("measuring %s", step.name)
		if err := step.run(ctx); err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
	}
	return nil
}

// say tells whoever waits what is being done.
func (b *bench) say(format string, args ...any) {
	_, _ = fmt.Fprintln(b.out, time.Now().Format(time.TimeOnly), fmt.Sprintf(format, args...))
}
