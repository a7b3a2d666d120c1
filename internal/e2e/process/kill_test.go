package process

import (
	"database/sql"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/e2e/relaytest"
	"leadrelay/internal/fakebroker"
)

// killRounds is how often the relay is killed; LEADRELAY_KILL_ROUNDS sets more.
func killRounds(t *testing.T) int {
	t.Helper()
	const usual = 100
	text := os.Getenv("LEADRELAY_KILL_ROUNDS")
	if text == "" {
		return usual
	}
	n, err := strconv.Atoi(text)
	require.NoError(t, err, "LEADRELAY_KILL_ROUNDS")
	return n
}

// The relay is killed again and again at a random instant: while it starts,
// while it takes inquiries, while it sends them, looks them up and writes down
// what became of them. What it has acknowledged is in EasyBroker in the end,
// and exactly once.
func TestKill9LosesNothingAndSendsNothingTwice(t *testing.T) {
	t.Parallel()
	broker, address := relaytest.StartBroker(t)
	env := relaytest.Settings(t, address)
	env["LEADRELAY_COURIER_TIMEOUT"] = "300ms"
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	dice := rand.New(rand.NewPCG(seed, seed))
	seen := &witness{acknowledged: map[int64]string{}}

	begun := time.Now()
	relaytest.Start(t, env, "serve").Started().End(os.Interrupt, 0)
	startup := time.Since(begun)
	rounds, early := killRounds(t), 0
	for round := range rounds {
		broker.Misbehave(mishap(dice))
		if dice.IntN(3) == 0 {
			leasesRunOut(t, env["LEADRELAY_DATABASE"])
		}
		starting, life := lifetime(dice, startup)
		if !killOnce(t, env, seen, round, starting, life) {
			early++
		}
	}

	broker.Misbehave(relaytest.Lagging())
	leasesRunOut(t, env["LEADRELAY_DATABASE"])
	p := relaytest.Start(t, env, "serve").Started()
	p.Settled()
	p.End(os.Interrupt, 0)
	t.Logf("%d rounds, %d of them killed before the doors were open; %d leads acknowledged, %d delivered",
		rounds, early, len(seen.acknowledged), len(broker.Book()))
	require.Empty(t, seen.wrong)
	require.NotEmpty(t, seen.acknowledged)
	seen.compare(t, broker, env["LEADRELAY_DATABASE"])
}

// mishap is what EasyBroker does during one round.
func mishap(dice *rand.Rand) fakebroker.Faults {
	trouble := []fakebroker.Trouble{
		{},
		{On: "POST", Do: "hang", After: true},
		{On: "POST", Do: "reset", After: true},
		{On: "POST", Do: "hang"},
		{On: "POST", Do: "reset"},
		{On: "POST", Do: "status", Status: 503, After: true},
		{On: "GET", Do: "reset"},
		{Delay: fakebroker.Duration(20 * time.Millisecond)},
	}[dice.IntN(8)]
	f := relaytest.Lagging()
	if trouble != (fakebroker.Trouble{}) {
		trouble.Chance = 0.5
		f.Trouble, f.Seed = []fakebroker.Trouble{trouble}, dice.Uint64()
	}
	return f
}

// lifetime is how long the next process lives: from its start, or from when its doors are
// open, since a busy machine starts it later than another. Now and then it is long enough
// for an attempt to run into its time-out.
func lifetime(dice *rand.Rand, startup time.Duration) (starting bool, life time.Duration) {
	const work, long = 100 * time.Millisecond, 500 * time.Millisecond
	if dice.IntN(20) == 0 {
		return false, long
	}
	life = time.Duration(dice.Int64N(int64(startup + work)))
	if life < startup {
		return true, life
	}
	return false, life - startup
}

// killOnce starts a relay, posts to it from several connections and kills it.
// It reports whether the doors had been open.
func killOnce(t *testing.T, env map[string]string, seen *witness, round int, starting bool, life time.Duration) bool {
	t.Helper()
	const visitors = 4
	p := relaytest.Start(t, env, "serve")
	if starting {
		defer time.AfterFunc(life, p.Kill).Stop()
	}
	p.Public, p.Operator = p.Out.Started(t, p.Done)
	if p.Public != "" {
		if !starting {
			defer time.AfterFunc(life, p.Kill).Stop()
		}
		var visits sync.WaitGroup
		for visitor := range visitors {
			visits.Go(func() { seen.post(p, fmt.Sprintf("%d-%d", round, visitor)) })
		}
		visits.Wait()
	}
	<-p.Done
	require.Empty(t, p.Err.String())
	return p.Public != ""
}

// witness remembers what was acknowledged.
type witness struct {
	mu           sync.Mutex
	acknowledged map[int64]string // the message of each remote id
	unanswered   int
	wrong        []string
}

// post posts one inquiry after another until the relay is dead.
func (w *witness) post(p *relaytest.Process, who string) {
	for n := 0; w.note(p, fmt.Sprintf("EB-%s-%d", who, n)); n++ { // a property of its own keeps each look-up short
	}
}

// note posts an inquiry and remembers what became of it; false without an
// answer.
func (w *witness) note(p *relaytest.Process, property string) bool {
	status, answer, _ := relaytest.Inquire(p.Client, p.Public, property, property)
	w.mu.Lock()
	defer w.mu.Unlock()
	earlier, twice := w.acknowledged[answer.RemoteID]
	switch {
	case status == 0:
		w.unanswered++
	case status != http.StatusAccepted:
		w.wrong = append(w.wrong, fmt.Sprintf("%s: status %d", property, status))
	case twice:
		w.wrong = append(w.wrong, fmt.Sprintf("%s: remote id %d belongs to %s", property, answer.RemoteID, earlier))
	default:
		w.acknowledged[answer.RemoteID] = property
	}
	return status != 0
}

func (w *witness) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.acknowledged)
}

// compare holds what was acknowledged against EasyBroker's own book, and that
// against the database.
func (w *witness) compare(t *testing.T, broker *fakebroker.Broker, database string) {
	t.Helper()
	book := map[int64]string{}
	for _, k := range broker.Book() {
		_, twice := book[k.RemoteID]
		require.False(t, twice, "remote id %d arrived twice", k.RemoteID)
		require.Equal(t, 1, k.Posts)
		book[k.RemoteID] = k.Message
	}
	for id, message := range w.acknowledged {
		require.Equal(t, message, book[id], "remote id %d was acknowledged and did not arrive", id)
	}
	db, err := sql.Open("sqlite", database)
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	var sound string
	require.NoError(t, db.QueryRow("PRAGMA integrity_check").Scan(&sound))
	require.Equal(t, "ok", sound)
	var leads, open int
	require.NoError(t, db.QueryRow("SELECT count(*) FROM leads WHERE state IN ('delivered', 'confirmed')").Scan(&leads))
	require.NoError(t, db.QueryRow("SELECT count(*) FROM attempts WHERE ended_at IS NULL").Scan(&open))
	require.Equal(t, len(book), leads, "each lead in the database has arrived, and nothing else has")
	require.Zero(t, open, "every attempt has an end")
}

// leasesRunOut lets the leases of a dead relay run out, which takes half a
// minute otherwise. Those leads are the first that the next relay looks at.
func leasesRunOut(t *testing.T, database string) {
	t.Helper()
	db, err := sql.Open("sqlite", database+"?_pragma=busy_timeout(5000)")
	require.NoError(t, err)
	_, err = db.Exec("UPDATE leads SET due_at = 1 WHERE due_at > $1", time.Now().UnixMilli())
	require.NoError(t, err)
	require.NoError(t, db.Close())
}
