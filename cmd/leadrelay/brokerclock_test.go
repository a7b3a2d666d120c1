package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestHowFarTheClockIsOffEasyBrokers(t *testing.T) {
	date := time.Date(2026, 11, 28, 9, 0, 0, 0, time.UTC)
	at := func(d time.Duration) time.Time { return date.Add(d) }
	for name, test := range map[string]struct{ asked, answered, want time.Duration }{
		"as it should be":    {-100 * time.Millisecond, 300 * time.Millisecond, 0},
		"late in the second": {900 * time.Millisecond, 1200 * time.Millisecond, 0},
		"a slow answer":      {-14 * time.Second, time.Second, 0},
		"two minutes ahead":  {2 * time.Minute, 2*time.Minute + time.Second, 2 * time.Minute},
		"an hour behind":     {-time.Hour - time.Second, -time.Hour, -time.Hour},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, test.want, ahead(at(test.asked), at(test.answered), date)) })
	}
}
