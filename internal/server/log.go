package server

import (
	"bytes"
	"io"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

// maxQueuedBytes bounds the lines that wait for a slow reader.
const maxQueuedBytes = 1 << 20

// NewLog returns a logger that a full or closed pipe does not block, and a function
// that writes what is left. If the reader is too slow, lines are dropped. Their number
// is logged as soon as it reads again.
func NewLog(w io.Writer, level zerolog.Level) (logger zerolog.Logger, flush func()) {
	const patience = time.Second
	q := &lineQueue{more: make(chan struct{}, 1), stop: make(chan struct{})}
	done := make(chan struct{})
	go func() { defer close(done); q.writeTo(w) }()
	logger = zerolog.New(q).Level(level).With().Timestamp().Logger()
	return logger, sync.OnceFunc(func() {
		close(q.stop)
		select {
		case <-done:
		case <-time.After(patience): // nobody reads, and the process must stop
		}
	})
}

// lineQueue keeps log lines for a writer that may block.
type lineQueue struct {
	mu      sync.Mutex
	lines   []byte // waiting
	dropped int64

	more chan struct{} // holds a token while lines wait
	stop chan struct{} // closed when the rest is to be written
}

// Write queues a line, or drops and counts it. It never blocks.
func (q *lineQueue) Write(line []byte) (int, error) {
	q.mu.Lock()
	if len(q.lines)+len(line) > maxQueuedBytes {
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

// writeTo writes waiting lines until the queue is stopped. It ignores errors, because
// there is nowhere to report them.
func (q *lineQueue) writeTo(w io.Writer) {
	var lines []byte
	for stopped := false; !stopped; {
		select {
		case <-q.more:
		case <-q.stop:
			stopped = true
		}
		var dropped int64
		lines, dropped = q.swap(lines[:0])
		if dropped > 0 { // while these lines waited, so it comes after them
			lines = append(lines, droppedLine(dropped)...)
		}
		if len(lines) > 0 {
			_, _ = w.Write(lines)
		}
	}
}

// swap returns the waiting lines and replaces them by an empty buffer.
func (q *lineQueue) swap(empty []byte) (lines []byte, dropped int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	lines, dropped = q.lines, q.dropped
	q.lines, q.dropped = empty, 0
	return lines, dropped
}

// droppedLine returns the line that reports dropped lines.
func droppedLine(n int64) []byte {
	var line bytes.Buffer
	logger := zerolog.New(&line)
	logger.Warn().Int64("dropped", n).Timestamp().Msg("log lines dropped")
	return line.Bytes()
}
