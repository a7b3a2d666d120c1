package grams_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/lead"
	"leadrelay/internal/store/grams"
)

// found searches a block for what a filter asks.
func found(tb testing.TB, block grams.Block, leads int, f lead.Filter) []lead.RemoteID {
	tb.Helper()
	search, err := grams.For(f).In(block.Directory, leads)
	require.NoError(tb, err)
	wanted := map[int]bool{}
	for _, i := range search.Pages() {
		wanted[i] = true
	}
	places, err := search.Places(func(i int) []byte {
		require.True(tb, wanted[i], "page %d was not asked for", i)
		return block.Pages[i]
	})
	require.NoError(tb, err)
	ids, err := grams.IDs(block.IDs, places)
	require.NoError(tb, err)
	return ids
}

func someone(id lead.RemoteID, message string) *lead.Lead {
	return &lead.Lead{RemoteID: id, Inquiry: lead.Inquiry{
		Site: "casas", PropertyID: "EB-AB1234", Name: "Laura Peña", Email: "lp@ejemplo.mx", Phone: "+52 1 55 1234 5678", Message: message,
	}}
}

func TestOneLeadIsFoundAmongMany(t *testing.T) {
	const others = 3000
	var b grams.Builder
	for i := range others {
		b.Add(&lead.Lead{RemoteID: lead.RemoteID(i + 1), Inquiry: lead.Inquiry{Site: "lofts", PropertyID: "EB-X", Name: "José Ruiz", Phone: "3399887766", Message: "Hola, ¿sigue disponible?"}})
	}
	l := someone(28_252_880_123, "¿Sigue disponible? Saludos de Coyoacán")
	b.Add(l)
	block := b.Block()
	for _, text := range []string{
		"pena", "PEÑA laura", "laura coyoacan", "lp@", "1234 5678", "+52 55 1234 5678", "5512345678", "(55) 1234-5678", "044 55 1234 5678",
		"28 252 880 123", "880123", "yo", "coyoacan, saludos"[:8], "EB-AB1234", "ab12",
	} {
		require.True(t, l.Mentions(text), text)
		require.Equal(t, []lead.RemoteID{l.RemoteID}, found(t, block, others+1, lead.Filter{Text: text}), text)
	}
	require.Equal(t, []lead.RemoteID{l.RemoteID}, found(t, block, others+1, lead.Filter{Site: "casas"}))
	require.Equal(t, []lead.RemoteID{l.RemoteID}, found(t, block, others+1, lead.Filter{PropertyID: "EB-AB1234", Text: "disponible"}))
	require.Len(t, found(t, block, others+1, lead.Filter{Text: "disponible"}), others+1)
	for _, text := range []string{"zzzz", "xqz", "laura ruiz", "5512345679", "ñandú", "房子", "zq"} {
		require.Empty(t, found(t, block, others+1, lead.Filter{Text: text}), text)
	}
}

// Whatever is in a lead, the search for a part of it names the lead.
func FuzzNoLeadIsMissed(f *testing.F) {
	for _, seed := range [][2]string{
		{"100% 房子 ¿sí?\n🏡", "% 房"}, {"a房b", "a"}, {"ab房", "ab"}, {"Straße İstanbul ß", "ß"}, {"(55) 1234-5678", "5512345678"},
		{strings.Repeat("abcdefghijklmnopqrstuvwxyz0123456789", 2), "xyz"}, {"", ""},
	} {
		f.Add(seed[0], seed[1], uint8(3))
	}
	f.Fuzz(func(t *testing.T, message, text string, from uint8) {
		now := time.UnixMilli(1_700_000_000_000)
		l, err := lead.New(lead.Inquiry{Site: "s", PropertyID: "p", Email: "a@x.mx", Message: message, Name: text, Phone: text}, "x", lead.Rules{}, now)
		if err != nil {
			return
		}
		l.RemoteID = 7_654_321
		var b grams.Builder
		b.Add(someone(1, "Hola"))
		b.Add(&l)
		block := b.Block()
		part := []rune(l.Message)
		texts := []string{text, string(part[min(int(from), len(part)):]), string(part[min(int(from), len(part)):min(int(from)+2, len(part))])}
		for _, text := range texts {
			if text = lead.Line(text); l.Mentions(text) {
				require.Contains(t, found(t, block, 2, lead.Filter{Text: text}), l.RemoteID, text)
			}
		}
	})
}

// A file may be damaged: then a search fails, and the relay goes on.
func FuzzADamagedBlockIsAnError(f *testing.F) {
	var b grams.Builder
	for i := range 100 {
		b.Add(someone(lead.RemoteID(i+1), "Hola"))
	}
	block := b.Block()
	f.Add(block.Directory, block.Pages[0], block.IDs, 100)
	f.Add([]byte{0xff}, []byte{1, 0xff, 0xff, 3}, []byte{0x80}, -1)
	f.Fuzz(func(t *testing.T, directory, page, ids []byte, leads int) {
		if leads > 1000 {
			return // a search would only take longer
		}
		search, err := grams.For(lead.Filter{Text: "hola q", Site: "casas"}).In(directory, leads)
		if err != nil {
			return
		}
		places, err := search.Places(func(int) []byte { return page })
		if err != nil {
			require.Empty(t, places)
		}
		for _, place := range places {
			require.Less(t, place, leads)
		}
		if found, err := grams.IDs(ids, places); err == nil {
			require.Len(t, found, len(places))
		}
	})
}

// A lead with a long text is not worth a page for each of its words.
func TestLargeLeadsAreFoundByCoarserKeys(t *testing.T) {
	var b grams.Builder
	words := strings.Fields(strings.Repeat("uno ", 1))
	for i := range 400 {
		words = append(words, strings.Repeat(string(rune('a'+i%26)), 1+i%3)+string(rune('a'+i/26%26))+string(rune('a'+i/7%26)))
	}
	large := someone(2, strings.Join(words, " ")+" Quetzalcóatl")
	b.Add(someone(1, "Hola"))
	b.Add(large)
	require.Equal(t, []lead.RemoteID{2}, found(t, b.Block(), 2, lead.Filter{Text: "quetzalcoatl"}))
	require.Contains(t, found(t, b.Block(), 2, lead.Filter{Text: "qu"}), lead.RemoteID(2))
}
