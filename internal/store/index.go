package store

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"

	"leadrelay/internal/lead"
	"leadrelay/internal/store/grams"
)

const (
	// smallBlock is how many leads the newest blocks have. Fewer are read one by one.
	smallBlock = 256
	// mergedBlocks is how many blocks become one, if all fit into it.
	mergedBlocks = grams.MaxLeads / smallBlock
)

// indexer is how far the search index has come.
type indexer struct {
	holder string
	// known are the last ids at the time of the last call, of each tick. What has a
	// lower id than a lead that was there for so long is there, too.
	known   map[lead.Tick]lead.RemoteID
	cleaned time.Time
}

// idsFrom is above all ids of the ticks before it.
func idsFrom() []struct {
	tick  lead.Tick
	above lead.RemoteID
} {
	return []struct {
		tick  lead.Tick
		above lead.RemoteID
	}{{lead.Seconds, 0}, {lead.Milliseconds, math.MaxUint32}}
}

// errLost says that another process has made the block.
var errLost = errors.New("another process was faster")

// Index brings the search index up to date with the leads that there were at the last
// call, and with what has changed. It works in small steps that share commits with
// others, and rests between them, so that it does not slow down new leads. One caller
// at a time calls it every few seconds.
func (s *Store) Index(ctx context.Context) error {
	upTo := s.index.known
	if err := s.noteIDs(ctx); err != nil {
		return fmt.Errorf("search index: %w", err)
	}
	for {
		isMine, err := s.takeTurn(ctx)
		if err == nil && isMine {
			err = s.dropOrphans(ctx)
		}
		if err != nil || !isMine {
			return indexError(ctx, err)
		}
		task, err := s.nextTask(ctx, upTo)
		if err != nil || task == nil {
			return indexError(ctx, err)
		}
		if err := s.makeBlock(ctx, task); err != nil && !errors.Is(err, errLost) {
			return indexError(ctx, err)
		}
	}
}

func indexError(ctx context.Context, err error) error {
	if err == nil || ctx.Err() != nil {
		return nil
	}
	return fmt.Errorf("search index: %w", err)
}

func (s *Store) noteIDs(ctx context.Context) error {
	s.index.known = map[lead.Tick]lead.RemoteID{}
	below := lead.RemoteID(math.MaxUint32)
	for _, ids := range idsFrom() {
		var last lead.RemoteID
		err := s.people.QueryRowContext(ctx, `SELECT COALESCE(max(remote_id), 0) FROM leads WHERE remote_id <= $1`, int64(below)).Scan(&last)
		if err != nil {
			return err
		}
		s.index.known[ids.tick], below = last, lead.RemoteID(maxMillis)
	}
	return nil
}

// takeTurn reports whether this process makes blocks now, and no other that shares the
// database.
func (s *Store) takeTurn(ctx context.Context) (isMine bool, err error) {
	if !s.IsShared() {
		return true, nil
	}
	if s.index.holder == "" {
		s.index.holder = rand.Text()
	}
	const length = 30 * time.Second
	return s.change(ctx, `UPDATE search_turn SET holder = $1, until = `+clockSQL+` + $2 WHERE holder = $1 OR until < `+clockSQL,
		s.index.holder, length.Milliseconds())
}

// indexTask is a block that is to be made, and the blocks that it replaces.
type indexTask struct {
	first, last lead.RemoteID
	replaces    []int64
}

// nextTask returns what is to be done next, or nil: first what must be forgotten.
func (s *Store) nextTask(ctx context.Context, upTo map[lead.Tick]lead.RemoteID) (*indexTask, error) {
	rows, err := s.people.QueryContext(ctx, `SELECT number, first, last, leads FROM search_blocks ORDER BY first`)
	if err != nil {
		return nil, err
	}
	blocks, err := collect(rows, func(row scanner) (b searchBlock, err error) {
		err = row.Scan(&b.number, &b.first, &b.last, &b.leads)
		return b, err
	})
	if err != nil {
		return nil, err
	}
	task, err := s.staleBlock(ctx, blocks)
	if err != nil || task != nil {
		return task, err
	}
	for _, ids := range idsFrom() {
		above := ids.above
		for _, b := range blocks {
			if tick := b.last <= math.MaxUint32; tick == (ids.tick == lead.Seconds) {
				above = b.last
			}
		}
		for _, leads := range []int{grams.MaxLeads, smallBlock} {
			var last []lead.RemoteID
			rows, err := s.people.QueryContext(ctx, `SELECT remote_id FROM leads WHERE remote_id > $1 AND remote_id <= $2 ORDER BY remote_id LIMIT 1 OFFSET $3`,
				int64(above), int64(upTo[ids.tick]), leads-1)
			if err == nil {
				last, err = collect(rows, scanColumn[lead.RemoteID])
			}
			if err != nil {
				return nil, err
			}
			if len(last) > 0 {
				return &indexTask{first: above + 1, last: last[0]}, nil
			}
		}
	}
	return mergeTask(blocks), nil
}

// staleBlock returns a block of which leads have changed or are gone.
func (s *Store) staleBlock(ctx context.Context, blocks []searchBlock) (*indexTask, error) {
	const most = 1000
	rows, err := s.people.QueryContext(ctx, `SELECT remote_id FROM search_stale ORDER BY remote_id LIMIT $1`, most)
	if err != nil {
		return nil, err
	}
	stale, err := collect(rows, scanColumn[lead.RemoteID])
	if err != nil {
		return nil, err
	}
	for _, id := range stale {
		for _, b := range blocks {
			if b.first <= id && id <= b.last {
				return &indexTask{first: b.first, last: b.last, replaces: []int64{b.number}}, nil
			}
		}
	}
	return nil, nil //nolint:nilnil // nothing is to be done
}

// mergeTask returns neighbors that fit into one block: a search reads less of it.
func mergeTask(blocks []searchBlock) *indexTask {
	for end := len(blocks); end >= mergedBlocks; end-- {
		some := blocks[end-mergedBlocks : end]
		task, leads := &indexTask{first: some[0].first, last: some[len(some)-1].last}, 0
		for i, b := range some {
			if i > 0 && some[i-1].last+1 != b.first { // ids of another tick are between them
				leads = math.MaxInt32
			}
			leads += b.leads
			task.replaces = append(task.replaces, b.number)
		}
		if leads <= grams.MaxLeads {
			return task
		}
	}
	return nil
}

// makeBlock makes a block and writes it.
func (s *Store) makeBlock(ctx context.Context, task *indexTask) error {
	rest := newRests(ctx)
	// What was changed is read before the leads: what changes from now on stays.
	stale, err := s.staleWithin(ctx, task)
	if err != nil {
		return err
	}
	var made grams.Builder
	since, until := int64(math.MaxInt64), int64(0)
	for next := task.first; ; {
		leads, err := s.chunk(ctx, next, task.last)
		if err != nil {
			return err
		}
		if len(leads) == 0 {
			break
		}
		for _, l := range leads {
			made.Add(&l)
			since, until = min(since, l.ReceivedAt.UnixMilli()), max(until, l.ReceivedAt.UnixMilli())
		}
		next = leads[len(leads)-1].RemoteID + 1
		if err := rest.now(); err != nil {
			return err
		}
	}
	block := made.Block()
	row := []any{newBlockNumber(time.Now()), int64(task.first), int64(task.last), made.Leads(), since, until, block.Directory, block.IDs}
	if err := s.writeBlock(ctx, task, row, block.Pages, rest); err != nil {
		return err
	}
	return s.deleteStale(ctx, stale, rest)
}

// randomBits are the last ones of a block's number.
const randomBits = 18

// blockTime returns when the block was made.
func blockTime(number int64) time.Time { return time.Unix(number>>randomBits, 0) }

// newBlockNumber returns a number that tells when the block was made, and that no other
// process has.
func newBlockNumber(now time.Time) int64 {
	var random [4]byte
	_, _ = rand.Read(random[:]) // never fails
	return now.Unix()<<randomBits | int64(binary.BigEndian.Uint32(random[:])>>(32-randomBits))
}

// chunk returns the next leads of a block.
func (s *Store) chunk(ctx context.Context, first, last lead.RemoteID) ([]lead.Lead, error) {
	const most = 64
	rows, err := s.people.QueryContext(ctx, `SELECT `+leadColumns+` FROM leads WHERE remote_id >= $1 AND remote_id <= $2 ORDER BY remote_id LIMIT $3`,
		int64(first), int64(last), most)
	if err != nil {
		return nil, err
	}
	return collect(rows, scanLead)
}
