package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"leadrelay/internal/bench/stock"
	"leadrelay/internal/store"
)

// filled is a database of some size, and what its leads cost.
type filled struct {
	name        string
	total, due  int
	store       *store.Store
	keep, carry []float64
	lately      []float64 // as carry, of the leads that came due in the last minute
}

// claims measures what it costs to keep a lead and to carry one, from its
// claim to its settlement, in a small and in two large databases.
func (b *bench) claims(ctx context.Context) error {
	const few = 10
	many := b.scale.leads
	all := []*filled{
		{name: fmt.Sprintf("%d leads", few), total: few, due: few},
		{name: fmt.Sprintf("%d leads, %d due", many, few), total: many, due: few},
		{name: fmt.Sprintf("%d leads, all due", many), total: many, due: many},
	}
	for i, f := range all {
		database := filepath.Join(b.dir, fmt.Sprintf("claims-%d.db", i))
		if err := stock.Fill(ctx, database, f.total, f.due); err != nil {
			return err
		}
		var err error
		if f.store, err = store.Open(ctx, database); err != nil {
			return err
		}
		defer func() { _ = f.store.Close() }()
	}
	// First all claims, because what is kept makes the databases larger.
	for _, measure := range []func(*filled, context.Context) error{(*filled).carryOne, (*filled).keepOne} {
		for range b.scale.carries {
			for _, f := range all {
				if err := measure(f, ctx); err != nil {
					return err
				}
			}
		}
	}
	b.addClaims(all[0], all[1:])
	return nil
}

func (f *filled) carryOne(ctx context.Context) error {
	begun := time.Now()
	err := stock.Carry(ctx, f.store, time.Time{})
	f.carry = append(f.carry, milliseconds(time.Since(begun)))
	return err
}

// carryLately needs a lead that was carried in the last minute, and so is due again.
func (f *filled) carryLately(ctx context.Context) error {
	begun := time.Now()
	err := stock.Carry(ctx, f.store, begun.Add(-time.Minute))
	f.lately = append(f.lately, milliseconds(time.Since(begun)))
	return err
}

func (f *filled) keepOne(ctx context.Context) error {
	begun := time.Now()
	err := stock.Keep(ctx, f.store)
	f.keep = append(f.keep, milliseconds(time.Since(begun)))
	return err
}

// addClaims adds the figures. What a lead costs must not grow with how many
// there are.
func (b *bench) addClaims(small *filled, large []*filled) {
	const growth = 2 // leaves room for noise: each has some of its own
	t := &b.table
	t.add("keep, "+small.name, median(small.keep), "ms")
	t.add("claim, begin and settle, "+small.name, median(small.carry), "ms")
	for _, f := range large {
		t.add("keep, "+f.name, median(f.keep), "ms")
		t.atMost(growth, "  ÷ "+small.name, median(f.keep)/median(small.keep), "")
		t.add("claim, begin and settle, "+f.name, median(f.carry), "ms")
		t.atMost(growth, "  ÷ "+small.name, median(f.carry)/median(small.carry), "")
	}
}
