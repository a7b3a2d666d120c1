package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// warmUp is how long a load runs before it counts.
const warmUp = 300 * time.Millisecond

// stack is a running one of those that are compared, and what it did.
type stack struct {
	name, database, address string
	process                 *process
	accepted                int
	rates, p50s, p99s       []float64
	processor               time.Duration // for each accept
}

// accepts measures how many inquiries a second are taken, against a door that
// stores nothing, against one that looks for neither spam nor repeats, and
// against one commit for each lead.
func (b *bench) accepts(ctx context.Context) error {
	stacks := []*stack{{name: durable}, {name: unguarded}, {name: nothing}, {name: single}}
	for i, s := range stacks {
		s.database = filepath.Join(b.dir, fmt.Sprintf("accepts-%d.db", i))
	}
	if err := b.pressAll(ctx, stacks); err != nil {
		return err
	}
	b.addAccepts(stacks[0], stacks[1], stacks[2], stacks[3])
	return nil
}

// pressAll puts the load on each stack in turn, and kills and checks them in the end.
func (b *bench) pressAll(ctx context.Context, stacks []*stack) error {
	for _, s := range stacks {
		if err := s.start(ctx); err != nil {
			return err
		}
		defer s.process.kill()
	}
	for range b.scale.rounds {
		for _, s := range stacks {
			done, err := s.press(ctx, b.scale.round)
			if err != nil {
				return err
			}
			s.rates, s.p50s, s.p99s = append(s.rates, done.Rate), append(s.p50s, done.P50), append(s.p99s, done.P99)
		}
	}
	if err := b.takeProfile(ctx, stacks[0]); err != nil {
		return err
	}
	for _, s := range stacks {
		s.processor = s.process.kill() / time.Duration(s.accepted)
		if err := s.check(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) addAccepts(durable, unguarded, nothing, single *stack) {
	t := &b.table
	t.atLeast(0.5, "accepts: durable ÷ nothing stored", ratio(durable.rates, nothing.rates))
	t.atLeast(0.8, "accepts: durable ÷ no look at spam and repeats", ratio(durable.rates, unguarded.rates))
	t.atLeast(6, "accepts: durable ÷ one to a commit", ratio(durable.rates, single.rates))
	for _, s := range []*stack{durable, unguarded, nothing, single} {
		t.addStack(s.name, s)
	}
}

func (t *table) addStack(name string, s *stack) {
	t.add("accepts, "+name, median(s.rates), "/s")
	t.add("  latency, p50", median(s.p50s), "ms")
	t.add("  latency, p99", median(s.p99s), "ms")
	t.add("  processor time of each", milliseconds(s.processor), "ms")
}

// ratio is the median of the ratios of rounds that followed each other, which
// saw the same noise.
func ratio(a, b []float64) float64 {
	ratios := make([]float64, len(a))
	for i := range a {
		ratios[i] = a[i] / b[i]
	}
	return median(ratios)
}

func (s *stack) start(ctx context.Context) (err error) {
	if s.process, err = startPart(ctx, part{Stack: s.name, Database: s.database}); err != nil {
		return err
	}
	line, err := s.process.out.ReadString('\n')
	if err != nil {
		return fmt.Errorf("the stack %s did not start: %w: %s", s.name, err, s.process.errors.String())
	}
	s.address = strings.TrimSpace(line)
	return nil
}

func (s *stack) press(ctx context.Context, length time.Duration) (pressed, error) {
	done, err := press(ctx, s.address, warmUp, length)
	if err != nil {
		return done, fmt.Errorf("%s: %w", s.name, err)
	}
	s.accepted += done.Accepted
	return done, nil
}

// check opens the database of a stack that was killed, and counts: every lead
// that was acknowledged is there, once.
func (s *stack) check(ctx context.Context) error {
	if s.name == nothing {
		return nil
	}
	kept, err := openStore(ctx, s.database)
	if err != nil {
		return err
	}
	defer func() { _ = kept.Close() }()
	counts, err := kept.Counts(ctx)
	if err != nil {
		return err
	}
	n := 0
	for _, c := range counts {
		n += c.Leads
	}
	if n != s.accepted {
		return fmt.Errorf("%s: %d leads were acknowledged, %d are in the database", s.name, s.accepted, n)
	}
	return nil
}

// takeProfile writes a processor profile of the stack under load, if one is
// wanted.
func (b *bench) takeProfile(ctx context.Context, s *stack) error {
	const seconds = 10
	if b.profile == "" {
		return nil
	}
	done := make(chan error, 1)
	go func() {
		done <- save(ctx, b.profile, fmt.Sprintf("http://%s/debug/pprof/profile?seconds=%d", s.address, seconds))
	}()
	if _, err := s.press(ctx, seconds*time.Second); err != nil { // it counts for nothing: a profile costs
		return err
	}
	return <-done
}

func save(ctx context.Context, path, address string) error {
	text, err := fetch(ctx, address)
	if err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o600)
}

// fetch gets what an address shows.
func fetch(ctx context.Context, address string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	client := http.Client{Timeout: time.Minute}
	answer, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", address, answer.Status)
	}
	return io.ReadAll(answer.Body)
}
