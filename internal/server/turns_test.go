package server_test

import (
	"net/http"
	"net/http/httptest"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/server"
)

// takeAll takes all turns and returns one of their ends.
func takeAll(t *testing.T, turns *server.Turns) (end func()) {
	t.Helper()
	for range max(1, runtime.GOMAXPROCS(0)/2) {
		var ok bool
		end, ok = turns.Take(httptest.NewRequest(http.MethodGet, "/", nil))
		require.True(t, ok)
	}
	return end
}

func TestTurnsAreTakenInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := server.NewTurns()
		end := takeAll(t, turns)
		came := make(chan int, 3)
		for i := range 3 {
			go func() {
				end, ok := turns.Take(httptest.NewRequest(http.MethodGet, "/", nil))
				if ok {
					came <- i
					end()
				}
			}()
			synctest.Wait()
		}
		require.Empty(t, came)
		end()
		synctest.Wait()
		require.Equal(t, []int{0, 1, 2}, []int{<-came, <-came, <-came})
	})
}

func TestATurnIsNotWaitedForForever(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := server.NewTurns()
		takeAll(t, turns)
		begun := time.Now()
		_, ok := turns.Take(httptest.NewRequest(http.MethodGet, "/", nil))
		require.False(t, ok)
		require.Equal(t, 2*time.Second, time.Since(begun))
	})
}

// Those who wait for a turn fill the door. They make room for who needs none, and
// whose turn it is does not.
func TestWhoWaitsForATurnMakesRoom(t *testing.T) {
	turns := server.NewTurns()
	end := takeAll(t, turns)
	var waiting, aborted atomic.Int32
	var shown atomic.Bool
	b := quick()
	b.Connections, b.MinAge = 9, time.Millisecond // room for three requests
	d := open(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/page" {
			ok(w, r)
			return
		}
		waiting.Add(1)
		defer func() {
			if what := recover(); what != nil {
				aborted.Add(1)
				panic(what)
			}
		}()
		if end, isTurn := turns.Take(r); isTurn {
			shown.Store(true)
			end()
		}
	}), b)
	for i := range 3 {
		dial(t, d.Addr()).send("GET /page HTTP/1.1\r\nHost: x\r\n\r\n")
		require.Eventually(t, func() bool { return int(waiting.Load()) == i+1 }, patience, time.Millisecond)
	}
	require.Contains(t, say(t, d.Addr(), "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"), " 200 ")
	require.Eventually(t, func() bool { return aborted.Load() == 1 }, patience, time.Millisecond)
	require.False(t, shown.Load())
	end()
	require.Eventually(t, shown.Load, patience, time.Millisecond)
}
