package store

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/lead"
	"leadrelay/internal/store/grams"
)

// onBoth runs a test on an empty store of each kind.
func onBoth(t *testing.T, test func(t *testing.T, s *Store)) {
	t.Helper()
	t.Run("SQLite", func(t *testing.T) {
		s, err := Open(t.Context(), filepath.Join(t.TempDir(), "leads.db"))
		require.NoError(t, err)
		defer func() { require.NoError(t, s.Close()) }()
		test(t, s)
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		s, err := OpenPostgres(t.Context(), NewPostgres(t), PostgresOptions{})
		require.NoError(t, err)
		defer func() { require.NoError(t, s.Close()) }()
		test(t, s)
	})
}

// clone keeps a lead and inserts clones of it, with ids that follow each other. It
// returns the first id.
func clone(t *testing.T, s *Store, leads int) lead.RemoteID {
	t.Helper()
	l, err := lead.New(lead.Inquiry{Site: "casas", PropertyID: "EB-1", Name: "Quetzal Peña", Email: "qp@ejemplo.mx", Phone: "55 1234 5678", Message: "Hola"},
		"casas.mx", lead.DefaultRules(), time.Now().Add(-time.Hour))
	require.NoError(t, err)
	kept, err := s.Keep(t.Context(), lead.Submission{Lead: l, Tick: lead.Milliseconds})
	require.NoError(t, err)
	first := kept.RemoteID - lead.RemoteID(leads) + 1
	_, err = s.writer.db.ExecContext(t.Context(), `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1)
		INSERT INTO leads (remote_id, site, state, property_id, body, received_at)
		SELECT remote_id - i, site, 'confirmed', property_id, body, received_at - i FROM n CROSS JOIN leads`, leads-1)
	require.NoError(t, err)
	return first
}

// indexUpTo indexes the leads up to an id.
func indexUpTo(t *testing.T, s *Store, last lead.RemoteID) {
	t.Helper()
	s.index.known = map[lead.Tick]lead.RemoteID{lead.Milliseconds: last}
	require.NoError(t, s.Index(t.Context()))
}

// number returns what a query counts.
func number(t *testing.T, s *Store, query string, args ...any) (n int) {
	t.Helper()
	require.NoError(t, s.writer.db.QueryRowContext(t.Context(), query, args...).Scan(&n))
	return n
}

func TestNewBlocksBecomeALargeOne(t *testing.T) {
	if testing.Short() {
		t.Skip("it has nothing to race with")
	}
	t.Parallel()
	onBoth(t, func(t *testing.T, s *Store) {
		first := clone(t, s, grams.MaxLeads+smallBlock)
		for n := 1; n < mergedBlocks; n++ {
			indexUpTo(t, s, first+lead.RemoteID(n*smallBlock)-1)
			require.Equal(t, n, number(t, s, `SELECT count(*) FROM search_blocks`))
		}
		indexUpTo(t, s, first+grams.MaxLeads-1)
		require.Equal(t, 1, number(t, s, `SELECT count(*) FROM search_blocks`))
		require.Equal(t, grams.MaxLeads, number(t, s, `SELECT leads FROM search_blocks`))
		requireNoOrphans(t, s)
		found, more, err := s.List(t.Context(), lead.Filter{Text: "quetzal", Limit: 500})
		require.NoError(t, err)
		require.True(t, more)
		require.Equal(t, first+grams.MaxLeads+smallBlock-1, found[0].RemoteID)
	})
}

// requireNoOrphans requires that there are no pages but those of the blocks.
func requireNoOrphans(t *testing.T, s *Store) {
	t.Helper()
	require.Zero(t, number(t, s, `SELECT count(*) FROM search_pages WHERE id >> $1 NOT IN (SELECT number FROM search_blocks)`, pageBits))
}

// What a process that was killed has left of a block is deleted by the next.
func TestHalfABlockIsNotLeftBehind(t *testing.T) {
	if testing.Short() {
		t.Skip("it has nothing to race with")
	}
	t.Parallel()
	onBoth(t, func(t *testing.T, s *Store) {
		first := clone(t, s, 2*smallBlock)
		indexUpTo(t, s, first+smallBlock-1)
		old := newBlockNumber(time.Now().Add(-2 * time.Hour))
		require.NoError(t, s.writer.do(t.Context(), func(tx *writeTx) error {
			return searchPages.insert(tx, [][]any{{old << pageBits, []byte("x")}, {old<<pageBits | 1, []byte("x")}})
		}))
		s.index.cleaned = time.Time{}
		indexUpTo(t, s, first+2*smallBlock-1)
		require.Equal(t, 2, number(t, s, `SELECT count(*) FROM search_blocks`))
		requireNoOrphans(t, s)
	})
}

// What changes while a block is made is still known to have changed afterwards.
func TestAChangeDuringTheIndexingIsNotForgotten(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		first := clone(t, s, smallBlock)
		change := func(name string) {
			_, err := s.Amend(t.Context(), first, func(l *lead.Lead) error { l.Name = name; return nil })
			require.NoError(t, err)
		}
		change("Otro")
		task := &indexTask{first: first, last: first + smallBlock - 1}
		stale, err := s.staleWithin(t.Context(), task)
		require.NoError(t, err)
		require.Len(t, stale, 1)
		change("Zoraida")
		require.NoError(t, s.deleteStale(t.Context(), stale, newRests(t.Context())))
		require.Equal(t, 1, number(t, s, `SELECT count(*) FROM search_stale`))
		indexUpTo(t, s, task.last)
		require.Zero(t, number(t, s, `SELECT count(*) FROM search_stale`))
		found, _, err := s.List(t.Context(), lead.Filter{Text: "zoraida", Limit: 2})
		require.NoError(t, err)
		require.Len(t, found, 1)
	})
}

// Two processes that make the same block keep one, whoever is first, and one that works
// leaves the others alone.
func TestReplicasMakeABlockOnce(t *testing.T) {
	address := NewPostgres(t)
	var stores [2]*Store
	for i := range stores {
		s, err := OpenPostgres(t.Context(), address, PostgresOptions{})
		require.NoError(t, err)
		defer func() { require.NoError(t, s.Close()) }()
		stores[i] = s
	}
	first := clone(t, stores[0], smallBlock)
	task := &indexTask{first: first, last: first + smallBlock - 1}
	require.NoError(t, stores[0].makeBlock(t.Context(), task))
	require.ErrorIs(t, stores[1].makeBlock(t.Context(), task), errLost)
	again := &indexTask{first: task.first, last: task.last, replaces: []int64{7}}
	require.ErrorIs(t, stores[1].makeBlock(t.Context(), again), errLost)
	require.Equal(t, 1, number(t, stores[0], `SELECT count(*) FROM search_blocks`))
	requireNoOrphans(t, stores[0])

	for i, want := range []bool{true, false} {
		isMine, err := stores[i].takeTurn(t.Context())
		require.NoError(t, err)
		require.Equal(t, want, isMine)
	}
}

// A search that meets a block which was made again begins anew.
func TestASearchBearsABlockThatIsMadeAgain(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		first := clone(t, s, 3*smallBlock)
		indexUpTo(t, s, first+3*smallBlock-1)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() {
			for ctx.Err() == nil {
				if _, err := s.writer.db.ExecContext(ctx, `INSERT INTO search_stale VALUES ($1, 1, 1)`, int64(first)); err != nil {
					break
				}
				s.index.known = map[lead.Tick]lead.RemoteID{}
				if err := s.Index(ctx); err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
		for end := time.Now().Add(time.Second); time.Now().Before(end); {
			found, _, err := s.List(t.Context(), lead.Filter{Text: "quetzal 5512345678", Limit: 10})
			require.NoError(t, err)
			require.Len(t, found, 10)
		}
		stop()
		require.NoError(t, <-done)
	})
}

// A person who is erased leaves nothing behind: no text in any file, and no key.
func TestAnErasedLeadIsInNoFile(t *testing.T) {
	if testing.Short() {
		t.Skip("it has nothing to race with")
	}
	dir := t.TempDir()
	s, err := Open(t.Context(), filepath.Join(dir, "leads.db"))
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	first := clone(t, s, smallBlock)
	_, err = s.Amend(t.Context(), first, func(l *lead.Lead) error {
		l.Name, l.Email, l.Message, l.State = "Wzqkjx Vwpfgh", "wzqkjx@vwpfgh.mx", strings.Repeat("Wzqkjx Vwpfgh ", 100), lead.Confirmed
		return nil
	})
	require.NoError(t, err)
	indexUpTo(t, s, first+smallBlock-1)
	keys := func() string {
		rows, err := s.people.QueryContext(t.Context(), `SELECT keys FROM search_pages ORDER BY id`)
		require.NoError(t, err)
		all, err := collect(rows, scanColumn[[]byte])
		require.NoError(t, err)
		return fmt.Sprint(all)
	}
	with := keys()
	_, err = s.writer.db.ExecContext(t.Context(), `DELETE FROM leads WHERE remote_id = $1`, int64(first))
	require.NoError(t, err)
	indexUpTo(t, s, first+smallBlock-1)
	require.Less(t, len(keys()), len(with))
	require.Zero(t, number(t, s, `SELECT count(*) FROM search_stale`))
	requireNoOrphans(t, s)

	_, err = s.writer.db.ExecContext(t.Context(), `PRAGMA wal_checkpoint(TRUNCATE)`)
	require.NoError(t, err)
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, file := range files {
		text, err := os.ReadFile(filepath.Join(dir, file.Name()))
		require.NoError(t, err)
		for _, word := range []string{"Wzqkjx", "wzqkjx", "vwpfgh", "Vwpfgh"} {
			require.NotContains(t, string(text), word, file.Name())
		}
		require.NotContains(t, string(text), with[1:50], file.Name())
	}
}

// Whatever is in the texts of leads, the index takes no more of the disk than decision
// 14 leaves it.
func TestTheIndexOfALeadIsBounded(t *testing.T) {
	if testing.Short() {
		t.Skip("it has nothing to race with")
	}
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // a test
	text := func(n, first, last int) string {
		runes := make([]rune, n)
		for i := range runes {
			runes[i] = rune(first + random.IntN(last-first))
		}
		return string(runes)
	}
	for name, message := range map[string]func() string{
		"usual":           func() string { return "Hola, ¿sigue disponible? " + text(100, 'a', 'f') },
		"400 letters":     func() string { return text(380, '!', '~') },
		"1000 letters":    func() string { return text(1000, '!', '~') },
		"5000 letters":    func() string { return text(5000, '!', '~') },
		"Chinese":         func() string { return text(4000, 0x4e00, 0x9fff) },
		"a little of it":  func() string { return text(180, 0x4e00, 0x9fff) },
		"a single letter": func() string { return strings.Repeat("x", 5000) },
	} {
		for _, leads := range []int{smallBlock, 4 * smallBlock} {
			t.Run(fmt.Sprint(name, ", ", leads), func(t *testing.T) {
				var b grams.Builder
				for i := range leads {
					b.Add(&lead.Lead{RemoteID: lead.RemoteID(28_000_000_000 + i*60_000), Inquiry: lead.Inquiry{
						Site: "casas", PropertyID: text(10, 'A', 'Z'), Name: text(20, 'a', 'z'), Email: text(20, 'a', 'z'), Phone: text(10, '0', '9'), Message: message(),
					}})
				}
				block := b.Block()
				each := (len(block.Pages)*4096 + len(block.IDs) + len(block.Directory)) / leads
				t.Log(each, "bytes a lead,", len(block.Pages), "pages")
				require.LessOrEqual(t, each, 1000)
				require.LessOrEqual(t, len(block.Pages), 1<<pageBits)
			})
		}
	}
}

// What a person wrote is in no file of ours a minute after it was erased: not in the
// database, its log, or the search index. Nor is it when a block is over.
func TestAnErasedPersonIsInNoFile(t *testing.T) {
	everyLead := func(*lead.Lead) bool { return true }
	t.Run("erased", func(t *testing.T) {
		forgottenInFiles(t, func(s *Store, ids []lead.RemoteID) ([]lead.RemoteID, error) {
			return s.ErasePerson(t.Context(), ids, everyLead)
		})
	})
	t.Run("blocked for a time", func(t *testing.T) {
		forgottenInFiles(t, func(s *Store, ids []lead.RemoteID) ([]lead.RemoteID, error) {
			s.BlockFor(time.Millisecond)
			done, err := s.BlockPerson(t.Context(), ids, everyLead)
			require.NoError(t, err)
			time.Sleep(10 * time.Millisecond)
			n, err := s.EraseBlocked(t.Context())
			require.Equal(t, len(ids), n)
			return done, err
		})
	})
}

func forgottenInFiles(t *testing.T, forget func(*Store, []lead.RemoteID) ([]lead.RemoteID, error)) {
	t.Helper()
	dir := t.TempDir()
	s, err := Open(t.Context(), filepath.Join(dir, "leads.db"))
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	first := clone(t, s, smallBlock)
	hers := []lead.RemoteID{first, first + 7, first + smallBlock - 1}
	report, err := json.Marshal(lead.Drift{OnlyHere: []lead.Drifted{{RemoteID: hers[0], PropertyID: "EB-Wzqkjx"}}})
	require.NoError(t, err)
	require.NoError(t, s.KeepReport(t.Context(), time.Now(), report))
	for i, id := range hers {
		_, err = s.Amend(t.Context(), id, func(l *lead.Lead) error {
			l.Name, l.Email, l.Phone, l.Message = "Wzqkjx Vwpfgh", "wzqkjx@vwpfgh.mx", "55 1234 9876", strings.Repeat("Wzqkjx Vwpfgh ", 100*(1+i))
			l.Extra, l.Context = []lead.Pair{{Name: "zona", Value: "Wzqkjx"}}, map[string]string{"page_url": "https://casas.mx/?de=Wzqkjx"}
			l.Reason, l.State = "EasyBroker: Wzqkjx", lead.Confirmed
			return nil
		})
		require.NoError(t, err)
		_, err = s.writer.db.ExecContext(t.Context(), `INSERT INTO attempts (remote_id, number, begun_at, ended_at, outcome, detail, sent) VALUES ($1, 1, 1, 2, 'delivered', 'gracias Wzqkjx', $2)`,
			int64(id), []byte("Wzqkjx fingerpri"))
		require.NoError(t, err)
		_, err = s.writer.db.ExecContext(t.Context(), `INSERT INTO repeats (digest, content, remote_id, kept_at) VALUES ($1, $2, $3, $4)`,
			[]byte(fmt.Sprint("Wzqkjx ", i, " key....")), []byte("Wzqkjx content.."), int64(id), time.Now().UnixMilli())
		require.NoError(t, err)
	}
	indexUpTo(t, s, first+smallBlock-1)
	inFiles := func() (found []string) {
		files, err := os.ReadDir(dir)
		require.NoError(t, err)
		for _, file := range files {
			text, err := os.ReadFile(filepath.Join(dir, file.Name()))
			require.NoError(t, err)
			for _, word := range []string{"Wzqkjx", "wzqkjx", "vwpfgh", "Vwpfgh", "1234 9876"} {
				if strings.Contains(string(text), word) {
					found = append(found, file.Name()+" has "+word)
				}
			}
		}
		return found
	}
	require.NotEmpty(t, inFiles())
	keys := func() (all []byte) {
		require.NoError(t, s.people.QueryRowContext(t.Context(), `SELECT group_concat(hex(keys), '') FROM search_pages`).Scan(&all))
		return all
	}
	with := keys()
	erased, err := forget(s, hers)
	require.NoError(t, err)
	require.Equal(t, hers, erased)
	require.NoError(t, s.Scrub(t.Context()))
	require.NotEmpty(t, inFiles(), "the index is not made anew yet, so it is too early")
	indexUpTo(t, s, first+smallBlock-1)
	require.Less(t, len(keys()), len(with))

	reader, err := s.people.BeginTx(t.Context(), nil) // who reads keeps the log
	require.NoError(t, err)
	var n int
	require.NoError(t, reader.QueryRowContext(t.Context(), `SELECT count(*) FROM leads`).Scan(&n))
	begun := time.Now()
	require.NoError(t, s.Scrub(t.Context()))
	require.Less(t, time.Since(begun), time.Second, "it does not wait for readers, because those who write wait for it")
	require.NoError(t, reader.Rollback())
	require.NoError(t, s.Scrub(t.Context()))
	require.Empty(t, inFiles())
	keepSome(t, s)
	require.NoError(t, s.Lost())
}

func keepSome(t *testing.T, s *Store) {
	t.Helper()
	l, err := lead.New(lead.Inquiry{Site: "casas", PropertyID: "EB-1", Email: "luz@ejemplo.mx", Message: "Hola"}, "casas.mx", lead.DefaultRules(), time.Now())
	require.NoError(t, err)
	_, err = s.Keep(t.Context(), lead.Submission{Lead: l, Tick: lead.Milliseconds})
	require.NoError(t, err)
}
