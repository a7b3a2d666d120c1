package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"leadrelay/internal/bench/stock"
)

// postgresClaims measures what it costs in PostgreSQL to carry a lead, from its claim
// to its settlement: with few leads that wait, with many, and while a transaction of
// another session keeps the places of those that have left. Then a claim of all that are
// due passes over those places. The courier makes few of these, and most claims of what
// came due lately.
func (b *bench) postgresClaims(ctx context.Context) error {
	const few = 10
	many := b.scale.leads
	gone := many / 5
	all := []*filled{
		{name: fmt.Sprintf("%d due", few), due: few},
		{name: fmt.Sprintf("%d due", many), due: many},
		{name: fmt.Sprintf("%d due, %d gone in view of an idle transaction", many-gone, gone), due: many},
	}
	for i, f := range all {
		address, err := b.postgres()
		if err != nil {
			return err
		}
		if err := stock.FillServer(ctx, address, f.due); err != nil {
			return err
		}
		if i == len(all)-1 {
			end, err := idle(ctx, address, gone)
			if err != nil {
				return err
			}
			defer end()
		}
		if f.store, err = openStore(ctx, address); err != nil {
			return err
		}
		defer func() { _ = f.store.Close() }()
	}
	for range b.scale.carries {
		for _, f := range all {
			for _, measure := range []func(*filled, context.Context) error{(*filled).carryOne, (*filled).carryLately} {
				if err := measure(f, ctx); err != nil {
					return fmt.Errorf("%s: %w", f.name, err)
				}
			}
		}
	}
	t := &b.table
	for i, f := range all {
		t.add("PostgreSQL: claim, begin and settle, "+f.name, median(f.carry), "ms")
		if i == len(all)-1 {
			t.add("  for each million that is gone", (median(f.carry)-median(all[0].carry))*1e6/float64(gone), "ms")
			t.atMost(1.2, "  of what came due in the last minute ÷ "+all[0].name, ratio(f.lately, all[0].lately), "")
			t.atMost(20, "  of what came due in the last minute, p99", quantile(f.lately, 0.99), "ms")
			continue
		}
		if i > 0 {
			t.atMost(1.2, "  ÷ "+all[0].name, ratio(f.carry, all[0].carry), "")
		}
		t.atMost(20, "  p99", quantile(f.carry, 0.99), "ms")
	}
	return nil
}

// idle opens a transaction that stands still, and takes away the leads that are due
// for longest. The transaction ends when end is called.
func idle(ctx context.Context, address string, gone int) (end func(), err error) {
	db, err := sql.Open("pgx", address+"&application_name=idle")
	if err != nil {
		return nil, err
	}
	end = func() { _ = db.Close() }
	tx, err := db.BeginTx(ctx, nil)
	if err == nil {
		_, err = tx.ExecContext(ctx, `SELECT pg_current_xact_id()`)
	}
	if err == nil {
		err = stock.Execute(ctx, address, fmt.Sprintf(`UPDATE leads SET state = 'delivered', due_at = NULL, delivered_at = received_at
			WHERE remote_id IN (SELECT remote_id FROM leads WHERE due_at IS NOT NULL ORDER BY due_at LIMIT %d)`, gone))
	}
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return end, nil
}

// postgresDelivery measures how fast two replicas deliver a backlog, of which one has
// the credential at a time, against one replica, and the memory that they take.
func (b *bench) postgresDelivery(ctx context.Context) error {
	var one, two, peaks []float64
	for range b.scale.rounds {
		for replicas, rates := range map[int]*[]float64{1: &one, 2: &two} {
			rate, peak, err := b.deliverShared(ctx, replicas)
			if err != nil {
				return err
			}
			*rates, peaks = append(*rates, rate), append(peaks, peak)
		}
	}
	b.table.add(fmt.Sprintf("PostgreSQL: deliveries from a backlog of %d, one replica", b.scale.backlog), median(one), "/s")
	b.table.atLeast(0.8, "  two replicas ÷ one", median(two)/median(one))
	b.table.atMost(64, "  peak memory of a replica", quantile(peaks, 1), "MB")
	return nil
}

func (b *bench) deliverShared(ctx context.Context, replicas int) (rate, peak float64, err error) {
	address, err := b.postgres()
	if err != nil {
		return 0, 0, err
	}
	if err := stock.FillServer(ctx, address, b.scale.backlog); err != nil {
		return 0, 0, err
	}
	first, err := b.openRelay(ctx, address)
	if err != nil {
		return 0, 0, err
	}
	defer first.close()
	all := []*relay{first}
	for range replicas - 1 {
		r, err := newRelay(ctx)
		if err != nil {
			return 0, 0, err
		}
		r.broker = first.broker
		if err := r.open(ctx, b.binary, address); err != nil {
			return 0, 0, err
		}
		defer r.close()
		all = append(all, r)
	}
	if rate, err = first.deliveryRate(ctx, b.scale.backlog); err != nil {
		return 0, 0, err
	}
	for _, r := range all {
		one, err := r.process.peak()
		if err != nil {
			return 0, 0, err
		}
		peak = max(peak, one)
	}
	return rate, peak, nil
}
