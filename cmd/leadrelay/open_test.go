package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"leadrelay/internal/store"
)

func TestALongMigrationSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		broken := errors.New("broken")
		_, err := openStore(zerolog.New(&log), func() (*store.Store, error) {
			time.Sleep(15 * time.Second)
			return nil, broken
		})
		require.Equal(t, broken, err)
		require.Equal(t, 2, strings.Count(log.String(), "still opening the database"), log.String())
	})
}
