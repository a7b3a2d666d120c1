package main

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"leadrelay/internal/store"
)

// Each transaction that is open for long is told of once, and its end, too.
func TestALongTransactionIsToldOfOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		begun := time.Now()
		ctx, stop := context.WithTimeout(t.Context(), time.Hour)
		defer stop()
		watchVacuum(ctx, func(context.Context) (store.HeldBack, error) {
			switch minute := int(time.Since(begun).Minutes()); {
			case minute < 5:
				return store.HeldBack{}, nil
			case minute < 25 && minute%3 == 0:
				return store.HeldBack{}, errors.New("away")
			case minute < 25:
				return store.HeldBack{Process: 7, Application: "report", State: "idle in transaction", Since: begun.Add(5 * time.Minute)}, nil
			case minute < 40: // one after the other, each a short one
				return store.HeldBack{Process: 8, Since: time.Now().Add(-time.Second)}, nil
			default:
				return store.HeldBack{Process: 9, Since: begun.Add(40 * time.Minute)}, nil
			}
		}, zerolog.New(&out))
		lines := strings.Split(strings.TrimSpace(out.String()), "\n")
		require.Len(t, lines, 3, out.String())
		require.Contains(t, lines[0], `"process":7,"application":"report"`)
		require.Contains(t, lines[1], "can clean up again")
		require.Contains(t, lines[2], `"process":9`)
	})
}
