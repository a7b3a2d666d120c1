package store

import (
	"context"
	"database/sql"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strconv"
	"sync/atomic"
)

// commitCount tells whether the database file is still the one that we write into.
// Whoever copies a backup over it leaves its place and its size as they are, and
// SQLite does not notice: it goes on to mix the log with the backup.
//
// Each commit raises a number in the database's header by one, and a checkpoint
// copies it into the file. So the number in the file never falls, and is never above
// that of the last commit. A backup has an earlier one, and another database any
// other, because each begins somewhere else.
type commitCount struct {
	file   *os.File // open for as long as SQLite's own: see [openLog]
	last   atomic.Uint32
	inFile atomic.Uint32 // when we last looked
	wrong  atomic.Bool   // for good: a checkpoint may write over what we saw
}

// countAt is where a file has the number: SQLite's user_version, which is for
// applications (sqlite.org/fileformat2.html#user_version_number).
const (
	countAt   = 60
	countSize = 4
)

func watchCount(ctx context.Context, path string, db *sql.DB) (*commitCount, error) {
	var last int32
	if err := db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&last); err != nil {
		return nil, fmt.Errorf("database: %w", err)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("database: %w", err)
	}
	c := &commitCount{file: f}
	c.last.Store(uint32(last)) //nolint:gosec // all 32 bits count
	inFile, _ := c.read()
	c.inFile.Store(inFile)
	if last == uncounted {
		c.last.Store(rand.Uint32()) // hardly two databases begin alike
	}
	return c, nil
}

// uncounted is the number of a database that has not begun to count.
const uncounted = 0

// raise raises the number, as part of a transaction.
func (c *commitCount) raise(tx *writeTx) error {
	next := int32(c.last.Add(1)) //nolint:gosec // all 32 bits count
	if next == uncounted {
		next = int32(c.last.Add(1)) //nolint:gosec // as above
	}
	_, err := tx.Exec("PRAGMA user_version = " + strconv.Itoa(int(next)))
	return err
}

// isWrong reports whether the number in the file was ever one that we did not write.
func (c *commitCount) isWrong() bool {
	// SQLite may be writing the number as we read it.
	if !c.wrong.Load() && c.seesWrong() && c.seesWrong() {
		c.wrong.Store(true)
	}
	return c.wrong.Load()
}

func (c *commitCount) seesWrong() bool {
	before := c.inFile.Load()
	n, ok := c.read()
	if last := c.last.Load(); !ok || !isBetween(before, n, last) {
		return true
	}
	c.inFile.CompareAndSwap(before, n)
	return false
}

// isBetween reports whether n is not before the first number and not after the last.
// The numbers go round.
func isBetween(first, n, last uint32) bool { return n-first <= last-first }

// read returns the number in the file. A file that has none is cut.
func (c *commitCount) read() (n uint32, ok bool) { return readCount(c.file) }

func readCount(file io.ReaderAt) (n uint32, ok bool) {
	b := make([]byte, countSize)
	_, err := file.ReadAt(b, countAt)
	return binary.BigEndian.Uint32(b), err == nil
}

func (c *commitCount) close() error { return c.file.Close() }
