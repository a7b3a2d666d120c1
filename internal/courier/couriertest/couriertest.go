// Package couriertest helps tests that need a courier.
package couriertest

import (
	"cmp"
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"leadrelay/internal/config"
	"leadrelay/internal/courier"
	"leadrelay/internal/store"
)

// WithDefaults returns the options with the defaults of the settings for those
// that are zero.
func WithDefaults(opt courier.Options) courier.Options {
	def := defaults()
	opt.Timeout = cmp.Or(opt.Timeout, def.Timeout)
	opt.MaxListLag = cmp.Or(opt.MaxListLag, def.MaxListLag)
	opt.Deadline = cmp.Or(opt.Deadline, def.Deadline)
	opt.Rate = cmp.Or(opt.Rate, def.Rate)
	opt.Concurrency = cmp.Or(opt.Concurrency, def.Concurrency)
	opt.Probe = cmp.Or(opt.Probe, def.Probe)
	if len(opt.Schedule) == 0 {
		opt.Schedule = def.Schedule
	}
	return opt
}

// Options returns the defaults of the settings.
func Options() courier.Options { return WithDefaults(courier.Options{}) }

// defaults loads the settings once. They are what an operator gets who sets only
// what is required.
var defaults = sync.OnceValue(func() config.Courier {
	cfg, err := config.Load(map[string]string{"LEADRELAY_SOURCE": "casas.mx", "EASYBROKER_API_KEY": "k3y"}, config.Open)
	if err != nil {
		panic(err)
	}
	return cfg.Courier
})

// Bubble runs the test in virtual time, beside other tests.
func Bubble(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		// Noon of a day on which remote ids are what they will be.
		time.Sleep(time.Until(time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)))
		test(t)
	})
}

// OpenStore opens an empty store in a directory of the test's own. The caller
// closes it.
func OpenStore(t *testing.T) *store.Store {
	t.Helper()
	path := filepath.Join(Folder(t), "leads.db")
	require.NoError(t, os.WriteFile(path, emptyDatabase(), 0o600))
	s, err := store.Open(t.Context(), path)
	require.NoError(t, err)
	return s
}

// Folder is one of the test's own, in memory where there is such a place: nobody cuts
// the power here, so waiting for a disk proves nothing.
func Folder(t *testing.T) string {
	t.Helper()
	folder, err := os.MkdirTemp("/dev/shm", "leadrelay-test-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(folder)) })
	return folder
}

// Main runs the tests of a package, and finds goroutines that they leave behind.
func Main(m goleak.TestingM) {
	emptyDatabase() // outside any bubble
	goleak.VerifyTestMain(m)
}

// emptyDatabase makes a database once. To open a copy takes half of the time.
var emptyDatabase = sync.OnceValue(func() []byte {
	dir, err := os.MkdirTemp("", "courier")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	path := filepath.Join(dir, "leads.db")
	s, err := store.Open(context.Background(), path)
	if err == nil {
		err = s.Close()
	}
	if err != nil {
		panic(err)
	}
	database, err := os.ReadFile(path) //nolint:gosec // a path of our own
	if err != nil {
		panic(err)
	}
	return database
})
