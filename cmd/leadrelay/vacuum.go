package main

import (
	"context"
	"time"

	"github.com/rs/zerolog"

	"leadrelay/internal/store"
)

// watchVacuum warns once of each transaction of another program that has held back
// PostgreSQL's cleaning up for long: until it ends, the tables grow.
func watchVacuum(ctx context.Context, heldBack func(context.Context) (store.HeldBack, error), log zerolog.Logger) {
	const long = 10 * time.Minute
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for warned := false; ; {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		h, err := heldBack(ctx)
		if err != nil { // the database is away, and others say so
			continue
		}
		isLong := !h.Since.IsZero() && time.Since(h.Since) >= long
		if isLong && !warned {
			log.Warn().Int("process", h.Process).Str("application", h.Application).Str("state", h.State).Time("since", h.Since).
				Msg("another program's transaction keeps PostgreSQL from cleaning up, and the tables grow: end it (pg_terminate_backend)")
		}
		if warned && !isLong {
			log.Info().Msg("PostgreSQL can clean up again")
		}
		warned = isLong
	}
}
