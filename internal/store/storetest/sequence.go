package storetest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"leadrelay/internal/lead"
	"leadrelay/internal/store"
)

// known is what a model knows of a lead. It is no more than what the words
// "a repeat counts against a lead that is on its way or arrived" say.
type known struct {
	id    lead.RemoteID
	words string
	at    time.Time
	state lead.State
	due   time.Time // of a queued lead
	extra map[string]bool
}

// model is a store without a database: every lead, and who has each key.
type model struct {
	leads   []*known
	holders map[string]*known
	wording map[string]string // the words that a key came with
}

func (k *known) isHeard() bool { return k.state != lead.Failed && k.state != lead.Discarded }

// first is the lead that an inquiry repeats, or nil; refused says that its key
// is another's.
func (m *model) first(key, words string, at time.Time) (first *known, byKey, refused bool) {
	for _, l := range m.leads { // the last counts
		if l.words == words {
			first = l
		}
	}
	if first != nil && (!first.isHeard() || at.Sub(first.at) > lead.ContentWindow) {
		first = nil
	}
	holder := m.holders[key]
	switch {
	case key == "" || holder == nil || !holder.isHeard():
	case m.wording[key] == words:
		return holder, true, false
	case holder.state != lead.Quarantined:
		return nil, false, true
	}
	return first, false, false
}

// post tells the model of an inquiry and returns what the store must answer.
func (m *model) post(sub lead.Submission, key, words, extra string) (first *known, want lead.Kept, refused bool) {
	l := sub.Lead
	first, byKey, refused := m.first(key, words, l.ReceivedAt)
	if refused {
		return nil, lead.Kept{}, true
	}
	want = lead.Kept{Again: first != nil, ByKey: byKey}
	switch {
	case first == nil:
		first = &known{words: words, at: l.ReceivedAt, state: l.State, due: l.DueAt, extra: map[string]bool{}}
		m.leads = append(m.leads, first)
	case first.state == lead.Quarantined && l.State == lead.Queued:
		first.state, first.due, want.Sooner = lead.Queued, l.DueAt, true
	case first.state == lead.Queued && l.State == lead.Queued && l.DueAt.Before(first.due):
		first.due, want.Sooner = l.DueAt, true
	}
	if !want.Again || want.Sooner {
		want.DueAt = l.DueAt
	}
	if extra != "" {
		first.extra[extra] = true
	}
	if key != "" && !byKey {
		m.holders[key], m.wording[key] = first, words
	}
	return first, want, false
}

// sequences posts at random, well and badly, and moves what was kept, as persons
// and couriers do.
func sequences(t *testing.T, s *store.Store) {
	t.Helper()
	run := 0
	rapid.Check(t, func(rt *rapid.T) {
		run++
		m := &model{holders: map[string]*known{}, wording: map[string]string{}}
		at, property := now(), fmt.Sprint("EB-RUN", run)
		rt.Repeat(map[string]func(*rapid.T){
			"wait": func(rt *rapid.T) {
				at = at.Add(rapid.SampledFrom([]time.Duration{time.Millisecond, time.Second, 4 * time.Minute, 11 * time.Minute}).Draw(rt, "wait"))
			},
			"post": func(rt *rapid.T) {
				words, key := rapid.SampledFrom([]string{"Hola", "Adiós"}).Draw(rt, "words"), rapid.SampledFrom([]string{"", "", "k", "l"}).Draw(rt, "key")
				extra := rapid.SampledFrom([]string{"", "", "a", "b", "c"}).Draw(rt, "extra")
				sub := judged(t, at, property, words, rapid.SampledFrom([]string{"good", "delayed", "spam"}).Draw(rt, "verdict"))
				if key != "" {
					sub.Key = lead.KeyOf(property, key)
				}
				if sub.Lead.Extra = nil; extra != "" {
					sub.Lead.Extra = []lead.Pair{{Name: "nota", Value: extra}}
				}
				first, want, refused := m.post(sub, key, words, extra)
				kept, err := s.Keep(t.Context(), sub)
				require.Equal(rt, refused, errors.Is(err, lead.ErrKeyReused))
				if refused {
					return
				}
				require.NoError(rt, err)
				if !want.Again {
					first.id = kept.RemoteID
				}
				want.RemoteID = first.id
				require.Equal(rt, want, kept)
			},
			"move": func(rt *rapid.T) { move(t, rt, s, m, at) },
			"":     func(rt *rapid.T) { require.Equal(rt, m.states(), stored(t, s, property, len(m.leads)+1)) },
		})
	})
}

// judged is an inquiry as the door hands it on after its verdict.
func judged(t *testing.T, at time.Time, property, words, verdict string) lead.Submission {
	t.Helper()
	sub := posted(t, at, "", words)
	sub.Lead.PropertyID = property
	switch verdict {
	case "delayed":
		sub.Lead.DelayUntil(at.Add(10 * time.Second))
	case "spam":
		sub.Lead.Quarantine("honeypot")
	}
	sub.Content = sub.Lead.Content()
	return sub
}

// move does to one of the leads what a person, a courier or a late sign does.
func move(t *testing.T, rt *rapid.T, s *store.Store, m *model, at time.Time) {
	t.Helper()
	if len(m.leads) == 0 {
		return
	}
	l := rapid.SampledFrom(m.leads).Draw(rt, "lead")
	switch verb := rapid.SampledFrom([]string{"release", "discard", "retry", "fail", "deliver", "quarantine"}).Draw(rt, "verb"); verb {
	case "quarantine":
		until := l.at.Add(10 * time.Second)
		isThere := l.state == lead.Queued && l.due.Equal(until)
		require.Equal(rt, isThere, quarantine(t, s, l.id, until))
		if isThere {
			l.state = lead.Quarantined
		}
	default:
		if verb == "deliver" && l.state == lead.Queued {
			_, err := s.Amend(t.Context(), l.id, func(l *lead.Lead) error { l.State = lead.Sending; return nil })
			require.NoError(rt, err)
		}
		after, err := s.Amend(t.Context(), l.id, func(l *lead.Lead) error {
			switch {
			case verb == "release":
				return l.Release(at)
			case verb == "discard":
				return l.Discard()
			case verb == "retry":
				return l.Retry(at, false)
			case verb == "fail" && l.State == lead.Queued:
				l.State = lead.Failed
			case verb == "deliver" && l.State == lead.Sending:
				l.State = lead.Delivered
			default:
				return errors.New("only a queued lead is tried")
			}
			l.DueAt = time.Time{}
			return nil
		})
		if err == nil {
			l.state, l.due = after.State, after.DueAt
		}
	}
}

// states are the model's leads, one to a line.
func (m *model) states() map[lead.RemoteID]string {
	all := map[lead.RemoteID]string{}
	for _, l := range m.leads {
		all[l.id] = fmt.Sprint(l.words, " ", l.state, " ", l.extra)
	}
	return all
}

// stored are the leads of a property, in the same way.
func stored(t *testing.T, s *store.Store, property string, most int) map[lead.RemoteID]string {
	t.Helper()
	leads, _, err := s.List(t.Context(), lead.Filter{PropertyID: property, Limit: most})
	require.NoError(t, err)
	all := map[lead.RemoteID]string{}
	for _, l := range leads {
		extra := map[string]bool{}
		for _, p := range l.Extra {
			extra[p.Value] = true
		}
		all[l.RemoteID] = fmt.Sprint(l.Message, " ", l.State, " ", extra)
	}
	return all
}
