package process

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"leadrelay/internal/bench/stock"
	"leadrelay/internal/console"
	"leadrelay/internal/e2e/relaytest"
	"leadrelay/internal/store"
	"leadrelay/internal/store/postgrestest"
)

// people asks the door for something about a person, and returns how long the answer took.
func people(t *testing.T, p *relaytest.Process, verb, email string, into any) time.Duration {
	t.Helper()
	body, err := json.Marshal(map[string]string{"email": email})
	require.NoError(t, err)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+p.Operator+"/api/v1/people/"+verb, bytes.NewReader(body))
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer "+p.Token)
	begun := time.Now()
	answer, err := p.Client.Do(r)
	require.NoError(t, err)
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	took := time.Since(begun)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, answer.StatusCode, string(text))
	require.NoError(t, json.Unmarshal(text, into))
	return took
}

// One person among a million is shown and erased within two seconds.
func TestAPersonAmongMany(t *testing.T) {
	t.Parallel()
	leads := 20_000
	if relaytest.InFull() {
		leads = 1_000_000
	}
	tell := func(n int) { t.Logf("%d leads are made", n) }
	t.Run("SQLite", func(t *testing.T) {
		_, address := relaytest.StartBroker(t)
		env := relaytest.Settings(t, address)
		require.NoError(t, stock.FillPeople(t.Context(), env["LEADRELAY_DATABASE"], leads, tell))
		// In virtual time the rests of the indexing take none, which are three quarters of it.
		synctest.Test(t, func(t *testing.T) { indexAll(t, env["LEADRELAY_DATABASE"]) })
		onePersonOf(t, leads, env)
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		_, address := relaytest.StartBroker(t)
		env := relaytest.Settings(t, address)
		env["LEADRELAY_DATABASE"] = postgrestest.Database(t)
		require.NoError(t, stock.FillPeopleServer(t.Context(), env["LEADRELAY_DATABASE"], leads, tell))
		indexAll(t, env["LEADRELAY_DATABASE"])
		onePersonOf(t, leads, env)
	})
}

func indexAll(t *testing.T, address string) {
	t.Helper()
	open := store.Open
	if strings.HasPrefix(address, "postgres:") {
		open = func(ctx context.Context, address string) (*store.Store, error) {
			return store.OpenPostgres(ctx, address, store.PostgresOptions{})
		}
	}
	s, err := open(t.Context(), address)
	require.NoError(t, err)
	for range 2 { // what there is at the first call is indexed by the second
		require.NoError(t, s.Index(t.Context()))
	}
	require.NoError(t, s.Close())
}

func onePersonOf(t *testing.T, leads int, env map[string]string) {
	t.Helper()
	p := relaytest.Start(t, env, "serve").Started()
	const most = 2 * time.Second
	for _, n := range []int{1, leads / 2, leads - 2} {
		who := stock.Person(n).Email
		var kept console.PersonExport
		shown := people(t, p, "export", who, &kept)
		require.Len(t, kept.Leads, 1)
		require.Equal(t, stock.PersonID(n), kept.Leads[0].RemoteID)
		var done console.Erasure
		erased := people(t, p, "erase", who, &done)
		require.Len(t, done.Leads, 1)
		require.Equal(t, "erased", done.Leads[0].Verdict)
		t.Logf("lead %d of %d: shown in %v, erased in %v", n, leads, shown, erased)
		require.Less(t, shown, most)
		require.Less(t, erased, most)
	}
}

// A minute after a person was erased, a relay that goes on working has no byte of it left in
// any file, nor has a backup that is made then; nor has a server's table, when it has cleaned up.
func TestAnErasedPersonIsGoneWithinAMinute(t *testing.T) {
	t.Parallel()
	t.Run("SQLite", func(t *testing.T) {
		t.Parallel()
		env := erasing(t)
		p := relaytest.Start(t, env, "serve").Started()
		eraseUnderTraffic(t, p, func() []string {
			file := filepath.Join(t.TempDir(), "after.db")
			backup := relaytest.Command(t, env, "backup", file)
			backup.Run()
			backup.Ended(0)
			return append(filesWith(t, filepath.Dir(env["LEADRELAY_DATABASE"])), filesWith(t, filepath.Dir(file))...)
		})
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		t.Parallel()
		cluster := postgrestest.NewCluster(t)
		env := erasing(t)
		env["LEADRELAY_DATABASE"] = cluster.Address()
		p := relaytest.Start(t, env, "serve").Started()
		eraseUnderTraffic(t, p, func() []string {
			cluster.Execute("CHECKPOINT")
			return slices.DeleteFunc(filesWith(t, cluster.Query("SHOW data_directory")), func(path string) bool {
				return strings.Contains(path, "pg_wal") // which is the server's own: the docs say so
			})
		})
	})
}

func erasing(t *testing.T) map[string]string {
	t.Helper()
	_, address := relaytest.StartBroker(t)
	return relaytest.Settings(t, address)
}

// herWords are what she writes, and nobody else does.
const herWords = "Zubiaurreta"

// eraseUnderTraffic has a person write among others, who go on, and erases her.
func eraseUnderTraffic(t *testing.T, p *relaytest.Process, inFiles func() []string) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	var others sync.WaitGroup
	others.Go(func() {
		for n := 0; ctx.Err() == nil; n++ {
			code, _, _ := relaytest.Inquire(p.Client, p.Public, fmt.Sprintf("EB-%d", n), "Hola, ¿sigue disponible?")
			assert.Equal(t, http.StatusAccepted, code)
			time.Sleep(50 * time.Millisecond)
		}
	})
	defer others.Wait()
	defer stop()
	const hers = 5
	for n := range hers {
		form := fmt.Sprintf("property_id=EB-HER%d&name=Ana+%[2]s&email=%[2]s@ejemplo.mx&message=Hola,+soy+Ana+%[2]s.+Quisiera+visitarla.&zona=%[2]s", n, herWords)
		answer, err := p.Client.Post("http://"+p.Public+"/f", "application/x-www-form-urlencoded", strings.NewReader(form))
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		relaytest.Eventually(t, "it has arrived", func() bool {
			about := p.About(fmt.Sprintf("EB-HER%d", n))
			return len(about) == 1 && (about[0].State == "delivered" || about[0].State == "confirmed")
		})
	}
	require.NotEmpty(t, inFiles(), "they are found where they are")
	var done console.Erasure
	people(t, p, "erase", herWords+"@ejemplo.mx", &done)
	require.Len(t, done.Leads, hers)
	begun := time.Now()
	var left []string
	gone := relaytest.PollFor(time.Minute, time.Second, func() bool { left = inFiles(); return len(left) == 0 })
	t.Logf("gone after %v", time.Since(begun).Round(time.Second))
	require.True(t, gone, "after a minute she is in %v", left)
}

// filesWith returns the files of a folder that have her words, in any case.
func filesWith(t *testing.T, dir string) (found []string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return nil //nolint:nilerr // a log that has gone meanwhile
		}
		text, err := os.ReadFile(path)
		if err == nil && bytes.Contains(bytes.ToLower(text), []byte(strings.ToLower(herWords))) {
			found = append(found, path)
		}
		return nil
	}))
	return found
}
