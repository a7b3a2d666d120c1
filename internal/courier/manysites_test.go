package courier_test

import (
	"context"
	"database/sql"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"leadrelay/internal/courier"
	"leadrelay/internal/courier/couriertest"
	"leadrelay/internal/easybroker"
	"leadrelay/internal/lead"
	"leadrelay/internal/secret"
	"leadrelay/internal/store"
)

// senders is a broker that notes which replica has sent for which key.
type senders struct {
	mu sync.Mutex
	of map[string][]int
}

// sender is one replica's way to it.
type sender struct {
	*senders
	replica int
}

func (s sender) Create(_ context.Context, a easybroker.Account, _ easybroker.ContactRequest) (easybroker.Receipt, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.of[a.Key.Reveal()] = append(s.of[a.Key.Reveal()], s.replica)
	return easybroker.Receipt{Status: 200}, nil
}

func (s sender) List(context.Context, easybroker.Account, easybroker.Query) (easybroker.Page, error) {
	return easybroker.Page{}, nil
}

func (s *senders) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.of)
}

// Hundreds of sites, each with a key of its own, are soon carried by replicas that start
// together, each site by one of them. What they ask for at rest does not grow with the sites,
// and a lease that somebody locks keeps none of the others from being renewed.
func TestManySitesOnThreeReplicas(t *testing.T) {
	const (
		sites, replicas = 250, 3
		patience        = 5 * time.Second
		rest            = 4 * time.Second
		locked          = 5 * time.Second
		perSecond       = 20 // transactions of a replica
	)
	if testing.Short() {
		t.Skip("it measures how long a start takes")
	}
	t.Parallel()
	address := newPostgres(t)
	var routes []courier.Route
	for i := range sites {
		key := fmt.Sprint("key ", i)
		routes = append(routes, courier.Route{Site: fmt.Sprint("site", i), Account: easybroker.Account{Key: secret.New(key), Country: "MX", API: easybroker.Partner}})
	}
	broker := &senders{of: map[string][]int{}}
	var stores []*store.Store
	for range replicas {
		s, err := store.OpenPostgres(t.Context(), address, store.PostgresOptions{})
		require.NoError(t, err)
		stores = append(stores, s)
		t.Cleanup(func() { require.NoError(t, s.Close()) })
	}
	var keeping sync.WaitGroup
	for _, r := range routes {
		keeping.Go(func() {
			l, err := lead.New(lead.Inquiry{Site: r.Site, PropertyID: "EB-1", Name: "Ana", Email: "ana@ejemplo.mx", Message: "Hola"}, "casas.mx", lead.DefaultRules(), time.Now())
			assert.NoError(t, err)
			_, err = stores[0].Keep(t.Context(), lead.Submission{Lead: l, Tick: lead.Milliseconds})
			assert.NoError(t, err)
		})
	}
	keeping.Wait()

	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	t.Cleanup(func() { cancel(); running.Wait() })
	began := time.Now()
	for i, s := range stores {
		running.Go(func() {
			_ = courier.New(s, sender{broker, i}, routes, couriertest.WithDefaults(courier.Options{Leases: s})).Run(ctx)
		})
	}
	require.Eventually(t, func() bool { return broker.count() == sites }, patience, 10*time.Millisecond)
	t.Logf("all sites were carried after %v", time.Since(began))

	db, err := sql.Open("pgx", address)
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	query := func(text string) (n int) {
		require.NoError(t, db.QueryRow(text).Scan(&n))
		return n
	}
	const transactions = `SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()`
	time.Sleep(rest) // until all is done that a start brings, and the server has counted it
	before, measured := query(transactions), time.Now()
	time.Sleep(rest)
	rate := float64(query(transactions)-before) / time.Since(measured).Seconds()
	t.Logf("%.1f transactions a second at rest, of %d replicas", rate, replicas)
	require.Less(t, rate, float64(replicas*perSecond))
	require.LessOrEqual(t, query(`SELECT count(*) FROM pg_stat_activity WHERE application_name = 'leadrelay'`), replicas*store.DefaultConnections)

	tx, err := db.Begin()
	require.NoError(t, err)
	_, err = tx.Exec(`SELECT * FROM leases ORDER BY credential LIMIT 1 FOR UPDATE`)
	require.NoError(t, err)
	time.Sleep(locked)
	const left = `SELECT count(*) FROM leases WHERE until - extract(epoch FROM clock_timestamp()) * 1000 > `
	require.Equal(t, sites-1, query(left+fmt.Sprint((locked+500*time.Millisecond).Milliseconds())))
	require.NoError(t, tx.Rollback())
	require.Eventually(t, func() bool { return query(left+"6000") == sites }, patience, 50*time.Millisecond)
	for key, by := range broker.of {
		require.Len(t, by, 1, key)
	}
}
