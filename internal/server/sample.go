package server

import (
	"net/http"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

// mostRefused is how many lines a second the log takes of each status with
// which a client is refused, and mostServed of each other status: no agency has as
// many. A flood must not fill the disk of who is flooded; the metrics count all.
const (
	mostRefused = 10
	mostServed  = 100
)

// sampling lets some of a door's requests into the log, and then tells how many
// it left out. One status takes no place from another.
type sampling struct {
	log     zerolog.Logger
	mu      sync.Mutex
	written map[int]int // in this second, by status
	left    map[int]int
}

func newSampling(log zerolog.Logger) *sampling {
	return &sampling{log: log, written: map[int]int{}, left: map[int]int{}}
}

// takes reports whether a request with this status has a line of its own. Status 0
// is no answer: the client has gone, or we have hung up on it.
func (s *sampling) takes(status int) bool {
	most := mostRefused
	if status >= http.StatusOK && status < http.StatusBadRequest || status >= http.StatusInternalServerError {
		most = mostServed
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.written[status] == 0 {
		time.AfterFunc(time.Second, func() { s.tell(status) })
	}
	if s.written[status] == most {
		s.left[status]++
		return false
	}
	s.written[status]++
	return true
}

// tell ends the second that a status has had.
func (s *sampling) tell(status int) {
	s.mu.Lock()
	left := s.left[status]
	delete(s.written, status)
	delete(s.left, status)
	s.mu.Unlock()
	if left > 0 {
		s.log.Warn().Int("status", status).Int("requests", left).Msg("requests not logged")
	}
}
