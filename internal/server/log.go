package server

import (
	"bytes"
	"io"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

// mostBytes bounds what waits for a reader that does not keep up.
const mostBytes = 1 << 20

// NewLog returns a logger that neither a full nor a closed pipe can stop, and
// a function that writes what is left. While the reader does not keep up, lines
// are dropped; their number is logged when it reads again.
func NewLog(w io.Writer, level zerolog.Level) (logger zerolog.Logger, flush func()) {
	const patience = time.Second
	q := &queue{more: make(chan struct{}, 1), stop: make(chan struct{})}
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
	mu      sync.Mutex
	lines   []byte // that wait
	dropped int64

	more chan struct{} // holds a token while lines wait
	stop chan struct{} // closed when no more than what waits is to be written
}

// Write takes a line, or counts it as dropped. It never waits for the writer.
func (q *queue) Write(line []byte) (int, error) {
	q.mu.Lock()
	if len(q.lines)+len(line) > mostBytes {
		q.dropped++
	} else {
		q.lines = append(q.lines, line...)
	}
	q.mu.Unlock()
	select {
	case q.more <- struct{}{}:
	default:
	}
	return len(line), nil
}

// writeTo writes all that waits, as often as something does, until the stop. A
// log that cannot be written has nowhere to say so.
func (q *queue) writeTo(w io.Writer) {
	var lines []byte
	for stopped := false; !stopped; {
		select {
		case <-q.more:
		case <-q.stop:
			stopped = true
		}
		var dropped int64
		lines, dropped = q.swap(lines[:0])
		if dropped > 0 { // while these waited, so it stands behind them
			lines = append(lines, loss(dropped)...)
		}
		if len(lines) > 0 {
			_, _ = w.Write(lines)
		}
	}
}

// swap takes what waits and leaves an empty buffer.
func (q *queue) swap(empty []byte) (lines []byte, dropped int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	lines, dropped = q.lines, q.dropped
	q.lines, q.dropped = empty, 0
	return lines, dropped
}

func loss(n int64) []byte {
	var line bytes.Buffer
	logger := zerolog.New(&line)
	logger.Warn().Int64("dropped", n).Timestamp().Msg("log lines dropped")
	return line.Bytes()
}
