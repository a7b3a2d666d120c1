package main

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"time"

	"leadrelay/internal/lead"
)

// arrival measures how long a single inquiry takes from its 202 to a healthy
// EasyBroker.
func (b *bench) arrival(ctx context.Context) error {
	r, err := b.openRelay(ctx, filepath.Join(b.dir, "arrival.db"))
	if err != nil {
		return err
	}
	defer r.close()
	answered, _, err := postOneByOne(ctx, r.public, b.scale.arrivals)
	if err != nil {
		return err
	}
	arrived, err := r.awaitArrivals(ctx, len(answered))
	if err != nil {
		return err
	}
	took := sinceAnswers(answered, arrived)
	b.table.add("from 202 to EasyBroker, p50", median(took), "ms")
	b.table.atMost(100, "from 202 to EasyBroker, p99", quantile(took, 0.99), "ms")
	return nil
}

// postOneByOne returns when each inquiry was acknowledged, and how many milliseconds that
// took.
func postOneByOne(ctx context.Context, address string, n int) (answered map[lead.RemoteID]time.Time, took []float64, err error) {
	const pause = 25 * time.Millisecond // so that each finds the relay asleep
	c, err := dial(ctx, address)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = c.Close() }()
	answered = make(map[lead.RemoteID]time.Time, n)
	for range n {
		begun := time.Now()
		body, err := c.post()
		if err != nil {
			return nil, nil, err
		}
		took = append(took, milliseconds(time.Since(begun)))
		now := time.Now().Round(0)
		var answer struct {
			RemoteID lead.RemoteID `json:"remote_id"`
		}
		if err := json.Unmarshal(body, &answer); err != nil {
			return nil, nil, err
		}
		answered[answer.RemoteID] = now
		time.Sleep(pause)
	}
	return answered, took, nil
}

// awaitArrivals waits until so many leads have arrived.
func (r *relay) awaitArrivals(ctx context.Context, n int) (map[lead.RemoteID]time.Time, error) {
	const patience, pause = 10 * time.Second, 10 * time.Millisecond
	for begun := time.Now(); ; time.Sleep(pause) {
		arrived, err := r.book(ctx)
		if err != nil || len(arrived) == n {
			return arrived, err
		}
		if time.Since(begun) > patience {
			return nil, fmt.Errorf("%d of %d leads have arrived", len(arrived), n)
		}
	}
}
