package loopback_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/loopback"
)

func TestIsHost(t *testing.T) {
	for host, want := range map[string]bool{
		"localhost": true, "127.0.0.1": true, "127.8.8.8": true, "::1": true, "::ffff:127.0.0.1": true,
		"": false, "10.0.0.1": false, "::ffff:10.0.0.1": false, "localhost.casas.mx": false, "127.0.0.1.casas.mx": false, "0.0.0.0": false,
	} {
		require.Equal(t, want, loopback.IsHost(host), host)
	}
}
