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

// senders are as many as there were posts.
var senders atomic.Int64

// seen is a post of somebody new.
func seen(e *spam.Echoes, text string, now time.Time) int {
	n := senders.Add(1)
	return e.Seen("casas", text, spam.Sender{Mail: fmt.Sprintf("%d@ejemplo.mx", n), Net: fmt.Sprint(n)}, now)
}

// A text that floods one site says nothing of another's visitors,
// and one sender is one, however many addresses he has.
func TestEchoesCountSendersOfASite(t *testing.T) {
	e := spam.NewEchoes()
	for range 12 {
		seen(e, long, noon)
	}
	require.Zero(t, e.Seen("homes", long, spam.Sender{Mail: "ana@ejemplo.mx"}, noon))

	e = spam.NewEchoes()
	for i := range 12 {
		require.Zero(t, e.Seen("casas", long, spam.Sender{Mail: "ana@ejemplo.mx", Net: fmt.Sprint(i)}, noon), "a visitor who asks about many properties")
		require.Zero(t, e.Seen("casas", long, spam.Sender{Mail: fmt.Sprint(i), Net: "0"}, noon), "a robot in one network, or an office")
	}
	require.Equal(t, 1, e.Seen("casas", long, spam.Sender{Mail: "eva@ejemplo.mx"}, noon))
}

func TestATextThatAFormComesWithIsNoEcho(t *testing.T) {
	e := spam.NewEchoes(long)
	for range 12 {
		require.Zero(t, seen(e, "\n"+long+"!", noon))
	}
	require.Zero(t, e.Remembered())
}

func TestEchoes(t *testing.T) {
	e := spam.NewEchoes()
	for i := range 5 {
		require.Equal(t, i, seen(e, long, noon.Add(time.Duration(i)*time.Minute)))
	}
	require.Equal(t, 5, seen(e, "SOMOS una empresa lider,\ny queremos saludar a su distinguida clientela!", noon.Add(59*time.Minute)), "only its dress is another")
	require.Zero(t, seen(e, long+" 2", noon), "another text")
	require.Zero(t, seen(e, long, noon.Add(time.Hour)), "an hour is over")
	require.Equal(t, 1, seen(e, long, noon.Add(time.Hour+time.Minute)))
}

func TestShortTextsAreNoEchoes(t *testing.T) {
	e := spam.NewEchoes()
	for range 5 {
		for _, text := range []string{"", "?", "me interesa", "Hola, me interesa. ¿Sigue disponible?", "🏠🏠🏠🏠🏠🏠🏠🏠🏠🏠🏠🏠🏠🏠🏠🏠🏠🏠🏠🏠🏠🏠🏠🏠🏠🏠🏠🏠🏠🏠🏠🏠🏠🏠🏠🏠🏠🏠🏠🏠🏠🏠🏠"} {
			require.Zero(t, seen(e, text, noon), text)
		}
	}
	require.Zero(t, e.Remembered())
}

// A clock that is set back must not forget a flood.
func TestEchoesOutliveAClockSetBack(t *testing.T) {
	e := spam.NewEchoes()
	seen(e, long, noon)
	require.Equal(t, 1, seen(e, long, noon.Add(-3*time.Hour)))
}

func TestEchoesAreBounded(t *testing.T) {
	e := spam.NewEchoes()
	before := heap()
	for i := range 10 * spam.MostEchoes {
		seen(e, fmt.Sprint(long, i), noon)
	}
	require.LessOrEqual(t, e.Remembered(), 2*spam.MostEchoes)
	require.Less(t, heap()-before, int64(2<<20))
	require.Equal(t, 1, seen(e, fmt.Sprint(long, 10*spam.MostEchoes-1), noon), "the young generation is full, not forgotten")
}

// A text that keeps coming is remembered however many others come between.
func TestAnEchoOutlivesItsGeneration(t *testing.T) {
	e := spam.NewEchoes()
	seen(e, long, noon)
	for i := range spam.MostEchoes {
		seen(e, fmt.Sprint(long, i), noon)
	}
	require.Equal(t, 1, seen(e, long, noon))
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func TestEchoesOfManyAtOnce(t *testing.T) {
	const each, many = 1, 8
	e := spam.NewEchoes()
	var sum atomic.Int64
	var wg sync.WaitGroup
	for range many {
		wg.Go(func() {
			for range each {
				sum.Add(int64(seen(e, long, noon)))
			}
		})
	}
	wg.Wait()
	const n = each * many
	require.EqualValues(t, n*(n-1)/2, sum.Load(), "each count is given once")
}
