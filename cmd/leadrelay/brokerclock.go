package main

import (
	"context"
	"sync/atomic"
	"time"

	"leadrelay/internal/easybroker"
)

// datedBroker is EasyBroker, with an eye on its clock.
type datedBroker struct {
	*easybroker.Client

	ahead atomic.Int64 // how far our clock was ahead of its, when a list was last read
}

// List implements courier.Broker. EasyBroker's Date has seconds, and is of some moment
// between the question and the answer.
func (b *datedBroker) List(ctx context.Context, a easybroker.Account, q easybroker.Query) (easybroker.Page, error) {
	asked := time.Now()
	page, err := b.Client.List(ctx, a, q)
	if err == nil && !page.Date.IsZero() {
		b.ahead.Store(int64(ahead(asked, time.Now(), page.Date)))
	}
	return page, err
}

// ahead returns how far our clock is ahead of one that showed a second, at least.
func ahead(asked, answered, date time.Time) time.Duration {
	switch {
	case asked.After(date.Add(time.Second)):
		return asked.Sub(date)
	case answered.Before(date):
		return answered.Sub(date)
	}
	return 0
}

// skew returns how far our clock is ahead of EasyBroker's.
func (b *datedBroker) skew() time.Duration { return time.Duration(b.ahead.Load()) }
