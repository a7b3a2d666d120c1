package torture_test

import (
	"cmp"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/courier/couriertest"
)

// TestSimulation lets months pass for each of many seeds, with the real store
// and the real courier, and with much that goes wrong.
//
// LEADRELAY_SEEDS says how many seeds (`make torture` has 10,000, and -short a few); LEADRELAY_SEED=n runs that
// one alone and tells its story.
func TestSimulation(t *testing.T) {
	if one := os.Getenv("LEADRELAY_SEED"); one != "" {
		seed, err := strconv.ParseUint(one, 10, 64)
		require.NoError(t, err)
		violations, story := simulate(t, seed, simSabotage{}, true)
		t.Log("\n" + strings.Join(story, "\n"))
		require.Empty(t, violations)
		return
	}
	workers := runtime.GOMAXPROCS(0)
	for worker := range workers {
		t.Run(fmt.Sprint("worker ", worker), func(t *testing.T) {
			t.Parallel()
			for seed := worker; seed < simSeeds(t); seed += workers {
				simulateOne(t, uint64(seed))
			}
		})
	}
}

// Each of these worlds once broke a rule: a process stood still between an intent
// and its POST, and what then left arrived after a list had been believed.
func TestWorldsThatBrokeARule(t *testing.T) {
	for n, seed := range []uint64{2568, 4527, 6796, 7917, 8344, 9083} {
		if !isLeftOut(n) {
			simulateOne(t, seed)
		}
	}
}

func simSeeds(t *testing.T) int {
	t.Helper()
	usual := "40"
	if testing.Short() {
		usual = "4"
	}
	n, err := strconv.Atoi(cmp.Or(os.Getenv("LEADRELAY_SEEDS"), usual))
	require.NoError(t, err)
	return n
}

// simulateOne tells how to run a seed again that fails.
func simulateOne(t *testing.T, seed uint64) {
	t.Helper()
	violations, _ := simulate(t, seed, simSabotage{}, false)
	for _, v := range violations {
		t.Errorf("%s\n\tLEADRELAY_SEED=%d go test -run TestSimulation ./internal/e2e/torture", v, seed)
	}
}

// simulate runs a seed in a bubble of its own.
func simulate(t *testing.T, seed uint64, sabotage simSabotage, tracing bool) (violations []simViolation, story []string) {
	t.Helper()
	return simulatePlan(t, newSimPlan(seed), sabotage, tracing)
}

func simulatePlan(t *testing.T, plan simPlan, sabotage simSabotage, tracing bool) (violations []simViolation, story []string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newSimWorld(couriertest.Folder(t), plan, sabotage, tracing)
		if w.isShared() {
			makeShared(t, w.path)
		}
		violations = w.run()
		// What happens at the same instant has no order of its own.
		slices.SortStableFunc(w.trace, func(a, b simLine) int {
			return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.id, b.id), strings.Compare(a.text, b.text))
		})
		for _, line := range w.trace {
			story = append(story, line.String())
		}
	})
	return violations, story
}

// TestASeedReplaysExactly compares the whole story of a seed with itself.
func TestASeedReplaysExactly(t *testing.T) {
	if testing.Short() {
		t.Skip("what races is found by the others")
	}
	t.Parallel()
	for seed := range uint64(10) {
		_, once := simulate(t, seed, simSabotage{}, true)
		_, again := simulate(t, seed, simSabotage{}, true)
		require.NotEmpty(t, once)
		require.Equal(t, once, again)
	}
}
