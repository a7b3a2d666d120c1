package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"leadrelay/internal/bench/stock"
)

// start measures the time from the exec of the relay until it is ready, on a
// database of the usual size and on the largest.
func (b *bench) start(ctx context.Context) error {
	const leads = 10_000
	database := filepath.Join(b.dir, "start.db")
	if err := stock.Fill(ctx, database, leads, 0); err != nil {
		return err
	}
	took, err := b.timeStarts(ctx, database)
	if err != nil {
		return err
	}
	b.table.atMost(150, fmt.Sprintf("from exec to ready, %d leads", leads), took, "ms")
	largest := filepath.Join(b.dir, "start-largest.db")
	if err := stock.Fill(ctx, largest, b.scale.leads, b.scale.leads); err != nil {
		return err
	}
	if took, err = b.timeStarts(ctx, largest); err != nil {
		return err
	}
	b.table.add(fmt.Sprintf("from exec to ready, %d leads, all due", b.scale.leads), took, "ms")
	return nil
}

// timeStarts returns the median of several starts. Between them the relay is
// killed, as by a crash.
func (b *bench) timeStarts(ctx context.Context, database string) (float64, error) {
	var took []float64
	for range b.scale.starts {
		r, err := newRelay(ctx)
		if err != nil {
			return 0, err
		}
		begun := time.Now()
		if err := r.open(ctx, b.binary, database); err != nil {
			return 0, err
		}
		took = append(took, milliseconds(time.Since(begun)))
		r.close()
	}
	return median(took), nil
}
