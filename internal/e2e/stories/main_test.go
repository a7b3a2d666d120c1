// Package stories runs the scripts in testdata/script, each of which is one user's
// story with the relay. The package has tests alone.
package stories

import (
	"testing"

	_ "modernc.org/sqlite" // a story may change the relay's database

	"leadrelay/internal/e2e/relaytest"
	"leadrelay/internal/store/postgrestest"
)

func TestMain(m *testing.M) { relaytest.MainWithRace(postgrestest.Main{M: m}, nil) }
