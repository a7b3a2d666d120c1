package lead_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/lead"
)

func TestKeysAreApart(t *testing.T) {
	q := lead.Inquiry{Site: "casas", Email: "ana@casas.mx", Phone: "5512345678"}
	other := lead.Inquiry{Site: "casas", Email: "eva@casas.mx", Phone: "5512345678"}
	keys := []lead.Digest{
		lead.KeyOf("casas", "k"), lead.KeyOf("homes", "k"), lead.ContentKeyOf("casas", "k", q.Content()), lead.ContentKeyOf("casas", "l", q.Content()),
		lead.ContentKeyOf("casas", "k", other.Content()), lead.ContentKeyOf("homes", "k", q.Content()),
	}
	for i, key := range keys {
		require.False(t, key.IsZero())
		require.NotContains(t, keys[:i], key)
	}
	require.True(t, lead.ContentKeyOf("casas", "", q.Content()).IsZero())
}

func TestWhatARepeatChanges(t *testing.T) {
	at := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	later := at.Add(time.Minute)
	inquiry := func(page string, extra ...string) lead.Inquiry {
		q := lead.Inquiry{Site: "casas", PropertyID: "EB-1", Email: "ana@casas.mx", Message: "Hola", Context: map[string]string{"page_url": page}}
		for i := 0; i < len(extra); i += 2 {
			q.Extra = append(q.Extra, lead.Pair{Name: extra[i], Value: extra[i+1]})
		}
		return q
	}
	first := lead.Lead{Inquiry: inquiry("/1", "zona", "Roma"), RemoteID: 7, ReceivedAt: at, QueuedAt: at}
	again := lead.Lead{Inquiry: inquiry("/2", "zona", "Roma", "celular 2", "5512345678"), State: lead.Queued, ReceivedAt: later, QueuedAt: later, DueAt: later}
	for _, state := range lead.States() {
		for _, verdict := range []lead.State{lead.Queued, lead.Quarantined} {
			l, r := first, again
			l.State, r.State = state, verdict
			if state == lead.Quarantined {
				l.Reason = "honeypot"
			}
			want := l
			want.Extra = []lead.Pair{{Name: "zona", Value: "Roma"}, {Name: "page_url", Value: "/2"}, {Name: "celular 2", Value: "5512345678"}}
			if state == lead.Quarantined && verdict == lead.Queued {
				want = first
				want.State, want.QueuedAt, want.DueAt = lead.Queued, later, later
				want.Context, want.Extra = again.Context, again.Extra
			}
			require.True(t, l.Repeated(&r), state)
			require.Equal(t, want, l, "%s, then %s", state, verdict)
			if verdict == lead.Quarantined || state != lead.Quarantined {
				require.False(t, l.Repeated(&r), "the third says nothing new")
			}
		}
	}
	require.Equal(t, inquiry("/1", "zona", "Roma"), first.Inquiry, "who is copied is not changed")
}

func TestARepeatThatSaysNothingNewChangesNothing(t *testing.T) {
	l := lead.Lead{State: lead.Sending, Inquiry: lead.Inquiry{Context: map[string]string{"consent": "sí"}, Extra: []lead.Pair{{Name: "zona", Value: "Roma"}}}}
	r := lead.Lead{State: lead.Queued, Inquiry: l.Inquiry}
	require.False(t, l.Repeated(&r))
	require.Equal(t, r.Inquiry, l.Inquiry)
}

// Sending the same again and again, each time with another field, does not fill the
// disk.
func TestRepeatsAreBounded(t *testing.T) {
	var l lead.Lead
	size := 0
	for i := range 300 {
		r := lead.Lead{Inquiry: lead.Inquiry{Extra: []lead.Pair{{Name: "nota", Value: strings.Repeat("x", 1000+i)}}}}
		l.Repeated(&r)
	}
	for _, p := range l.Extra {
		size += len(p.Name) + len(p.Value)
	}
	require.NotEmpty(t, l.Extra)
	require.LessOrEqual(t, len(l.Extra), lead.MaxExtra)
	require.LessOrEqual(t, size, 32<<10)
}

func TestWhichPhonesAreTheSame(t *testing.T) {
	tests := map[string]struct {
		first, second string
		isSame        bool
	}{
		"digits, grouped":      {"5512345678", "+(55) 1234-5678", true},
		"words around digits":  {"5512345678", "oficina 5512345678", true},
		"other digits":         {"5512345678", "5512345679", false},
		"none":                 {"", "", true},
		"words":                {"llamar con Ana", "WhatsApp con Beto, oficina", false},
		"words, and none":      {"llamar con Ana", "", false},
		"words, case, accents": {"Llámame con Ana", "llamame con ana", true},
		"digits of a script":   {"٥٥١٢٣٤٥٦٧٨", "٥٥١٢٣٤٥٦٧٩", false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			first, second := lead.Inquiry{Phone: tt.first}, lead.Inquiry{Phone: tt.second}
			require.Equal(t, tt.isSame, first.Content() == second.Content())
		})
	}
}

// The words are the same, and yet no field is: each is kept as it was typed.
func TestARepeatThatIsTypedDifferentlyIsKept(t *testing.T) {
	for _, f := range lead.Fields() {
		for _, state := range lead.States() {
			var l, r lead.Lead
			l.State, r.State = state, lead.Queued
			l.Set(f, "one")
			r.Set(f, "other")
			r.Extra = []lead.Pair{{Name: "zona", Value: "Roma"}}
			require.True(t, l.Repeated(&r))
			require.Equal(t, "one", l.Get(f), "what the lead says stays")
			require.Equal(t, []lead.Pair{{Name: string(f), Value: "other"}, {Name: "zona", Value: "Roma"}}, l.Extra, state)
			l.Repeated(&r)
			require.Len(t, l.Extra, 2, "the third says nothing new")
			r.Set(f, "")
			l.Extra, r.Extra = nil, nil
			l.Repeated(&r)
			require.Empty(t, l.Extra, "nothing was typed")
		}
	}
}

func TestWhatARepeatHasNoRoomForIsCounted(t *testing.T) {
	l := lead.Lead{State: lead.Queued, Inquiry: lead.Inquiry{Phone: "55", Extra: []lead.Pair{{Name: "a", Value: strings.Repeat("x", 13_850)}}}}
	r := lead.Lead{State: lead.Queued, Inquiry: lead.Inquiry{Phone: "55 " + strings.Repeat("x", 30)}}
	require.False(t, l.Repeated(&r))
	require.Len(t, l.Extra, 1)
	require.Equal(t, 1, l.LeftOut)
}
