package store

import (
	"errors"
	"os"
	"sync/atomic"
)

// openLog watches the content of the log while SQLite has it open. Who cuts a log
// leaves its place in the folder as it is, and SQLite does not notice: it goes on
// behind the gap, and later copies the zeros of the gap into the database.
//
// SQLite locks the index, and closing any descriptor of it gives up these locks.
// So both files stay open for as long as SQLite's own.
type openLog struct {
	log, shm *os.File
	cut      atomic.Bool // for good: a commit may fill the gap with zeros
}

func watchLog(database string) (l *openLog, err error) {
	l = &openLog{}
	if l.log, err = os.Open(database + "-wal"); err != nil {
		return nil, err
	}
	if l.shm, err = os.Open(database + "-shm"); err != nil {
		return nil, errors.Join(err, l.log.Close())
	}
	return l, nil
}

func (l *openLog) close() error { return errors.Join(l.log.Close(), l.shm.Close()) }

// index returns a zero index while SQLite writes it.
func (l *openLog) index() logIndex {
	b := make([]byte, indexSize)
	if _, err := l.shm.ReadAt(b, 0); err != nil {
		return logIndex{}
	}
	return parseLogIndex(b)
}

// isCut reports whether the log has ever been shorter than its index says. The log
// may shrink while the index says that it has no more: another program can make a
// checkpoint that truncates it.
func (l *openLog) isCut() bool {
	if l.cut.Load() {
		return true
	}
	x := l.index()
	info, err := l.log.Stat()
	if err != nil || info.Size() >= x.logBytes() {
		return false
	}
	if l.index() == x { // it did not change meanwhile
		l.cut.Store(true)
	}
	return l.cut.Load()
}

// noteCommit lets the writer look at the log after a commit. A commit fills a log
// that was cut up to its former size, but the log's header stays away. Only the
// writer can tell: a commit that begins a log anew writes the header before the index.
func (l *openLog) noteCommit() {
	x := l.index()
	if x.frames == 0 {
		return
	}
	head := make([]byte, logHeader)
	_, err := l.log.ReadAt(head, 0)
	_, ok := readLogHeader(head)
	if isOurs := err == nil && ok && salt(head[16:24]) == x.salt; !isOurs && l.index() == x { // no other program wrote meanwhile
		l.cut.Store(true)
	}
}
