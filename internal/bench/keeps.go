package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"leadrelay/internal/bench/stock"
	"leadrelay/internal/lead"
	"leadrelay/internal/store"
	"leadrelay/internal/store/postgrestest"
)

// keeper is a database, and how fast leads with words of their own are kept in it.
type keeper struct {
	name, database string
	processes      int // which share the visitors
	visitors       int // of all processes
	rates          []float64
	relay, server  time.Duration // processor time of all leads
	leads          int
}

// postgresAccepts measures how many inquiries a second are taken with PostgreSQL, and
// with SQLite.
func (b *bench) postgresAccepts(ctx context.Context) error {
	server, err := b.postgres()
	if err != nil {
		return err
	}
	shared, file := &stack{name: durable, database: server}, &stack{name: durable, database: filepath.Join(b.dir, "accepts.db")}
	if err := b.pressAll(ctx, []*stack{shared, file}); err != nil {
		return err
	}
	b.table.atLeast(0.5, "accepts: PostgreSQL ÷ SQLite", ratio(shared.rates, file.rates))
	b.table.addStack("PostgreSQL", shared)
	b.table.addStack("SQLite", file)
	return nil
}

// postgresKeeps measures how many leads a second are kept in PostgreSQL, by one
// process and by several, against SQLite and against one lead to a transaction.
func (b *bench) postgresKeeps(ctx context.Context) error {
	sqlite := &keeper{name: "SQLite", database: filepath.Join(b.dir, "keeps.db"), processes: 1, visitors: connections}
	one := &keeper{name: "PostgreSQL", processes: 1, visitors: connections}
	two := &keeper{name: "PostgreSQL, two replicas", processes: 2, visitors: connections}
	four := &keeper{name: "PostgreSQL, four replicas", processes: 4, visitors: connections}
	alone := &keeper{name: "PostgreSQL, one to a transaction", processes: 1, visitors: 1}
	all := []*keeper{sqlite, one, two, four, alone}
	for _, k := range all[1:] {
		var err error
		if k.database, err = b.postgres(); err != nil {
			return err
		}
	}
	for range b.scale.rounds {
		for _, k := range all {
			if err := b.press(ctx, k); err != nil {
				return fmt.Errorf("%s: %w", k.name, err)
			}
		}
	}
	t := &b.table
	t.add("keeps: PostgreSQL ÷ SQLite", ratio(one.rates, sqlite.rates), "")
	t.atLeast(3, "keeps: PostgreSQL ÷ one to a transaction", ratio(one.rates, alone.rates))
	t.add("keeps: two replicas ÷ one", ratio(two.rates, one.rates), "")
	t.add("keeps: four replicas ÷ one", ratio(four.rates, one.rates), "")
	for _, k := range all {
		t.add("keeps, "+k.name, median(k.rates), "/s")
		t.add("  processor time of each, relay", milliseconds(k.relay)/float64(k.leads), "ms")
		if k != sqlite {
			t.add("  processor time of each, server", milliseconds(k.server)/float64(k.leads), "ms")
		}
	}
	return nil
}

// press keeps leads for one round.
func (b *bench) press(ctx context.Context, k *keeper) error {
	pid, err := b.server.PID()
	if err != nil {
		return err
	}
	var rate float64
	processes := make([]*process, k.processes)
	for i := range processes {
		if processes[i], err = startPart(ctx, part{Keeps: k.visitors / k.processes, Database: k.database, Warm: warmUp, For: b.scale.round, Server: pid}); err != nil {
			return err
		}
	}
	for _, p := range processes {
		var done pressed
		answer, err := io.ReadAll(p.out)
		if err = errors.Join(err, p.wait()); err == nil {
			err = json.Unmarshal(answer, &done)
		}
		if err != nil {
			return err
		}
		rate += done.Rate
		k.leads += int(done.Rate * b.scale.round.Seconds())
		k.relay += done.Relay
		k.server += done.Server / time.Duration(k.processes) // each has seen that of all
	}
	k.rates = append(k.rates, rate)
	return nil
}

// keepAll keeps leads, each with words of its own, for so many visitors at once.
func keepAll(ctx context.Context, p part) (done pressed, err error) {
	s, err := openStore(ctx, p.Database)
	if err != nil {
		return done, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	draft, err := stock.Draft(time.Now())
	if err != nil {
		return done, err
	}
	begin := time.Now().Add(p.Warm)
	end := begin.Add(p.For)
	failures, counts, all := make([]error, p.Keeps), make([]int, p.Keeps), make([]int, p.Keeps)
	var keeping sync.WaitGroup
	for i := range p.Keeps {
		keeping.Go(func() {
			for n := 0; failures[i] == nil; n++ {
				now := time.Now()
				if now.After(end) {
					return
				}
				l := draft
				l.ReceivedAt, l.DueAt, l.QueuedAt = now, now, now
				words := lead.KeyOf(stock.Site, fmt.Sprint(os.Getpid(), i, n, now.UnixNano()))
				_, failures[i] = s.Keep(ctx, lead.Submission{Lead: l, Tick: lead.Milliseconds, Content: words})
				all[i]++
				if now.After(begin) {
					counts[i]++
				}
			}
		})
	}
	measure := func(at time.Time) (relay, server time.Duration) {
		time.Sleep(time.Until(at))
		var used syscall.Rusage
		_ = syscall.Getrusage(syscall.RUSAGE_SELF, &used) // cannot fail
		return time.Duration(used.Utime.Nano() + used.Stime.Nano()), processorOf(p.Server)
	}
	relay, server := measure(begin)
	done.Relay, done.Server = measure(end)
	done.Relay, done.Server = done.Relay-relay, done.Server-server
	keeping.Wait()
	counted := 0
	for i := range counts {
		done.Accepted += all[i]
		counted += counts[i]
	}
	done.Rate = float64(counted) / p.For.Seconds()
	return done, errors.Join(failures...)
}

// openStore opens the database of a path or an address.
func openStore(ctx context.Context, database string) (*store.Store, error) {
	if strings.Contains(database, "://") {
		return store.OpenPostgres(ctx, database, store.PostgresOptions{})
	}
	return store.Open(ctx, database)
}

// postgres returns the address of an empty database. The first call starts a server.
func (b *bench) postgres() (string, error) {
	if b.server == nil {
		s, err := postgrestest.Start(filepath.Dir(b.dir)) // which its user may enter
		b.server = s
		if err != nil {
			return "", err
		}
	}
	return b.server.Database()
}

func (b *bench) stopPostgres() error {
	if b.server == nil {
		return nil
	}
	return b.server.Stop()
}
