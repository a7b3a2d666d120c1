package process

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/e2e/relaytest"
	"leadrelay/internal/store/postgrestest"
)

// A relay does not wait for a database that somebody has to change first. It ends and says
// what to do, so that whoever starts it sees it at once.
func TestADatabaseThatDoesNotMendItself(t *testing.T) {
	t.Parallel()
	database := postgrestest.Database(t)
	for name, test := range map[string]struct{ address, want string }{
		"it is not there":  {strings.Replace(database, "@/", "@/no", 1), "create it, or name another in the address"},
		"the user is none": {strings.Replace(database, "leadrelay@", "nobody:s3cret@", 1), "check the user and sslmode in the address"},
	} {
		env := relaytest.Settings(t, "127.0.0.1:1")
		env["LEADRELAY_DATABASE"] = test.address
		p := relaytest.Start(t, env, "serve")
		p.Ended(1)
		require.Contains(t, p.Err.String(), test.want, name)
		require.NotContains(t, p.Output(), "s3cret", name)
	}
}
