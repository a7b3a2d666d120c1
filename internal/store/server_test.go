package store

import (
	"context"
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/store/postgrestest"
)

// A name may have several addresses, such as those of a server that has just failed over.
// One that takes connections and never answers leaves time for the others.
func TestANameWithSeveralAddresses(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, silent.Close()) }()
	server, err := parsePostgres(postgrestest.NewTLSCluster(t, postgrestest.NewAuthority(t)).At("leadrelay", "localhost", "sslmode=require"))
	require.NoError(t, err)
	server.config.LookupFunc = func(context.Context, string) ([]string, error) {
		return []string{silent.Addr().String(), "127.0.0.1"}, nil
	}
	s := newPostgres(server, DefaultConnections)
	require.NoError(t, checkPostgres(t.Context(), s.read))
	require.NoError(t, s.closeDatabase())
}
