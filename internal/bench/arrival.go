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
	answered, err := postOneByOne(ctx, r.public, b.scale.arrivals)
	if err != nil {
		return err
	}
	arrived, err := r.awaitArrivals(ctx, len(answered))
	if err != nil {
		return err
	}
	var took []float64
	for id, at := range answered {
		// It may arrive before we have read the answer.
		took = append(took, max(0, milliseconds(arrived[id].Sub(at))))
	}
	b.table.add("from 202 to EasyBroker, p50", median(took), "ms")
	b.table.atMost(100, "from 202 to EasyBroker, p99", quantile(took, 0.99), "ms")
	return nil
}

// postOneByOne returns when each inquiry was acknowledged.
func postOneByOne(ctx context.Context, address string, n int) (map[lead.RemoteID]time.Time, error) {
	const pause = 25 * time.Millisecond // so that each finds the relay asleep
	c, err := dial(ctx, address)
	if err != nil {
		return nil, err
	}
	defer func() { _ = c.Close() }()
	answered := make(map[lead.RemoteID]time.Time, n)
	for range n {
		body, err := c.post()
		if err != nil {
			return nil, err
		}
		now := time.Now().Round(0)
		var answer struct {
			RemoteID lead.RemoteID `json:"remote_id"`
		}
		if err := json.Unmarshal(body, &answer); err != nil {
			return nil, err
		}
		answered[answer.RemoteID] = now
		time.Sleep(pause)
	}
	return answered, nil
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
