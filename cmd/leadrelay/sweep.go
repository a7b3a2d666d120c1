package main

import (
	"context"
	"errors"
	"time"

	"github.com/rs/zerolog"

	"leadrelay/internal/config"
	"leadrelay/internal/lead"
	"leadrelay/internal/store"
)

// sweep erases leads past their retention, and tidies stats, changes and what people have seen, at the start and every
// minute.
func sweep(ctx context.Context, keep config.Retention, s *store.Store, log zerolog.Logger) {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		for _, ended := range []struct {
			state lead.State
			after config.Period
		}{{lead.Quarantined, keep.Quarantined}, {lead.Discarded, keep.Discarded}, {lead.Confirmed, keep.Confirmed}} {
			if ended.after == 0 {
				continue
			}
			n, err := erase(ctx, s, ended.state, time.Duration(ended.after))
			if n > 0 {
				log.Info().Str("state", string(ended.state)).Int("leads", n).Stringer("after", ended.after).Msg("leads erased")
			}
			if err != nil && ctx.Err() == nil {
				log.Error().Err(err).Msg("leads not erased")
			}
		}
		n, err := s.EraseBlocked(ctx)
		if n > 0 {
			log.Info().Int("leads", n).Msg("blocked leads erased")
		}
		if err != nil && ctx.Err() == nil {
			log.Error().Err(err).Msg("blocked leads not erased")
		}
		if err := eraseTests(ctx, s); err != nil && ctx.Err() == nil {
			log.Error().Err(err).Msg("test inquiries not erased")
		}
		_, oldEntries := s.DeleteOldEntries(ctx, time.Now().Add(-store.AuditKept))
		oldRequests := s.DeleteOldRequests(ctx, time.Now().Add(-store.AuditKept))
		if err := errors.Join(s.FoldStats(ctx), s.DeleteOldChanges(ctx), s.ForgetSeen(ctx), oldEntries, oldRequests); err != nil && ctx.Err() == nil {
			log.Error().Err(err).Msg("stats, changes and what was seen not tidied")
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// eraseTests erases the test inquiries of yesterday.
func eraseTests(ctx context.Context, s *store.Store) error {
	now, err := s.Now(ctx)
	if err != nil {
		return err
	}
	return s.EraseTests(ctx, now.Add(-lead.TestKept))
}

// erase erases leads that came into the state so long ago, on the clock that counts.
func erase(ctx context.Context, s *store.Store, state lead.State, after time.Duration) (int, error) {
	now, err := s.Now(ctx)
	if err != nil {
		return 0, err
	}
	return s.Erase(ctx, state, now.Add(-after))
}
