package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"leadrelay/internal/bench/stock"
	"leadrelay/internal/lead"
)

// posters is how many contact requests are on their way at once: the default
// of LEADRELAY_COURIER_CONCURRENCY.
const posters = 4

// delivery measures how fast a backlog goes out with the pace off, in turns
// with a client that keeps nothing and only posts the same; and whether a
// large backlog is slower than a small one.
func (b *bench) delivery(ctx context.Context) error {
	var bare, small, large, peaks []float64
	for range b.scale.rounds {
		rate, err := b.postAll(ctx)
		if err != nil {
			return err
		}
		bare = append(bare, rate)
		for waiting, rates := range map[int]*[]float64{b.scale.backlog: &small, b.scale.leads: &large} {
			rate, peak, err := b.deliverFrom(ctx, waiting)
			if err != nil {
				return err
			}
			*rates, peaks = append(*rates, rate), append(peaks, peak)
		}
	}
	b.table.add("deliveries by a client that only posts", median(bare), "/s")
	b.table.add(fmt.Sprintf("deliveries from a backlog of %d", b.scale.backlog), median(small), "/s")
	b.table.atLeast(0.5, "  ÷ a client that only posts", median(small)/median(bare))
	b.table.add(fmt.Sprintf("deliveries from a backlog of %d", b.scale.leads), median(large), "/s")
	b.table.atLeast(0.9, fmt.Sprintf("  ÷ a backlog of %d", b.scale.backlog), median(large)/median(small))
	b.table.atMost(64, "peak memory, delivering a backlog", quantile(peaks, 1), "MB")
	return nil
}

// postAll is the rate of the client that only posts.
func (b *bench) postAll(ctx context.Context) (float64, error) {
	r, err := newRelay(ctx)
	if err != nil {
		return 0, err
	}
	defer r.close()
	if err := r.openBroker(ctx, b.binary); err != nil {
		return 0, err
	}
	p, err := startPart(ctx, part{Address: r.broker, Posts: b.scale.backlog})
	if err != nil {
		return 0, err
	}
	if err := p.wait(); err != nil {
		return 0, err
	}
	return r.deliveryRate(ctx, b.scale.backlog)
}

// deliverFrom is the rate at which the relay delivers leads of a backlog, and the
// most memory that it took. The backlog is a new one each time, for what has
// gone out is soon looked up.
func (b *bench) deliverFrom(ctx context.Context, backlog int) (rate, peak float64, err error) {
	dir, err := os.MkdirTemp(b.dir, "backlog-")
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	database := filepath.Join(dir, "leads.db")
	if err := stock.Fill(ctx, database, backlog, backlog); err != nil {
		return 0, 0, err
	}
	r, err := b.openRelay(ctx, database)
	if err != nil {
		return 0, 0, err
	}
	defer r.close()
	if rate, err = r.deliveryRate(ctx, b.scale.backlog); err != nil {
		return 0, 0, err
	}
	peak, err = r.process.peak()
	return rate, peak, err
}

// deliveryRate waits for so many contact requests and tells how fast they came,
// from the first to the last of them, by the broker's own book.
func (r *relay) deliveryRate(ctx context.Context, n int) (float64, error) {
	const patience, pause, likely = 2 * time.Minute, 500 * time.Millisecond, 5000 // a second
	// To show its book costs the broker as much as many contact requests.
	time.Sleep(time.Duration(n) * time.Second / likely)
	for begun := time.Now(); ctx.Err() == nil && time.Since(begun) < patience; time.Sleep(pause) {
		arrived, err := r.book(ctx)
		if err != nil {
			return 0, err
		}
		if len(arrived) >= n*99/100 {
			first, last := span(arrived)
			return float64(len(arrived)) / last.Sub(first).Seconds(), nil
		}
	}
	return 0, errors.Join(ctx.Err(), errors.New("the backlog was not delivered in time"))
}

func span(arrived map[lead.RemoteID]time.Time) (first, last time.Time) {
	for _, at := range arrived {
		if first.IsZero() || at.Before(first) {
			first = at
		}
		if at.After(last) {
			last = at
		}
	}
	return first, last
}

// postBare posts contact requests over a few connections and keeps nothing.
func postBare(ctx context.Context, p part) error {
	l, err := stock.Draft(time.Now())
	if err != nil {
		return err
	}
	var next atomic.Int64
	failures := make([]error, posters)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: posters}}
	var posting sync.WaitGroup
	for i := range posters {
		posting.Go(func() {
			for n := next.Add(1); n <= int64(p.Posts) && failures[i] == nil; n = next.Add(1) {
				failures[i] = postOne(ctx, client, p.Address, l, n)
			}
		})
	}
	posting.Wait()
	return errors.Join(failures...)
}

func postOne(ctx context.Context, client *http.Client, address string, l lead.Lead, id int64) error {
	body, err := json.Marshal(map[string]any{
		"property_id": l.PropertyID, "name": l.Name, "email": l.Email, "phone": "+525512345678", "message": l.Message, "source": l.Source, "remote_id": id,
	})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+address+"/v1/integration_partners/contact_requests", bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("X-Authorization", "bench")
	req.Header.Set("Country-Code", "MX")
	req.Header.Set("Content-Type", "application/json")
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	if resp.StatusCode != http.StatusOK {
		err = errors.Join(err, errors.New(resp.Status))
	}
	return errors.Join(err, resp.Body.Close())
}
