package store

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/bits"
	"os"
)

// MissingLogError means that the write-ahead log was not there at the start, and
// its index shows that the log had pages that were nowhere else. A backup that was
// put in place of the database looks the same, so the start goes on.
type MissingLogError struct {
	Path  string // of the log
	Pages uint32
}

func (e *MissingLogError) Error() string {
	return fmt.Sprintf("%s was missing at the start, and its pages (%d) are nowhere else. Unless the database was restored from a backup, "+
		"leads that were taken are lost; if you have that file, keep it as it is, and do not put it back", e.Path, e.Pages)
}

// checkLog checks the write-ahead log before SQLite reads it. SQLite reads up to
// the first bad frame, and takes everything after it for the remains of a power
// cut. Decision 17 says how we tell damage from a power cut. missing is a
// [MissingLogError], with which the start goes on.
func checkLog(path string) (missing, err error) {
	log, err := walkLog(path + "-wal")
	if err != nil {
		return nil, fmt.Errorf("database: %w", err)
	}
	index := readLogIndex(path + "-shm")
	known := index.frames > 0 && index.salt == log.salt
	switch {
	case known && index.frames > log.whole:
		log.last = max(log.last, index.frames)
	case log.broken:
	case log.salt == noSalt && index.frames > index.copied:
		return &MissingLogError{Path: path + "-wal", Pages: index.frames - index.copied}, nil
	default:
		return nil, checkCounts(path, log)
	}
	keep := log.size
	if known && index.copied > log.whole { // the sound frames are older than the database
		keep = 0
	}
	return nil, &DamagedError{
		Path: path + "-wal", What: fmt.Sprintf("it breaks off after %d of %d pages", log.whole, log.last),
		Remedy: fmt.Sprintf("It was not touched, and leads that were taken are in it alone: copy %[1]s, %[1]s-wal and %[1]s-shm to another folder. "+
			"To start with what is whole, run: truncate -s %[2]d %[1]s-wal; rm -f %[1]s-shm", path, keep),
	}
}

// checkCounts returns an error if the numbers of the log's commits do not go on from
// the one in the database file: see [commitCount]. Somebody has put a backup in place
// and left the log, and SQLite would mix the two.
func checkCounts(path string, log logWalk) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("database: %w", err)
	}
	defer func() { _ = f.Close() }()
	n, ok := readCount(f)
	if !ok || n == uncounted || log.lastCount == uncounted || isBetween(log.firstCount-1, n, log.lastCount) {
		return nil
	}
	return &DamagedError{
		Path: path, What: "its write-ahead log is that of another state of the database, or of another one",
		Remedy: fmt.Sprintf("Nothing was touched. If a backup was put in place, the log does not belong to it, but may have leads that are nowhere else: "+
			"copy %[1]s, %[1]s-wal and %[1]s-shm to another folder. To start without the log, run: mv %[1]s-wal %[1]s-wal.other; rm -f %[1]s-shm", path),
	}
}

// The write-ahead log is a header and frames, and a frame is a header and a page:
// see sqlite.org/fileformat2.html#the_write_ahead_log. A power cut leaves each
// sector either old or new.
const (
	logHeader   = 32
	frameHeader = 24
	logVersion  = 3007000
	sector      = 512
)

type salt [8]byte

// noSalt is the salt of a log that is not there. SQLite's salts are random.
var noSalt salt

// logWalk is the result of reading a log.
type logWalk struct {
	salt   salt   // tells the frames of this log from those of an older log in the same file
	whole  uint32 // how many frames SQLite will read: up to the last commit before a bad frame
	size   int64  // of the file up to there
	last   uint32 // the last sound frame
	broken bool   // after a bad frame, one transaction follows another

	// The numbers of the first and the last commit in it, up to whole. See [commitCount].
	firstCount, lastCount uint32
}

// walkLog reads a log from its beginning to its end.
func walkLog(path string) (logWalk, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return logWalk{}, nil
	}
	if err != nil {
		return logWalk{}, err
	}
	defer func() { _ = f.Close() }()
	return walkFrames(bufio.NewReaderSize(f, 1<<20))
}

func walkFrames(r io.Reader) (logWalk, error) {
	var w logWalk
	head := make([]byte, logHeader)
	if _, err := io.ReadFull(r, head); err != nil {
		return w, ended(err)
	}
	chain, ok := readLogHeader(head)
	if ok {
		w.salt = salt(head[16:24])
	}
	size := int64(logHeader)
	isBad, ends := !ok, false // so far; whether the frame before ends a transaction
	count := uint32(uncounted)
	frame := make([]byte, frameHeader+chain.page)
	for n := uint32(1); ; n++ {
		if _, err := io.ReadFull(r, frame); err != nil {
			return w, ended(err)
		}
		if n == 1 && !ok {
			w.salt = salt(frame[8:16])
		}
		isOurs := salt(frame[8:16]) == w.salt
		isWhole := isOurs && chain.links(frame)
		if isWhole {
			w.last = n
			w.broken = w.broken || isBad && ends
		}
		isBad = isBad || !isWhole
		// The header of a bad frame may be half of a former log's if it lies across two sectors.
		ends = binary.BigEndian.Uint32(frame[4:]) != 0 && (isWhole || isOurs && size%sector <= sector-frameHeader)
		size += int64(len(frame))
		if isFirstPage := binary.BigEndian.Uint32(frame) == 1; isFirstPage && !isBad {
			count = binary.BigEndian.Uint32(frame[frameHeader+countAt:])
		}
		if ends && !isBad {
			w.whole, w.size = n, size
			w.firstCount, w.lastCount = cmp.Or(w.firstCount, count), count
		}
		chain.sum = sumOf(frame[16:])
	}
}

// ended returns the error, or nil if it means that the file has ended.
func ended(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return err
}

// chain computes checksums. Each checksum goes on from the one before.
type chain struct {
	big  bool // numbers are big-endian
	page int  // the size of a page
	sum  checksum
}

// readLogHeader returns the chain of the log's frames. If the header is not sound,
// it assumes the values that SQLite uses on this machine.
func readLogHeader(head []byte) (c chain, ok bool) {
	const magic = 0x377f0682
	first, page := binary.BigEndian.Uint32(head), int(binary.BigEndian.Uint32(head[8:]))
	c = chain{big: first&1 == 1, page: page, sum: sumOf(head[24:])}
	ok = first&^1 == magic && binary.BigEndian.Uint32(head[4:]) == logVersion &&
		page >= 512 && page <= 65536 && bits.OnesCount(uint(page)) == 1 &&
		checksum{}.over(c.big, head[:24]) == c.sum
	if !ok {
		c = chain{big: isBigEndian, page: 4096}
	}
	return c, ok
}

// links reports whether the frame's checksum goes on from the frame before.
func (c chain) links(frame []byte) bool {
	return c.sum.over(c.big, frame[:8]).over(c.big, frame[frameHeader:]) == sumOf(frame[16:])
}

type checksum [2]uint32

func sumOf(b []byte) checksum {
	return checksum{binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:])}
}

// over adds bytes to the checksum, eight at a time.
func (c checksum) over(big bool, b []byte) checksum {
	for ; len(b) >= 8; b = b[8:] {
		x, y := binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint32(b[4:])
		if big {
			x, y = bits.ReverseBytes32(x), bits.ReverseBytes32(y)
		}
		c[0] += x + c[1]
		c[1] += y + c[0]
	}
	return c
}

var isBigEndian = binary.NativeEndian.Uint16([]byte{0, 1}) == 1

// logIndex is the content of the log's index. SQLite writes it after a commit has
// been synced, so the frames that it counts were once on the disk.
type logIndex struct {
	salt   salt
	page   uint32 // the size of a page
	pages  uint32 // of the database, after the last commit
	frames uint32 // up to the last commit
	copied uint32 // how many of them are in the database, too
}

// logBytes is how long the log is, at least.
func (x logIndex) logBytes() int64 {
	if x.frames == 0 {
		return 0
	}
	return logHeader + int64(x.frames)*(frameHeader+int64(x.page))
}

// bytes is how long the database file is once all of the log is in it.
func (x logIndex) bytes() int64 { return int64(x.pages) * int64(x.page) }

// indexSize is how much we read of an index. It has two equal headers, in case one
// is being written.
const (
	indexHeader = 48
	indexSize   = 2*indexHeader + 4
)

// readLogIndex reads the index that a dead process has left. SQLite itself empties
// the file at the start.
func readLogIndex(path string) (x logIndex) {
	f, err := os.Open(path)
	if err != nil {
		return x
	}
	defer func() { _ = f.Close() }()
	b := make([]byte, indexSize)
	if _, err := io.ReadFull(f, b); err != nil {
		return x
	}
	return parseLogIndex(b)
}

// parseLogIndex returns a zero index if the bytes are not sound.
func parseLogIndex(b []byte) (x logIndex) {
	if !bytes.Equal(b[:indexHeader], b[indexHeader:2*indexHeader]) {
		return x
	}
	number := binary.NativeEndian
	sum := checksum{number.Uint32(b[40:]), number.Uint32(b[44:])}
	if isInit := b[12] == 1; !isInit || number.Uint32(b) != logVersion || (checksum{}).over(isBigEndian, b[:40]) != sum {
		return x
	}
	page := uint32(number.Uint16(b[14:]))
	if page == 1 { // which stands for 65536
		page = 1 << 16
	}
	return logIndex{
		salt: salt(b[32:40]), page: page, pages: number.Uint32(b[20:]),
		frames: number.Uint32(b[16:]), copied: number.Uint32(b[2*indexHeader:]),
	}
}
