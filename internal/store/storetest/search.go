package storetest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/lead"
	"leadrelay/internal/store"
)

// Searched returns one of many different leads, as visitors write them.
func Searched(tb testing.TB, random *rand.Rand, at time.Time) lead.Lead {
	tb.Helper()
	names := []string{"Laura", "José", "Íñigo", "Sofía", "Xóchitl", "Ana", "Zoë", "王芳", "Jürgen", "Ramón"}
	surnames := []string{"Peña", "Mendoza", "Hernández", "Ñandú", "de la O", "Núñez", "Ruiz", "李"}
	words := []string{"casa", "departamento", "¿Sigue", "disponible?", "visita", "mañana", "crédito", "Infonavit", "100%", "m2", "jardín", "房子", "🏡", "a_b", "precio", "gracias"}
	pick := func(from []string) string { return from[random.IntN(len(from))] }
	q := lead.Inquiry{
		Site: pick([]string{"casas", "lofts", "playa"}), PropertyID: fmt.Sprintf("EB-%c%04d", 'A'+random.IntN(3), random.IntN(20)),
		Name: pick(names) + " " + pick(surnames), Email: fmt.Sprintf("%s%d@ejemplo.mx", strings.ToLower(lead.Fold(pick([]string{"ana", "jose", "lpena"}))), random.IntN(500)),
	}
	number := fmt.Sprintf("%02d%08d", 33+22*random.IntN(2), random.IntN(100_000_000))
	q.Phone = pick([]string{number, "+52 " + number[:2] + " " + number[2:6] + " " + number[6:], "(" + number[:2] + ") " + number[2:6] + "-" + number[6:], "+521" + number, ""})
	n := 1 + random.IntN(12)
	if random.IntN(20) == 0 {
		n = 250 // its texts are large
	}
	for range n {
		q.Message += pick(words) + " "
		if n > 100 {
			q.Message += fmt.Sprint(random.IntN(1000)) + " "
		}
	}
	if random.IntN(40) == 0 {
		for range 600 { // nearly all of it is different
			q.Message += string([]rune{rune('a' + random.IntN(26)), rune('a' + random.IntN(26)), rune(0x4e00 + random.IntN(5000))})
		}
	}
	l, err := lead.New(q, "casas.mx", lead.DefaultRules(), at)
	require.NoError(tb, err)
	switch random.IntN(5) { // some states are common and some are rare
	case 0, 1:
		l.State = lead.Confirmed
	case 2, 3:
		l.State, l.Message = lead.Quarantined, l.Message+" casino"
	default:
		l.State = lead.States()[random.IntN(len(lead.States()))]
	}
	if l.State != lead.Queued {
		l.DueAt = time.Time{}
	}
	return l
}

// whatPeopleType returns searches for the lead, and for nobody.
func whatPeopleType(random *rand.Rand, l *lead.Lead) []string {
	part := func(s string) string {
		runes := []rune(s)
		if len(runes) == 0 {
			return "x"
		}
		from := random.IntN(len(runes))
		return lead.Line(string(runes[from:min(len(runes), from+1+random.IntN(9))]))
	}
	digits := lead.Digits(l.Phone)
	folio := l.RemoteID.String()
	texts := []string{
		part(l.Name), strings.ToUpper(lead.Fold(l.Name)), l.Email, part(l.Email), part(l.Message), part(l.Message) + " " + part(l.Name), l.PropertyID,
		folio, folio[len(folio)-4:], folio[:4] + " " + folio[4:], l.Phone, "+52" + digits, "044 " + digits, part(digits), digits[max(0, len(digits)-10):],
		"pena", "PEÑA laura", "zq", "q", "ñ", "房", "房子", "🏡", "100%", "a_b", "%", "_", "'", `"`, "*", "NEAR(", "a AND b", "casa -visita", "casino", "nadie lo escribe", "0000000000",
	}
	return slices.DeleteFunc(texts, func(s string) bool { return !lead.IsSearchable(s) })
}

// A search in the index finds what a look at each lead finds, whatever has become of
// them since they were indexed.
func searched(t *testing.T, s *store.Store) {
	t.Helper()
	const leads = 300
	found, _, err := s.List(t.Context(), lead.Filter{Text: "nadie", State: lead.Failed, Limit: 5})
	require.NoError(t, err)
	require.Empty(t, found)
	random := rand.New(rand.NewPCG(1, uint64(time.Now().UnixNano()))) //nolint:gosec // a test
	at := now().Add(-time.Hour)
	keepMany(t, s, random, at, leads)
	for round := range 4 {
		all := allLeads(t, s)
		for range 2 {
			compareSearches(t, s, random, all)
		}
		switch round {
		case 0: // nothing is indexed yet
			index(t, s)
		case 1:
			editSome(t, s, random, all)
			_, err := s.Erase(t.Context(), lead.Discarded, now())
			require.NoError(t, err)
			keepMany(t, s, random, at.Add(time.Minute), 40)
		case 2:
			index(t, s)
		}
	}
}

// index indexes all leads, but for the newest.
func index(t *testing.T, s *store.Store) {
	t.Helper()
	for range 2 { // what there is at the first call is indexed by the second
		require.NoError(t, s.Index(t.Context()))
	}
}

func keepMany(t *testing.T, s *store.Store, random *rand.Rand, at time.Time, n int) {
	t.Helper()
	var all sync.WaitGroup
	for i := range n {
		l := Searched(t, random, at.Add(time.Duration(i)*time.Second))
		tick := []lead.Tick{lead.Milliseconds, lead.Milliseconds, lead.Seconds}[random.IntN(3)]
		all.Go(func() {
			_, err := s.Keep(context.Background(), lead.Submission{Lead: l, Tick: tick})
			require.NoError(t, err)
		})
	}
	all.Wait()
}

func editSome(t *testing.T, s *store.Store, random *rand.Rand, all []lead.Lead) {
	t.Helper()
	for range 20 {
		l := all[random.IntN(len(all))]
		_, err := s.Amend(t.Context(), l.RemoteID, func(l *lead.Lead) error {
			l.Name, l.PropertyID = "Otro Nombre "+fmt.Sprint(random.IntN(100)), "EB-Z"
			return nil
		})
		require.NoError(t, err)
	}
}

// allLeads reads all leads, newest first, without a filter.
func allLeads(t *testing.T, s *store.Store) (all []lead.Lead) {
	t.Helper()
	f := lead.Filter{Limit: 500}
	for more := true; more; {
		var page []lead.Lead
		var err error
		page, more, err = s.List(t.Context(), f)
		require.NoError(t, err)
		all = append(all, page...)
		f.Below = all[len(all)-1].RemoteID
	}
	return all
}

func compareSearches(t *testing.T, s *store.Store, random *rand.Rand, all []lead.Lead) {
	t.Helper()
	l := all[random.IntN(len(all))]
	for _, text := range append(whatPeopleType(random, &l), "") {
		f := lead.Filter{Text: text, Limit: 1 + random.IntN(60)}
		sometimes := func() bool { return random.IntN(4) == 0 }
		if sometimes() {
			f.Site = l.Site
		}
		if sometimes() {
			f.PropertyID = l.PropertyID
		}
		if sometimes() {
			f.State = l.State
		}
		if sometimes() {
			f.After = l.ReceivedAt.Add(-time.Minute)
		}
		if sometimes() {
			f.Before = l.ReceivedAt.Add(time.Minute)
		}
		compareSearch(t, s, f, all)
	}
}

func compareSearch(t *testing.T, s *store.Store, f lead.Filter, all []lead.Lead) {
	t.Helper()
	var want, got []lead.RemoteID
	for _, l := range all {
		if (f.Site == "" || f.Site == l.Site) && (f.PropertyID == "" || f.PropertyID == l.PropertyID) && (f.State == "" || f.State == l.State) &&
			!l.ReceivedAt.Before(f.After) && (f.Before.IsZero() || l.ReceivedAt.Before(f.Before)) && l.Mentions(f.Text) {
			want = append(want, l.RemoteID)
		}
	}
	for more := true; more; {
		page, isMore, err := s.List(t.Context(), f)
		require.NoError(t, err)
		for _, l := range page {
			got = append(got, l.RemoteID)
		}
		if more = isMore; more {
			f.Below = got[len(got)-1]
		}
	}
	require.Equal(t, want, got, "%+v", f)
}

// noticeFound looks for texts that are written in another way where they are kept, or mean
// something to a database.
func noticeFound(t *testing.T, s *store.Store) {
	t.Helper()
	notices := []string{`https://casas.mx/aviso?v=2&b=<3>`, `el "aviso" \u00e9`, "Acepto\tel año ñandú 🏡\u2028", `100%_de'l`, "\u0001\u007f", "[a-z]*?"}
	var ids []lead.RemoteID
	for _, notice := range notices {
		l := Draft(t, now())
		l.Context = map[string]string{"consent": "antes " + notice + " después"}
		kept, err := s.Keep(t.Context(), lead.Submission{Lead: l, Tick: lead.Milliseconds})
		require.NoError(t, err)
		ids = append(ids, kept.RemoteID)
	}
	other := Draft(t, now())
	other.Message, other.Context = strings.Join(notices, " "), map[string]string{"page_url": notices[0]}
	_, err := s.Keep(t.Context(), lead.Submission{Lead: other, Tick: lead.Milliseconds})
	require.NoError(t, err)
	for i, notice := range notices {
		found, more, err := s.List(t.Context(), lead.Filter{Notice: notice, Limit: 10})
		require.NoError(t, err)
		require.False(t, more)
		require.Len(t, found, 1, notice)
		require.Equal(t, ids[i], found[0].RemoteID)
	}
	found, _, err := s.List(t.Context(), lead.Filter{Notice: "ACEPTO", Limit: 10})
	require.NoError(t, err)
	require.Empty(t, found)
	some, more, err := s.List(t.Context(), lead.Filter{Notice: "antes", Limit: 4})
	require.NoError(t, err)
	require.True(t, more)
	require.Len(t, some, 4)
}
