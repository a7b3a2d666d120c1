package server

import (
	"bytes"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
)

// mostLines bounds what waits for a reader that does not keep up.
const mostLines = 4096

// NewLog returns a logger that neither a full nor a closed pipe can stop, and
// a function that writes what is left. While the reader does not keep up, lines
// are dropped; their number is logged when it reads again.
func NewLog(w io.Writer, level zerolog.Level) (logger zerolog.Logger, flush func()) {
	const patience = time.Second
	q := &queue{lines: make(chan []byte, mostLines), stop: make(chan struct{})}
	done := make(chan struct{})
	go func() { defer close(done); q.writeTo(w) }()
	logger = zerolog.New(q).Level(level).With().Timestamp().Logger()
	return logger, sync.OnceFunc(func() {
		close(q.stop)
		select {
		case <-done:
		case <-time.After(patience): // nobody reads; nothing is worth a frozen stop
		}
	})
}

// queue stands between those who log and a writer that may block.
type queue struct {
	lines   chan []byte
	stop    chan struct{} // closed when no more than what waits is to be written
	dropped atomic.Int64
}

// Write takes a line, or counts it as dropped. It never waits.
func (q *queue) Write(line []byte) (int, error) {
	select {
	case q.lines <- bytes.Clone(line): // the logger uses its own again
	default:
		q.dropped.Add(1)
	}
	return len(line), nil
}

// writeTo writes until the stop. A line is only dropped while others wait, so
// the next one to be written is the place to say so.
func (q *queue) writeTo(w io.Writer) {
	for line, ok := q.next(); ok; line, ok = q.next() {
		if n := q.dropped.Swap(0); n > 0 {
			_, _ = w.Write(loss(n))
		}
		_, _ = w.Write(line) // a log that cannot be written has nowhere to say so
	}
}

// next waits for a line; after the stop it returns false when there is none.
func (q *queue) next() (line []byte, ok bool) {
	select {
	case line = <-q.lines:
		return line, true
	case <-q.stop:
	}
	select {
	case line = <-q.lines:
		return line, true
	default:
		return nil, false
	}
}

func loss(n int64) []byte {
	var line bytes.Buffer
	logger := zerolog.New(&line)
	logger.Warn().Int64("dropped", n).Timestamp().Msg("log lines dropped")
	return line.Bytes()
}
