package grams

import (
	"encoding/binary"
	"errors"
	"maps"
	"math/bits"
	"slices"

	"leadrelay/internal/lead"
)

const (
	// MaxLeads is how many leads a block has at most.
	MaxLeads = 8192
	// pageBytes bounds a page, so that its row fills one of SQLite's.
	pageBytes = 4000
)

// Block is the index of some leads, as it is on disk.
type Block struct {
	Directory []byte   // the first key of each page
	IDs       []byte   // of the leads, in ascending order
	Pages     [][]byte // keys in ascending order, each with the places of the leads that have it
}

// Builder makes a block. Its zero value is ready for use.
type Builder struct {
	ids   []lead.RemoteID
	lists map[key]*list
	keys  []key
}

// list is the places of leads, as differences.
type list struct {
	next  int
	bytes []byte
}

// Add adds a lead, whose id is above all others. There must be room for it.
func (b *Builder) Add(l *lead.Lead) {
	if b.lists == nil {
		b.lists = map[key]*list{}
	}
	place := len(b.ids)
	b.ids = append(b.ids, l.RemoteID)
	b.keys = appendKeys(b.keys[:0], l)
	for _, k := range b.keys {
		at := b.lists[k]
		if at == nil {
			at = &list{}
			b.lists[k] = at
		}
		at.bytes = binary.AppendUvarint(at.bytes, uint64(place-at.next)) //nolint:gosec // places rise
		at.next = place + 1
	}
}

// Leads returns how many leads there are.
func (b *Builder) Leads() int { return len(b.ids) }

// Block returns the block of the leads that were added.
func (b *Builder) Block() (block Block) {
	var last lead.RemoteID
	for _, id := range b.ids {
		block.IDs = binary.AppendUvarint(block.IDs, uint64(id-last)) //nolint:gosec // ids rise
		last = id
	}
	var page, entry []byte
	var before, begins key
	for _, k := range slices.Sorted(maps.Keys(b.lists)) {
		places := b.lists[k].packed(len(b.ids))
		entry = appendEntry(entry[:0], k-before, places)
		if len(page) > 0 && len(page)+len(entry) > pageBytes {
			block.Pages = append(block.Pages, page)
			page = nil
		}
		if len(page) == 0 {
			entry = appendEntry(entry[:0], k, places)
			block.Directory = binary.AppendUvarint(block.Directory, uint64(k-begins))
			begins = k
		}
		page = append(page, entry...)
		before = k
	}
	if len(page) > 0 {
		block.Pages = append(block.Pages, page)
	}
	return block
}

// places are those of leads, as differences or as a bit for each lead of the block.
type places struct {
	bytes  []byte
	isBits bool
}

// packed returns the shorter form.
func (l *list) packed(leads int) places {
	if len(l.bytes) <= (leads+7)/8 {
		return places{l.bytes, false}
	}
	set := make([]byte, (leads+7)/8)
	place := -1
	for rest := l.bytes; len(rest) > 0; {
		step, n := binary.Uvarint(rest)
		rest = rest[n:]
		place += int(step) + 1 //nolint:gosec // our own
		set[place/8] |= 1 << (place % 8)
	}
	return places{set, true}
}

func appendEntry(entry []byte, step key, p places) []byte {
	length := uint64(len(p.bytes)) << 1
	if p.isBits {
		length |= 1
	}
	entry = binary.AppendUvarint(entry, uint64(step))
	entry = binary.AppendUvarint(entry, length)
	return append(entry, p.bytes...)
}

// errDamaged is the error for what no [Builder] has made.
var errDamaged = errors.New("the search index is damaged")

// IDs returns the ids of the leads of a block at the places, which fall as the ids do.
func IDs(packed []byte, places []int) ([]lead.RemoteID, error) {
	ids := make([]lead.RemoteID, len(places))
	var sum uint64
	for left, place := len(places), 0; left > 0; place++ {
		step, n := binary.Uvarint(packed)
		if n <= 0 {
			return nil, errDamaged
		}
		packed = packed[n:]
		if sum += step; places[left-1] == place {
			left--
			ids[left] = lead.RemoteID(sum) //nolint:gosec // our own
		}
	}
	return ids, nil
}

// eachSum reads numbers that are kept as differences.
func eachSum(packed []byte, do func(sum uint64)) error {
	var sum uint64
	for len(packed) > 0 {
		step, n := binary.Uvarint(packed)
		if n <= 0 {
			return errDamaged
		}
		packed = packed[n:]
		sum += step
		do(sum)
	}
	return nil
}

// Search is a query in a block.
type Search struct {
	query     Query
	directory []key
	leads     int
}

// In returns the query in a block, by its directory and how many leads it has.
func (q Query) In(directory []byte, leads int) (s Search, err error) {
	if leads < 0 || leads > MaxLeads {
		return Search{}, errDamaged
	}
	s = Search{query: q, leads: leads}
	err = eachSum(directory, func(sum uint64) { s.directory = append(s.directory, key(sum)) }) //nolint:gosec // our own
	return s, err
}

// pages returns the pages on which keys of a span may be.
func (s Search) pages(of span) (first, end int) {
	first, found := slices.BinarySearch(s.directory, of.first)
	if !found {
		first = max(0, first-1)
	}
	end = first
	for end < len(s.directory) && s.directory[end] <= of.last {
		end++
	}
	return first, end
}

// Pages returns which pages of the block the search must read, in order.
func (s Search) Pages() (pages []int) {
	for _, c := range s.query {
		for _, spans := range c {
			for _, of := range spans {
				for i, end := s.pages(of); i < end; i++ {
					pages = append(pages, i)
				}
			}
		}
	}
	slices.Sort(pages)
	return slices.Compact(pages)
}

// Places returns the places of the leads that may match, newest first.
func (s Search) Places(page func(i int) []byte) ([]int, error) {
	all := s.full()
	for _, c := range s.query {
		some := s.empty()
		for _, spans := range c {
			these := s.full()
			for _, of := range spans {
				has, err := s.having(of, page)
				if err != nil {
					return nil, err
				}
				these.and(has)
			}
			some.or(these)
		}
		all.and(some)
	}
	return all.backward(), nil
}

// having returns the leads that have a key of the span.
func (s Search) having(of span, page func(i int) []byte) (set, error) {
	found := s.empty()
	for i, end := s.pages(of); i < end; i++ {
		var k key
		for rest := page(i); len(rest) > 0 && k <= of.last; {
			step, n := binary.Uvarint(rest)
			if n <= 0 {
				return nil, errDamaged
			}
			length, m := binary.Uvarint(rest[n:])
			if m <= 0 || length>>1 > uint64(len(rest)-n-m) {
				return nil, errDamaged
			}
			k += key(step) //nolint:gosec // our own
			p := places{rest[n+m:][:length>>1], length&1 == 1}
			rest = rest[n+m:][length>>1:]
			if k < of.first || k > of.last {
				continue
			}
			if err := found.add(p, s.leads); err != nil {
				return nil, err
			}
		}
	}
	return found, nil
}

// set is a bit for each lead of a block.
type set []uint64

const wordBits = 64

func (s Search) empty() set { return make(set, (s.leads+wordBits-1)/wordBits) }

func (s Search) full() set {
	all := s.empty()
	for i := range all {
		all[i] = ^uint64(0)
	}
	if n := s.leads % wordBits; n > 0 {
		all[len(all)-1] = 1<<n - 1
	}
	return all
}

func (s set) and(t set) {
	for i := range s {
		s[i] &= t[i]
	}
}

func (s set) or(t set) {
	for i := range s {
		s[i] |= t[i]
	}
}

func (s set) add(p places, leads int) error {
	if p.isBits {
		if len(p.bytes) != (leads+7)/8 {
			return errDamaged
		}
		for i, b := range p.bytes {
			s[i/8] |= uint64(b) << (i % 8 * 8)
		}
		return nil
	}
	place := -1
	for rest := p.bytes; len(rest) > 0; {
		step, n := binary.Uvarint(rest)
		if n <= 0 || step >= uint64(leads) || place+1+int(step) >= leads {
			return errDamaged
		}
		rest = rest[n:]
		place += int(step) + 1
		s[place/wordBits] |= 1 << (place % wordBits)
	}
	return nil
}

// backward returns the places of the bits, from the last.
func (s set) backward() (places []int) {
	for i, word := range slices.Backward(s) {
		for word != 0 {
			n := bits.Len64(word) - 1
			places = append(places, i*wordBits+n)
			word &^= 1 << n
		}
	}
	return places
}
