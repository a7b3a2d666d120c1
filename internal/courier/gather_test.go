package courier

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// newGatherer returns one that asks in rounds of a second, and notes them.
func newGatherer(rounds *[]string) *gatherer[string, string] {
	return &gatherer[string, string]{
		moment: 100 * time.Millisecond, timeout: 2 * time.Second, order: strings.Compare,
		ask: func(ctx context.Context, all []string) (answers []string, err error) {
			*rounds = append(*rounds, strings.Join(all, " "))
			select {
			case <-time.After(time.Second):
			case <-ctx.Done():
			}
			for _, q := range all {
				if q == "hang" {
					<-ctx.Done()
					return nil, ctx.Err()
				}
				if q == "fail" {
					return nil, errors.New("away")
				}
				answers = append(answers, q+"!")
			}
			return answers, nil
		},
	}
}

func TestManyAskAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var rounds []string
		g := newGatherer(&rounds)
		var all sync.WaitGroup
		ask := func(q, want string) {
			all.Go(func() {
				got, err := g.one(t.Context(), q)
				assert.Equal(t, want, strings.TrimSpace(fmt.Sprint(got, on(err))))
			})
		}
		for _, q := range []string{"c", "a", "b"} {
			ask(q, q+"!")
		}
		time.Sleep(500 * time.Millisecond) // their round has begun
		ask("d", "away")
		ask("fail", "away")
		time.Sleep(time.Second)
		ask("hang", "context deadline exceeded")
		time.Sleep(3 * time.Second)
		ask("e", "e!")
		all.Wait()
		g.rounds.Wait()
		require.Equal(t, []string{"a b c", "d fail", "hang", "e"}, rounds)
	})
}

func on(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// A crowd is asked for in several rounds, without a pause between them.
func TestACrowdAsksInRounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const crowd = 2*maxTogether + 1
		var rounds []string
		g := newGatherer(&rounds)
		var all sync.WaitGroup
		for i := range crowd {
			all.Go(func() {
				got, err := g.one(t.Context(), fmt.Sprint(i))
				assert.NoError(t, err)
				assert.Equal(t, fmt.Sprintf("%d!", i), got)
			})
		}
		began := time.Now()
		all.Wait()
		require.Len(t, rounds, 3)
		require.LessOrEqual(t, time.Since(began), 3*time.Second+2*g.moment)
	})
}

// Who leaves before the round is not asked for. Who leaves during it learns how it ended.
func TestWhoLeavesIsNotAskedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var rounds []string
		g := newGatherer(&rounds)
		for _, leaves := range []time.Duration{50 * time.Millisecond, 150 * time.Millisecond} {
			ctx, cancel := context.WithTimeout(t.Context(), leaves)
			got, err := g.one(ctx, leaves.String())
			cancel()
			if leaves < g.moment {
				require.ErrorIs(t, err, context.DeadlineExceeded)
			} else {
				require.NoError(t, err)
				require.Equal(t, "150ms!", got)
			}
			g.rounds.Wait()
		}
		require.Equal(t, []string{"150ms"}, rounds)
	})
}
