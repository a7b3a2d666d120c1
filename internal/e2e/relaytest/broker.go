package relaytest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/fakebroker"
)

// StartBroker starts a pretend EasyBroker in this process.
func StartBroker(t *testing.T) (broker *fakebroker.Broker, address string) {
	t.Helper()
	broker = fakebroker.New(fakebroker.Options{})
	url, stop, err := broker.Start()
	require.NoError(t, err)
	t.Cleanup(func() { broker.Close(); stop() })
	return broker, url[len("http://") : len(url)-len("/v1")]
}

// Lagging is an EasyBroker whose list does not yet show what has just arrived,
// though it does before the settle delay is over.
func Lagging() fakebroker.Faults {
	return fakebroker.Faults{ListLag: fakebroker.Duration(500 * time.Millisecond)}
}
