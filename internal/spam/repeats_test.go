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

// senders is how many new senders have posted.
var senders atomic.Int64

// count counts a post of a new sender.
func count(c *spam.RepeatCounter, text string, now time.Time) int {
	n := senders.Add(1)
	return c.Count("casas", text, spam.Sender{Email: fmt.Sprintf("%d@ejemplo.mx", n), Network: fmt.Sprint(n)}, now)
}

// A text that floods one site says nothing about the visitors of another. One
// sender counts once, however many addresses it has.
func TestRepeatsAreCountedBySiteAndSender(t *testing.T) {
	c := spam.NewRepeatCounter()
	for range 12 {
		count(c, long, noon)
	}
	require.Zero(t, c.Count("homes", long, spam.Sender{Email: "ana@ejemplo.mx"}, noon))

	c = spam.NewRepeatCounter()
	for i := range 12 {
		require.Zero(t, c.Count("casas", long, spam.Sender{Email: "ana@ejemplo.mx", Network: fmt.Sprint(i)}, noon), "a visitor who asks about many properties")
		require.Zero(t, c.Count("casas", long, spam.Sender{Email: fmt.Sprint(i), Network: "0"}, noon), "a robot in one network, or an office")
	}
	require.Equal(t, 1, c.Count("casas", long, spam.Sender{Email: "eva@ejemplo.mx"}, noon))
}

func TestATextThatAFormStartsWithIsNoRepeat(t *testing.T) {
	c := spam.NewRepeatCounter(long)
	for range 12 {
		require.Zero(t, count(c, "\n"+long+"!", noon))
	}
	require.Zero(t, c.Remembered())
}

func TestRepeats(t *testing.T) {
	c := spam.NewRepeatCounter()
	for i := range 5 {
		require.Equal(t, i, count(c, long, noon.Add(time.Duration(i)*time.Minute)))
	}
	require.Equal(t, 5, count(c, "SOMOS una empresa lider,\ny queremos saludar a su distinguida clientela!", noon.Add(59*time.Minute)), "only case, accents and punctuation differ")
	require.Zero(t, count(c, long+" 2", noon), "another text")
	require.Zero(t, count(c, long, noon.Add(time.Hour)), "an hour is over")
	require.Equal(t, 1, count(c, long, noon.Add(time.Hour+time.Minute)))
}

func TestShortTextsAreNoRepeats(t *testing.T) {
	c := spam.NewRepeatCounter()
	for range 5 {
		for _, text := range []string{"", "?", "me interesa", "Hola, me interesa. ¿Sigue disponible?", "🏠🏠🏠🏠🏠🏠🏠🏠🏠🏠🏠🏠🏠🏠🏠🏠🏠🏠🏠🏠🏠🏠🏠🏠🏠🏠🏠🏠🏠🏠🏠🏠🏠🏠🏠🏠🏠🏠🏠🏠🏠🏠🏠"} {
			require.Zero(t, count(c, text, noon), text)
		}
	}
	require.Zero(t, c.Remembered())
}

// A clock that is set back does not make the counter forget a flood.
func TestRepeatsOutliveAClockSetBack(t *testing.T) {
	c := spam.NewRepeatCounter()
	count(c, long, noon)
	require.Equal(t, 1, count(c, long, noon.Add(-3*time.Hour)))
}

func TestRepeatsAreBounded(t *testing.T) {
	c := spam.NewRepeatCounter()
	before := heap()
	for i := range 10 * spam.MaxTexts {
		count(c, fmt.Sprint(long, i), noon)
	}
	require.LessOrEqual(t, c.Remembered(), 2*spam.MaxTexts)
	require.Less(t, heap()-before, int64(2<<20))
	require.Equal(t, 1, count(c, fmt.Sprint(long, 10*spam.MaxTexts-1), noon), "the young generation is full, and still known")
}

// A text that keeps coming is remembered, however many others come in between.
func TestARepeatOutlivesItsGeneration(t *testing.T) {
	c := spam.NewRepeatCounter()
	count(c, long, noon)
	for i := range spam.MaxTexts {
		count(c, fmt.Sprint(long, i), noon)
	}
	require.Equal(t, 1, count(c, long, noon))
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func TestRepeatsOfManyAtOnce(t *testing.T) {
	const each, many = 1, 8
	c := spam.NewRepeatCounter()
	var sum atomic.Int64
	var wg sync.WaitGroup
	for range many {
		wg.Go(func() {
			for range each {
				sum.Add(int64(count(c, long, noon)))
			}
		})
	}
	wg.Wait()
	const n = each * many
	require.EqualValues(t, n*(n-1)/2, sum.Load(), "each count is given once")
}
