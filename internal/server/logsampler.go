package server

import (
	"net/http"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

// The largest number of lines per second in the log, for each status. More requests
// than that come only in a flood, which must not fill the disk. The metrics count all
// requests.
const (
	maxRefused = 10 // lines for a status that refuses a client
	maxServed  = 100
)

// logSampler limits the lines that a door's requests write into the log, and logs how
// many it left out. Each status has its own limit.
type logSampler struct {
	log     zerolog.Logger
	mu      sync.Mutex
	written map[int]int // in the current second, by status
	omitted map[int]int
}

func newLogSampler(log zerolog.Logger) *logSampler {
	return &logSampler{log: log, written: map[int]int{}, omitted: map[int]int{}}
}

// allow reports whether a request with this status is logged. Status 0 means that
// there was no answer, because the client or we closed the connection.
func (s *logSampler) allow(status int) bool {
	limit := maxRefused
	if status >= http.StatusOK && status < http.StatusBadRequest || status >= http.StatusInternalServerError {
		limit = maxServed
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.written[status] == 0 {
		time.AfterFunc(time.Second, func() { s.endSecond(status) })
	}
	if s.written[status] == limit {
		s.omitted[status]++
		return false
	}
	s.written[status]++
	return true
}

// endSecond starts a new second for a status, and logs how many lines were left out.
func (s *logSampler) endSecond(status int) {
	s.mu.Lock()
	omitted := s.omitted[status]
	delete(s.written, status)
	delete(s.omitted, status)
	s.mu.Unlock()
	if omitted > 0 {
		s.log.Warn().Int("status", status).Int("requests", omitted).Msg("requests not logged")
	}
}
