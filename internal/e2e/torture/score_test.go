package torture_test

import (
	"fmt"
	"slices"
	"strings"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/fakebroker"
	"leadrelay/internal/lead"
)

// score holds the leads that were acknowledged against EasyBroker's own book.
type score struct {
	leads, there, waiting, failed, lost, twice int
	wrong                                      []string
}

// score counts. excused says of a lead that is not in the book whether it is
// where the design wants it: in front of a person, with the reason.
func (b *bed) score(excused func(lead.Lead) bool) score {
	b.Helper()
	book := map[lead.RemoteID][]fakebroker.Kept{}
	for _, k := range b.broker.Book() {
		book[lead.RemoteID(k.RemoteID)] = append(book[lead.RemoteID(k.RemoteID)], k)
	}
	s := score{leads: len(b.posted)}
	for id, entries := range book {
		if len(real(entries)) > 1 {
			s.twice++
			s.wrong = append(s.wrong, b.story(id, "twice", entries))
		}
	}
	for id := range b.posted {
		l, _, err := b.alive().store.Find(b.Context(), id)
		require.NoError(b, err)
		s.count(l.State)
		if len(real(book[id])) == 0 && (excused == nil || !excused(l)) {
			s.lost++
			s.wrong = append(s.wrong, b.story(id, "lost", book[id]))
		}
	}
	slices.Sort(s.wrong)
	return s
}

// real leaves out what EasyBroker has said to have taken and never listed.
func real(entries []fakebroker.Kept) []fakebroker.Kept {
	return slices.DeleteFunc(slices.Clone(entries), func(k fakebroker.Kept) bool { return k.Swallowed })
}

func (s *score) count(state lead.State) {
	switch state {
	case lead.Delivered, lead.Confirmed:
		s.there++
	case lead.Failed:
		s.failed++
	default:
		s.waiting++
	}
}

// story is all that there is to know about a lead.
func (b *bed) story(id lead.RemoteID, what string, entries []fakebroker.Kept) string {
	var text strings.Builder
	l, attempts, err := b.alive().store.Find(b.Context(), id)
	fmt.Fprintf(&text, "%s: remote_id %d, %s, %s, reason %q, received %s %v\n", what, id, l.Message, l.State, l.Reason, l.ReceivedAt.Format(clock), err)
	for _, a := range attempts {
		fmt.Fprintf(&text, "  attempt %d  %s to %s  %s %d %s\n", a.Number, a.BegunAt.Format(clock), a.EndedAt.Format(clock), a.Outcome, a.Status, a.Detail)
	}
	for _, k := range entries {
		fmt.Fprintf(&text, "  in the book %d  %s  posts %d  swallowed %t\n", k.Number, k.Arrived.UTC().Format(clock), k.Posts, k.Swallowed)
	}
	return text.String()
}

const clock = "02 15:04:05.000"

// mustHold asserts the promise: nothing lost, nothing twice.
func (s score) mustHold(b *bed) {
	b.Helper()
	const most = 5
	require.Empty(b, strings.Join(s.wrong[:min(most, len(s.wrong))], "\n"), "%d leads: %d there, %d wait, %d failed; %d lost, %d twice",
		s.leads, s.there, s.waiting, s.failed, s.lost, s.twice)
	require.Equal(b, s.leads, s.there+s.waiting+s.failed)
}

// mustBeThere asserts that nobody has anything left to do.
func (s score) mustBeThere(b *bed) {
	b.Helper()
	require.Equal(b, s.leads, s.there, "%d wait, %d have failed", s.waiting, s.failed)
}

// mustHaveStruck asserts that the fault has met the leads that it was meant
// for. Of several intents in one commit one alone can be struck.
func (b *bed) mustHaveStruck(leads int) {
	b.Helper()
	want := leads / b.cell.every()
	if b.cell.at == beforeIntent {
		want /= 2
	}
	require.GreaterOrEqual(b, len(b.hit), want, "struck: %v", b.hit)
}
