package spam_test

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/spam"
)

const long = "Somos una empresa líder y queremos saludar a su distinguida clientela"

func TestEchoes(t *testing.T) {
	var e spam.Echoes
	for i := range 5 {
		require.Equal(t, i, e.Seen(long, noon.Add(time.Duration(i)*time.Minute)))
	}
	require.Equal(t, 5, e.Seen("SOMOS una empresa lider,\ny queremos saludar a su distinguida clientela!", noon.Add(59*time.Minute)), "only its dress is another")
	require.Zero(t, e.Seen(long+" 2", noon), "another text")
	require.Zero(t, e.Seen(long, noon.Add(time.Hour)), "an hour is over")
	require.Equal(t, 1, e.Seen(long, noon.Add(time.Hour+time.Minute)))
}

func TestShortTextsAreNoEchoes(t *testing.T) {
	var e spam.Echoes
	for range 5 {
		for _, text := range []string{"", "?", "me interesa", "Hola, me interesa. ¿Sigue disponible?", "🏠🏠🏠🏠🏠🏠🏠🏠🏠🏠🏠🏠🏠🏠🏠🏠🏠🏠🏠🏠🏠🏠🏠🏠🏠🏠🏠🏠🏠🏠🏠🏠🏠🏠🏠🏠🏠🏠🏠🏠🏠🏠🏠"} {
			require.Zero(t, e.Seen(text, noon), text)
		}
	}
	require.Zero(t, e.Remembered())
}

// A clock that is set back must not forget a flood.
func TestEchoesOutliveAClockSetBack(t *testing.T) {
	var e spam.Echoes
	e.Seen(long, noon)
	require.Equal(t, 1, e.Seen(long, noon.Add(-3*time.Hour)))
}

func TestEchoesAreBounded(t *testing.T) {
	var e spam.Echoes
	before := heap()
	for i := range 10 * spam.MostEchoes {
		e.Seen(fmt.Sprint(long, i), noon)
	}
	require.LessOrEqual(t, e.Remembered(), 2*spam.MostEchoes)
	require.Less(t, heap()-before, int64(2<<20))
	require.Equal(t, 1, e.Seen(fmt.Sprint(long, 10*spam.MostEchoes-1), noon), "the young generation is full, not forgotten")
}

// A text that keeps coming is remembered however many others come between.
func TestAnEchoOutlivesItsGeneration(t *testing.T) {
	var e spam.Echoes
	e.Seen(long, noon)
	for i := range spam.MostEchoes {
		e.Seen(fmt.Sprint(long, i), noon)
	}
	require.Equal(t, 1, e.Seen(long, noon))
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func TestEchoesOfManyAtOnce(t *testing.T) {
	const each, many = 100, 8
	var e spam.Echoes
	var sum atomic.Int64
	var wg sync.WaitGroup
	for range many {
		wg.Go(func() {
			for range each {
				sum.Add(int64(e.Seen(long, noon)))
			}
		})
	}
	wg.Wait()
	const n = each * many
	require.EqualValues(t, n*(n-1)/2, sum.Load(), "each count is given once")
}
