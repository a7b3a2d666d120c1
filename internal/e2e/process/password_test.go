package process

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/e2e/relaytest"
	"leadrelay/internal/store/postgrestest"
)

// The password of the database is changed while a relay runs, which goes on with the new one
// without being told, and prints neither.
func TestAPasswordThatIsChangedWhileARelayRuns(t *testing.T) {
	t.Parallel()
	database, file := postgrestest.Database(t), filepath.Join(t.TempDir(), "database")
	give := func(password string) {
		address := strings.Replace(database, "leadrelay@", postgrestest.Guarded+":"+password+"@", 1)
		require.NoError(t, os.WriteFile(file, []byte(address), 0o600))
	}
	execute(t, database, `CREATE ROLE `+postgrestest.Guarded+` LOGIN SUPERUSER PASSWORD 's3cret-1'`)
	give("s3cret-1")
	env := relaytest.Settings(t, "127.0.0.1:1")
	delete(env, "LEADRELAY_DATABASE")
	env["LEADRELAY_DATABASE_FILE"] = file
	p := relaytest.Start(t, env, "serve").Started()
	code, _, _ := relaytest.Inquire(p.Client, p.Public, "EB-1", "Hola")
	require.Equal(t, http.StatusAccepted, code)

	give("s3cret-2")
	execute(t, database, `ALTER ROLE `+postgrestest.Guarded+` PASSWORD 's3cret-2'`)
	execute(t, database, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '`+postgrestest.Guarded+`'`)
	code, _, _ = relaytest.Inquire(p.Client, p.Public, "EB-2", "Hola")
	require.Equal(t, http.StatusAccepted, code)
	p.End(os.Interrupt, 0)
	require.NotContains(t, p.Output(), "s3cret")
}
