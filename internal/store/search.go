package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"leadrelay/internal/lead"
	"leadrelay/internal/store/grams"
)

// searchBlock is a row of the search index, and what a search finds in it.
type searchBlock struct {
	number       int64
	first, last  lead.RemoteID
	leads        int
	since, until int64
	directory    []byte

	query      grams.Search
	needsWords bool            // to know the candidates
	candidates []lead.RemoteID // newest first
	isFew      bool            // no other leads are in the state that is asked for
	isWhole    bool            // all leads are candidates
}

// pageBits is how many bits of a page's id are its number within the block.
const pageBits = 13

func (b *searchBlock) pageID(i int) int64 { return b.number<<pageBits | int64(i) }

// errReplaced says that a block was made again while it was read.
var errReplaced = errors.New("the search index has changed")

// search is one search in the index.
type search struct {
	*Store
	filter lead.Filter
	query  grams.Query
	page   page

	// stale are the leads that may have what their block does not know of.
	stale  []lead.RemoteID
	states states
}

// find returns a page of the leads that match. What is selected by more than ids is
// found in the index, and in the leads themselves where they are not indexed yet.
func (s *Store) find(ctx context.Context, f lead.Filter) (page, error) {
	const tries = 5
	for try := 1; ; try++ {
		q := search{Store: s, filter: f, query: grams.For(f), page: page{limit: f.Limit}}
		err := q.run(ctx)
		if !errors.Is(err, errReplaced) || try == tries {
			return q.page, err
		}
	}
}

func (s *search) run(ctx context.Context) (err error) {
	f := s.filter
	if len(s.query) == 0 && f.State == "" && f.After.IsZero() && f.Before.IsZero() {
		return s.list(ctx, f, 0, &s.page)
	}
	// What was changed is read first: a block that has been made since then knows it.
	if err := s.readStale(ctx); err != nil {
		return err
	}
	if err := s.readStates(ctx); err != nil {
		return err
	}
	blocks, err := s.blocks(ctx)
	if err != nil {
		return err
	}
	below := cmp.Or(f.Below, lead.RemoteID(maxMillis))
	for n, words := fewBlocks, 1; len(blocks) > 0; n = min(2*n, manyBlocks) {
		some := blocks[:min(n, len(blocks))]
		blocks = blocks[len(some):]
		if err := s.chooseByState(ctx, some, below); err != nil {
			return err
		}
		for len(some) > 0 { // most searches end with the words of the newest blocks
			batch := some[:countBlocks(some, words)]
			some, words = some[len(batch):], min(2*words, manyBlocks)
			if err := s.chooseByWords(ctx, batch); err != nil {
				return err
			}
			if err := s.dropOthers(ctx, batch); err != nil {
				return err
			}
			if below, err = s.add(ctx, batch, below); err != nil || s.page.more {
				return err
			}
		}
	}
	f.Below = below
	return s.list(ctx, f, 0, &s.page)
}

// So many blocks are looked at together, at first and later: each query has its price.
const fewBlocks, manyBlocks = 4, 32

// countBlocks returns how many of the blocks there are up to the one before which the
// words of most others must be read.
func countBlocks(blocks []*searchBlock, most int) int {
	for i, b := range blocks {
		if b.needsWords {
			most--
		}
		if most < 0 {
			return i
		}
	}
	return len(blocks)
}

// add adds the leads of the blocks that match to the page, and those between them that
// are in no block. It returns the first id of the last block.
func (s *search) add(ctx context.Context, blocks []*searchBlock, below lead.RemoteID) (lead.RemoteID, error) {
	var ids []lead.RemoteID // of several blocks: each query has its price
	for _, b := range blocks {
		f := s.filter
		f.Below = below
		from := b.last + 1
		if b.isWhole { // a part of all leads is as well read in order
			from = b.first
		}
		if below > from {
			if err := s.addSome(ctx, ids); err != nil || s.page.more {
				return below, err
			}
			if err := s.list(ctx, f, from, &s.page); err != nil || s.page.more {
				return below, err
			}
			ids = nil
		}
		ids = append(ids, b.candidates...)
		below = min(below, b.first)
	}
	return below, s.addSome(ctx, ids)
}

// mayHave reports whether a lead of the block may be from the time that is asked for.
func (s *search) mayHave(b *searchBlock) bool {
	return b.until >= millisOr(s.filter.After, 0) && b.since < millisOr(s.filter.Before, maxMillis)
}

// addSome adds those of the leads that match to the page.
func (s *search) addSome(ctx context.Context, ids []lead.RemoteID) error {
	const first, most = 64, 512
	if s.filter.Below > 0 {
		ids = ids[after(ids, s.filter.Below-1):]
	}
	query := `SELECT ` + leadColumns + ` FROM leads WHERE ` + matches + ` AND remote_id ` + fmt.Sprintf(s.writer.dialect.oneOf, "$6")
	for n := first; len(ids) > 0; n = min(2*n, most) {
		some := ids[:min(n, len(ids))]
		ids = ids[len(some):]
		s.states.asked += len(some)
		of, args := s.writer.dialect.ofSites(s.filter.Sites, append(matching(s.filter), listed(some)))
		err := s.addRows(ctx, s.filter, &s.page, query+of+` ORDER BY remote_id DESC`, args...)
		if err != nil || s.page.more {
			return err
		}
	}
	return nil
}

// after returns where the ids that are not above the given one begin. The ids fall.
func after(ids []lead.RemoteID, id lead.RemoteID) int {
	i, _ := slices.BinarySearchFunc(ids, id, func(a, b lead.RemoteID) int { return cmp.Compare(b, a) })
	return i
}

// within returns the ids of the block. The ids fall.
func (b *searchBlock) within(ids []lead.RemoteID) []lead.RemoteID {
	return ids[after(ids, b.last):after(ids, b.first-1)]
}

// listed returns numbers as a query takes several of them.
func listed[N ~int64](numbers []N) string {
	var text strings.Builder
	for i, n := range numbers {
		if i > 0 {
			_ = text.WriteByte(',')
		}
		_, _ = text.WriteString(strconv.FormatInt(int64(n), 10))
	}
	return text.String()
}

func (s *search) readStale(ctx context.Context) (err error) {
	rows, err := s.people.QueryContext(ctx, `SELECT remote_id FROM search_stale WHERE is_gone = 0 ORDER BY remote_id DESC`)
	if err == nil {
		s.stale, err = collect(rows, scanColumn[lead.RemoteID])
	}
	if err != nil {
		return fmt.Errorf("changed leads: %w", err)
	}
	return nil
}

// blocks returns the blocks, newest first.
func (s *search) blocks(ctx context.Context) ([]*searchBlock, error) {
	rows, err := s.people.QueryContext(ctx, `SELECT number, first, last, leads, since, until, directory FROM search_blocks
		WHERE first < $1 ORDER BY first DESC`, cmp.Or(int64(s.filter.Below), maxMillis))
	if err != nil {
		return nil, fmt.Errorf("search index: %w", err)
	}
	blocks, err := collect(rows, func(row scanner) (*searchBlock, error) {
		b := &searchBlock{}
		return b, row.Scan(&b.number, &b.first, &b.last, &b.leads, &b.since, &b.until, &b.directory)
	})
	if err != nil {
		return nil, fmt.Errorf("search index: %w", err)
	}
	return blocks, nil
}

// chooseByState finds out which leads of the blocks are in the state that is asked for, if
// they are a small part of them, and then whether the words of the blocks must be read.
func (s *search) chooseByState(ctx context.Context, blocks []*searchBlock, below lead.RemoteID) error {
	const fewest = 8 // leads of a block are read sooner than its words
	for len(blocks) > 0 {
		part := blocks[:min(s.states.atOnce, len(blocks))]
		few, areFew, err := s.fewInState(ctx, part, below)
		if err != nil {
			return err
		}
		if !areFew && len(part) > fewBlocks {
			s.states.atOnce = fewBlocks // perhaps they are all in one of the blocks
			continue
		}
		s.states.note(areFew, len(s.query) > 0)
		blocks = blocks[len(part):]
		for _, b := range part {
			if !s.mayHave(b) {
				continue
			}
			if b.isFew = areFew; areFew {
				b.candidates = b.within(few)
			}
			b.needsWords = len(s.query) > 0 && (!areFew || len(b.candidates) > fewest)
			b.isWhole = len(s.query) == 0 && !areFew
		}
	}
	return nil
}

// chooseByWords finds out which leads of the blocks may have what is looked for, so far as
// the index knows it.
func (s *search) chooseByWords(ctx context.Context, blocks []*searchBlock) (err error) {
	var pages []int64
	for _, b := range blocks {
		if !b.needsWords {
			continue
		}
		if b.query, err = s.query.In(b.directory, b.leads); err != nil {
			return fmt.Errorf("search index: %w", err)
		}
		for _, i := range b.query.Pages() {
			pages = append(pages, b.pageID(i))
		}
	}
	if len(pages) == 0 {
		return nil
	}
	texts, err := s.texts(ctx, `SELECT id, keys FROM search_pages WHERE id `, pages)
	if err != nil {
		return err
	}
	return s.match(ctx, blocks, texts)
}

// texts reads the rows with the ids.
func (s *search) texts(ctx context.Context, query string, ids []int64) (map[int64][]byte, error) {
	rows, err := s.people.QueryContext(ctx, query+fmt.Sprintf(s.writer.dialect.oneOf, "$1"), listed(ids))
	if err != nil {
		return nil, fmt.Errorf("search index: %w", err)
	}
	texts := make(map[int64][]byte, len(ids))
	var id int64
	scan := func(row scanner) (text []byte, err error) { err = row.Scan(&id, &text); return text, err }
	for text, err := range each(rows, scan) {
		if err != nil {
			return nil, fmt.Errorf("search index: %w", err)
		}
		texts[id] = text
	}
	if len(texts) < len(ids) {
		return nil, errReplaced
	}
	return texts, nil
}

// match turns the places of leads that may match into their ids.
func (s *search) match(ctx context.Context, blocks []*searchBlock, pages map[int64][]byte) error {
	places := map[int64][]int{}
	var hit []int64
	for _, b := range blocks {
		if !b.needsWords {
			continue
		}
		some, err := b.query.Places(func(i int) []byte { return pages[b.pageID(i)] })
		if err != nil {
			return fmt.Errorf("search index: %w", err)
		}
		if len(some) > 0 {
			hit, places[b.number] = append(hit, b.number), some
		}
	}
	packed := map[int64][]byte{}
	if len(hit) > 0 {
		var err error
		if packed, err = s.texts(ctx, `SELECT number, ids FROM search_blocks WHERE number `, hit); err != nil {
			return err
		}
	}
	for _, b := range blocks {
		if !b.needsWords {
			continue
		}
		ids, err := grams.IDs(packed[b.number], places[b.number])
		if err != nil {
			return fmt.Errorf("search index: %w", err)
		}
		s.choose(b, ids)
	}
	return nil
}

// choose sets the candidates of the block: those that the index names, and those that
// have changed.
func (s *search) choose(b *searchBlock, ids []lead.RemoteID) {
	ids = append(ids, b.within(s.stale)...)
	slices.SortFunc(ids, newestFirst)
	ids = slices.Compact(ids)
	if b.isFew {
		ids = slices.DeleteFunc(ids, func(id lead.RemoteID) bool { return !isAmong(b.candidates, id) })
	}
	b.candidates = ids
}

func newestFirst(a, b lead.RemoteID) int { return cmp.Compare(b, a) }

// isAmong reports whether the id is one of those, which fall.
func isAmong(ids []lead.RemoteID, id lead.RemoteID) bool {
	i := after(ids, id)
	return i < len(ids) && ids[i] == id
}
