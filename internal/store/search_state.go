package store

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"leadrelay/internal/lead"
)

// states is what a search knows of the leads in the state that is asked for, and in others.
// The blocks do not know states, which change often. An index of the table does: there,
// leads that are not due any more are in the order of their ids.
type states struct {
	sites string // with leads, as JSON
	// due are the leads in the state that are due some time, newest first, unless they
	// are too many.
	due     []lead.RemoteID
	tooMany bool

	atOnce int          // of how many blocks the leads in the state are read
	rest   int          // for how many times they are not asked for, because they were many
	rested int          // how often in this rest
	asked  int          // candidates that were looked at
	others []lead.State // whose leads may be few
}

// readStates reads which leads in the state that is asked for are due some time. They are in
// the order of that time.
func (s *search) readStates(ctx context.Context) (err error) {
	const most = 20_000
	f := s.filter
	if s.states.atOnce = fewBlocks; f.State == "" {
		return nil
	}
	s.states.others = slices.DeleteFunc(lead.States(), func(other lead.State) bool { return other == f.State })
	sites := []string{f.Site}
	switch {
	case f.Site != "":
	case f.Sites != nil:
		sites = f.Sites
	default:
		if sites, err = s.writer.dialect.allSites(ctx, s.people); err != nil {
			return fmt.Errorf("sites: %w", err)
		}
	}
	s.states.sites = jsonList(sites)
	query, args := s.inStateSQL(f.State, `due_at IS NOT NULL LIMIT $3`, []any{most + 1})
	s.states.due, err = s.inState(ctx, query, args)
	s.states.tooMany = len(s.states.due) > most
	return err
}

const settledSQL = `due_at IS NULL AND remote_id >= $3 AND remote_id < $4 LIMIT $5`

// settled returns the leads in a state that are not due any more, from an id on and below
// another, newest first, unless they are too many. To count them takes a part of the time
// that it takes to read them.
func (s *search) settled(ctx context.Context, state lead.State, from, below lead.RemoteID, most int) (ids []lead.RemoteID, areAll bool, err error) {
	query, args := s.inStateSQL(state, settledSQL, []any{int64(from), int64(below), most + 1})
	var n int
	if err := s.people.QueryRowContext(ctx, `SELECT count(*) FROM (`+query+`) AS settled`, args...).Scan(&n); err != nil {
		return nil, false, fmt.Errorf("leads in a state: %w", err)
	}
	if n == 0 || n > most {
		return nil, n == 0, nil
	}
	ids, err = s.inState(ctx, query, args)
	return ids, len(ids) <= most, err
}

// inStateSQL returns the query for the leads in a state that meet a condition on $3 and so on.
func (s *search) inStateSQL(state lead.State, condition string, args []any) (string, []any) {
	site := fmt.Sprintf(s.writer.dialect.oneOfTexts, "$1")
	return `SELECT remote_id FROM leads WHERE site ` + site + ` AND state = $2 AND ` + condition, append([]any{s.states.sites, string(state)}, args...)
}

// inState returns what the query selects, newest first. The database joins the ids to one
// text, because to read each as a row takes longer.
func (s *search) inState(ctx context.Context, query string, args []any) ([]lead.RemoteID, error) {
	var joined string
	query = fmt.Sprintf(`SELECT COALESCE(%s, '') FROM (%s) AS found`, s.writer.dialect.joinedIDs, query)
	if err := s.people.QueryRowContext(ctx, query, args...).Scan(&joined); err != nil {
		return nil, fmt.Errorf("leads in a state: %w", err)
	}
	var ids []lead.RemoteID
	for text := range strings.FieldsFuncSeq(joined, func(r rune) bool { return r == ',' }) {
		id, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("leads in a state: %w", err)
		}
		ids = append(ids, lead.RemoteID(id))
	}
	slices.SortFunc(ids, newestFirst)
	return ids, nil
}

// fewInState returns the leads of the blocks that are in the state that is asked for, newest
// first, of those below an id, unless they are more than a small part of them.
func (s *search) fewInState(ctx context.Context, blocks []*searchBlock, below lead.RemoteID) (ids []lead.RemoteID, areFew bool, err error) {
	const part = 32
	if s.filter.State == "" || s.states.tooMany || s.states.rested < s.states.rest {
		return nil, false, nil
	}
	most := 0
	for _, b := range blocks {
		most += b.leads / part
	}
	from, below := blocks[len(blocks)-1].first, min(below, blocks[0].last+1)
	ids, areFew, err = s.settled(ctx, s.filter.State, from, below, most)
	due := s.states.due[after(s.states.due, below-1):]
	ids = append(ids, due[:after(due, from-1)]...)
	slices.SortFunc(ids, newestFirst)
	return ids, areFew, err
}

// note says whether few leads of some blocks were in the state. The more often they were
// many, the longer the blocks are not asked about, if there are words that say what to
// read.
func (s *states) note(areFew, hasWords bool) {
	const longest = 7
	switch {
	case areFew:
		s.atOnce, s.rest, s.rested = min(2*s.atOnce, manyBlocks), 0, 0
	case s.rested < s.rest:
		s.rested++
	case hasWords:
		s.rest, s.rested = min(2*s.rest+1, longest), 0
	}
}

// dropOthers drops candidates that are in another state with few leads, once nearly all
// that were looked at are in another: those with the words of spam have not arrived.
func (s *search) dropOthers(ctx context.Context, blocks []*searchBlock) error {
	const many, part = 64, 8
	if s.filter.State == "" || s.states.asked < many || s.page.rows > s.states.asked/part {
		return nil
	}
	n, from, last := 0, blocks[len(blocks)-1].last, lead.RemoteID(0)
	for _, b := range blocks {
		if c := b.candidates; len(c) > 0 && !b.isFew {
			n, from, last = n+len(c), min(from, c[len(c)-1]), max(last, c[0])
		}
	}
	if n == 0 {
		return nil
	}
	for _, other := range slices.Clone(s.states.others) {
		query, args := s.inStateSQL(other, settledSQL, []any{int64(from), int64(last + 1), 2*n + 1})
		ids, err := s.inState(ctx, query, args)
		if err != nil {
			return err
		}
		if len(ids) > 2*n {
			s.states.others = slices.DeleteFunc(s.states.others, func(o lead.State) bool { return o == other })
			continue
		}
		for _, b := range blocks {
			b.candidates = slices.DeleteFunc(b.candidates, func(id lead.RemoteID) bool { return isAmong(ids, id) })
		}
	}
	return nil
}
