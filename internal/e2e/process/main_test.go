// Package process runs the relay as a process: it is killed, stopped, flooded,
// put behind proxies and onto full disks. The package has tests alone.
package process

import (
	"testing"

	_ "modernc.org/sqlite" // the tests look into the relay's database

	"leadrelay/internal/e2e/relaytest"
	"leadrelay/internal/store/postgrestest"
)

func TestMain(m *testing.M) {
	relaytest.Main(postgrestest.Main{M: m}, map[string]func(){smallDisk: mainOnASmallDisk, crowdOfClients: mainOfACrowd})
}
