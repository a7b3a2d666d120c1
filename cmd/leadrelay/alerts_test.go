package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"leadrelay/internal/alerts"
	"leadrelay/internal/config"
	"leadrelay/internal/courier"
	"leadrelay/internal/easybroker"
	"leadrelay/internal/lead"
	"leadrelay/internal/server"
	"leadrelay/internal/store"
)

// listing is an EasyBroker whose list has one contact request of somebody else's, and cannot
// always be read.
type listing struct {
	mu    sync.Mutex
	fails bool
	asked []time.Time
}

func (b *listing) Create(context.Context, easybroker.Account, easybroker.ContactRequest) (easybroker.Receipt, error) {
	return easybroker.Receipt{}, errors.New("nothing is sent here")
}

func (b *listing) List(context.Context, easybroker.Account, easybroker.Query) (easybroker.Page, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.asked = append(b.asked, time.Now())
	if b.fails {
		return easybroker.Page{}, &easybroker.StatusError{Status: 500}
	}
	return easybroker.Page{Date: time.Now()}, nil
}

func (b *listing) fail(fails bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fails, b.asked = fails, nil
}

func (b *listing) times() []time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.asked
}

// Each night the leads are compared with EasyBroker's list, by the relay that tells people of
// trouble and by no other. A list that cannot be read is tried again for an hour, and then
// the report says so.
func TestLeadsAreComparedEachNight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "leads.db"))
		require.NoError(t, err)
		defer func() { require.NoError(t, s.Close()) }()
		cfg, err := config.Load(map[string]string{"EASYBROKER_API_KEY": "key-of-the-tests", "LEADRELAY_SOURCE": "casas.mx"}, config.Open)
		require.NoError(t, err)
		broker := new(listing)
		var log bytes.Buffer
		r := relay{store: s, courier: newCourier(cfg, s, broker, nil, server.NewMetrics("test"), zerolog.Nop())}
		r.auditor = courier.NewAuditor(r.courier, s)
		r.alerts = alerts.New(s, r.courier.Status, alerts.Options{Log: zerolog.Nop()})
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { _ = r.courier.Run(ctx) })
		defer func() { stop(); running.Wait() }()
		at := config.DailyTime{Hour: 3, Minute: 30}
		running.Go(func() { reconcileDaily(ctx, at, r, zerolog.New(&log)) })
		running.Go(func() { reconcileDaily(ctx, config.DailyTime{Off: true}, r, zerolog.New(&log)) })
		reports := func() (all []lead.Drift) {
			texts, _, err := s.Reports(ctx, 10)
			require.NoError(t, err)
			for _, text := range texts {
				var d lead.Drift
				require.NoError(t, json.Unmarshal(text, &d))
				all = append(all, d)
			}
			return all
		}

		time.Sleep(25 * time.Hour)
		require.Empty(t, reports(), "another relay tells people")
		watching, stopWatching := context.WithCancel(ctx)
		running.Go(func() { r.alerts.Run(watching) })
		time.Sleep(time.Minute)
		stopWatching() // it would look every five seconds of these days
		require.True(t, r.alerts.Tells())
		time.Sleep(3 * 24 * time.Hour)
		require.Len(t, reports(), 3)
		for _, d := range reports() {
			require.Equal(t, at.String(), d.ReadAt.Local().Format("15:04"))
			require.Equal(t, 25*time.Hour, d.ReadAt.Sub(d.Since).Round(time.Minute))
		}

		broker.fail(true)
		time.Sleep(time.Until(at.Next(time.Now())) + 49*time.Minute)
		require.Len(t, reports(), 3, "it is tried again")
		require.GreaterOrEqual(t, len(broker.times()), 5)
		time.Sleep(2 * time.Minute)
		require.Len(t, reports(), 4)
		require.Len(t, reports()[0].Unreadable, 1)

		broker.fail(true)
		time.AfterFunc(time.Until(at.Next(time.Now()))+25*time.Minute, func() { broker.fail(false) })
		time.Sleep(time.Until(at.Next(time.Now())) + time.Hour)
		require.Len(t, reports(), 5)
		require.Empty(t, reports()[0].Unreadable, "the third try")
		require.Empty(t, log.String())
	})
}
