package main

import (
	"context"
	"time"

	"github.com/rs/zerolog"

	"leadrelay/internal/store"
)

// index keeps the search index up to date. Without it a search takes longer and finds
// the same.
func index(ctx context.Context, s *store.Store, log zerolog.Logger) {
	const often, afterAnError = 5 * time.Second, time.Minute
	for pause := often; ; {
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return
		}
		pause = often
		if err := s.Index(ctx); err != nil {
			log.Error().Err(err).Msg("new leads not indexed for searches")
			pause = afterAnError
		}
		if err := s.Scrub(ctx); err != nil && ctx.Err() == nil {
			log.Error().Err(err).Msg("what was erased may still be in a file")
		}
	}
}
