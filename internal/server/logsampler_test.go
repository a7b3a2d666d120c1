package server_test

import (
	"fmt"
	"net/http"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
)

// refusing answers /{status} with that status.
func refusing(level zerolog.Level) *stage {
	s := newStage(level)
	s.HandleFunc("/{status}", func(w http.ResponseWriter, r *http.Request) {
		status, _ := strconv.Atoi(chi.URLParam(r, "status"))
		w.WriteHeader(status)
	})
	return s
}

// statuses returns the number of log lines with a message, by status.
func statuses(t *testing.T, s *stage, message string) map[float64]float64 {
	t.Helper()
	counts := map[float64]float64{}
	for _, line := range s.log.all(t) {
		if line["message"] == message {
			n := 1.
			if left, ok := line["requests"].(float64); ok {
				n = left
			}
			counts[line["status"].(float64)] += n
		}
	}
	return counts
}

// A flood gets a few lines per second and the number of lines left out. The counters
// are exact.
func TestAFloodIsSampledInTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const seconds, each = 20, 1000
		s := refusing(zerolog.InfoLevel)
		for range seconds {
			for range each {
				s.ask("GET", "/429")
			}
			time.Sleep(time.Second)
			synctest.Wait()
		}
		require.Equal(t, map[float64]float64{429: seconds * 10}, statuses(t, s, "request"))
		require.Equal(t, map[float64]float64{429: seconds * (each - 10)}, statuses(t, s, "requests not logged"))
		require.Len(t, s.log.all(t), seconds*(10+1))
		require.Equal(t, []string{`leadrelay_http_requests_total{door="public",method="GET",route="/{status}",status="429"} 20000`},
			s.series(t, "leadrelay_http_requests_total"))
		last := s.log.all(t)[10]
		delete(last, "request_id")
		require.Equal(t, map[string]any{"level": "warn", "door": "public", "status": 429., "requests": each - 10., "message": "requests not logged"}, last)
	})
}

// Requests that succeed have no rate limit: files, forms, preflights, and repeats of
// one inquiry. A flood of them writes at most 40 kB per second into the log.
func TestAFloodOfWhatIsAnsweredIsSampledToo(t *testing.T) {
	for _, status := range []float64{200, 202, 204, 303, 304, 500, 503} {
		synctest.Test(t, func(t *testing.T) {
			const seconds, each = 5, 1000
			s := refusing(zerolog.InfoLevel)
			for range seconds {
				for range each {
					s.ask("POST", fmt.Sprintf("/%v", status))
				}
				time.Sleep(time.Second)
				synctest.Wait()
			}
			require.Equal(t, map[float64]float64{status: seconds * 100}, statuses(t, s, "request"))
			require.Equal(t, map[float64]float64{status: seconds * (each - 100)}, statuses(t, s, "requests not logged"))
			require.Less(t, len(s.log.String()), seconds*40_000)
		})
	}
}

// With a hundred visitors per second, each request has a line.
func TestAllOfABusyDayIsLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := refusing(zerolog.InfoLevel)
		for range 3000 {
			s.ask("POST", "/202")
			s.ask("GET", "/200")
			time.Sleep(time.Second/100 + time.Microsecond)
		}
		require.Equal(t, map[float64]float64{202: 3000, 200: 3000}, statuses(t, s, "request"))
		require.Len(t, s.log.all(t), 6000)
	})
}

// The number of lines left out is logged even if no other request comes.
func TestTheEndOfAFloodIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := refusing(zerolog.InfoLevel)
		for range 12 {
			s.ask("GET", "/429")
		}
		require.Len(t, s.log.all(t), 10)
		time.Sleep(time.Second)
		synctest.Wait()
		require.Equal(t, map[float64]float64{429: 2}, statuses(t, s, "requests not logged"))
		time.Sleep(time.Hour)
		require.Len(t, s.log.all(t), 11, "nothing to tell, no line")
	})
}

// A flood of one status leaves out no lines of others.
func TestAFloodTakesNoLineFromOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := refusing(zerolog.InfoLevel)
		for range 100 {
			s.ask("GET", "/429")
		}
		for range 9 {
			s.ask("GET", "/422")
		}
		for range 100 {
			s.ask("GET", "/200")
			s.ask("GET", "/303")
			s.ask("GET", "/503")
		}
		require.Equal(t, map[float64]float64{429: 10, 422: 9, 200: 100, 303: 100, 503: 100}, statuses(t, s, "request"))
		time.Sleep(time.Second)
		synctest.Wait()
		require.Equal(t, map[float64]float64{429: 90}, statuses(t, s, "requests not logged"))
	})
}

// A few refusals per second, as on any day, all have a line.
func TestFewRefusalsAreAllLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := refusing(zerolog.InfoLevel)
		for range 300 {
			s.ask("GET", "/429")
			time.Sleep(101 * time.Millisecond)
		}
		require.Equal(t, map[float64]float64{429: 300}, statuses(t, s, "request"))
		require.Len(t, s.log.all(t), 300)
	})
}
