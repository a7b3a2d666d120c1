package process

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the tests look into the relay's database
	"github.com/stretchr/testify/require"

	"leadrelay/internal/e2e/relaytest"
	"leadrelay/internal/store/postgrestest"
)

// A move is killed at one of its statements, and goes on when it is called again. All rows
// are there once, leads that waited go out once, and no relay starts on a database that
// has been left, or has not all leads yet.
func TestKill9AndAMove(t *testing.T) {
	t.Parallel()
	for name, direction := range map[string]func(file, server string) (from, to string){
		"to a server":   func(file, server string) (string, string) { return file, server },
		"from a server": func(file, server string) (string, string) { return server, file },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // it waits for most of its time
			last, _ := testKilledMove(t, direction, 0, false)
			for at := 2; at < last; at++ {
				if relaytest.InFull() {
					testKilledMove(t, direction, at, false)
				}
			}
			testKilledMove(t, direction, last*2/3, true) // the first half may make the schema
			// What it says last arrives, and it hears of nothing. A slow move has asked more
			// often than another.
			for at := last &^ 1; ; at -= 2 {
				if _, killed := testKilledMove(t, direction, at, false); killed {
					break
				}
			}
		})
	}
}

// testKilledMove kills a move when it comes to its n-th statement. If that is in the middle,
// no relay starts anywhere. If there is no such statement, the move ends by itself, and its
// statements are counted.
func testKilledMove(t *testing.T, direction func(file, server string) (from, to string), at int, inTheMiddle bool) (statements int, killed bool) {
	t.Helper()
	const filler = 2500 // leads; a move copies a thousand at a time
	broker, address := relaytest.StartBroker(t)
	server := postgrestest.Database(t)
	proxy, proxied := postgrestest.NewProxy(t, server)
	file := filepath.Join(t.TempDir(), "leadrelay.db")
	env := relaytest.Settings(t, address)
	from, to := direction(file, proxied)

	env["LEADRELAY_DATABASE"] = from
	p := relaytest.Start(t, env, "serve").Started()
	for i := range 3 {
		code, _, _ := relaytest.Inquire(p.Client, p.Public, fmt.Sprint("EB-", i), "Hola")
		require.Equal(t, 202, code)
	}
	p.Settled()
	p.End(os.Interrupt, 0)
	execIn(t, file, server, from, fmt.Sprintf(`INSERT INTO leads (remote_id, site, state, property_id, body, received_at, due_at)
		SELECT n, 'default', CASE WHEN n <= 2 THEN 'queued' ELSE 'confirmed' END, 'EB-9', '{"name":"Ana","email":"ana@ejemplo.mx","message":"Hola","source":"casas.mx"}', %d, CASE WHEN n <= 2 THEN 1 END
		FROM (WITH RECURSIVE up(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM up WHERE n < %d) SELECT n FROM up) AS numbers`, time.Now().UnixMilli(), filler))

	env["LEADRELAY_DATABASE"] = to
	move := relaytest.Command(t, env, "move", "--from", from)
	var seen atomic.Int64
	proxy.Break(func(string) postgrestest.Fault {
		if seen.Add(1) != int64(at) {
			return postgrestest.None
		}
		move.Kill()
		<-move.Done
		return postgrestest.Fault(at % 2 * int(postgrestest.Cut)) // what it has sent may arrive, or not
	})
	move.Run()
	<-move.Done
	if statements = int(seen.Load()); at == 0 || statements < at {
		move.Ended(0)
		require.Contains(t, move.Out.String(), fmt.Sprintf("Moved and compared: %d leads", filler+3))
		return statements, false
	}
	move.Ended(-1)
	proxy.Break(nil)
	if inTheMiddle {
		require.Contains(t, refuse(t, env, from, 78), "were moved to another database")
		require.Contains(t, refuse(t, env, to, 1), "has not brought all leads here yet")
	}

	env["LEADRELAY_DATABASE"] = to
	move = relaytest.Start(t, env, "move", "--from", from)
	move.Ended(0)
	require.Contains(t, move.Out.String(), "Moved and compared")
	require.Contains(t, refuse(t, env, from, 78), "were moved to another database")
	env["LEADRELAY_DATABASE"] = to
	p = relaytest.Start(t, env, "serve").Started()
	p.Settled()
	require.Len(t, allLeads(p), filler+3)
	p.End(os.Interrupt, 0)
	arrived := map[int64]int{}
	for _, taken := range broker.Book() {
		arrived[taken.RemoteID] += taken.Posts
	}
	require.Len(t, arrived, 3+2)
	for id, posts := range arrived {
		require.Equal(t, 1, posts, id)
	}
	return statements, true
}

// refuse returns why a relay does not start on a database.
func refuse(t *testing.T, env map[string]string, database string, code int) (why string) {
	t.Helper()
	env["LEADRELAY_DATABASE"] = database
	p := relaytest.Start(t, env, "serve")
	p.Ended(code)
	return p.Err.String()
}

// execIn runs a statement in one of two databases.
func execIn(t *testing.T, file, server, which, statement string) {
	t.Helper()
	driver, address := "sqlite", file
	if which != file {
		driver, address = "pgx", server
	}
	db, err := sql.Open(driver, address)
	require.NoError(t, err)
	_, err = db.Exec(statement)
	require.NoError(t, err)
	require.NoError(t, db.Close())
}
