package flood_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// The most that a site can take in a day: each lead of a sender who was never here,
// who has room of his own, and each as large as a lead can be. How much of the disk
// that is, the door's TestTheDiskTakesWhatTheGateCounts says.
func TestADayOfBytesOfNewSenders(t *testing.T) {
	if testing.Short() {
		t.Skip("it has nothing to race with")
	}
	synctest.Test(t, func(t *testing.T) {
		const each, large, bare, row, most = time.Second / 2, 13_000, 12_000, 1500, 1_100_000_000
		g, kept, refused := usual(), 0, 0
		for i := range int(24 * time.Hour / each) {
			l := one(number6(i), i)
			l.Bytes, l.Bare = large, bare
			switch s := g.Take(l); {
			case s.Wait > 0:
				refused++
			case s.Bare:
				kept += bare + row
			default:
				kept += large + row
			}
			time.Sleep(each)
		}
		t.Logf("%d MB, %d refused", kept/1_000_000, refused)
		require.Less(t, kept, most)
		require.Positive(t, refused)
	})
}
