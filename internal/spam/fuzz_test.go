package spam_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/spam"
)

func FuzzJudge(f *testing.F) {
	for _, s := range append(readCorpus(f, "humans"), readCorpus(f, "robots")...) {
		f.Add(s.Inquiry.Name, s.Inquiry.Email, s.Inquiry.Phone, s.Inquiry.Message, s.Inquiry.Email, int64(time.Second), 3)
	}
	f.Add("\xff", "@", "8", "\u0301://www.\xff.<[</", "\x00", int64(-1), -1)
	f.Fuzz(func(t *testing.T, name, email, phone, message, trap string, filled int64, repeats int) {
		s := ana(func(s *spam.Submission) {
			s.Inquiry.Name, s.Inquiry.Email, s.Inquiry.Phone, s.Inquiry.Message = name, email, phone, message
			s.Traps, s.Filled, s.Repeats = []string{trap}, time.Duration(filled), repeats
		})
		v := spam.Judge(s)
		require.Equal(t, v, spam.Judge(s))
		require.GreaterOrEqual(t, v.Score, 0)
		if len(v.Reasons) == 0 {
			require.Zero(t, v.Score)
		}
		known := spam.Reasons()
		for _, reason := range v.Reasons {
			require.Contains(t, known, reason)
		}
		require.Len(t, slices.Compact(slices.Sorted(slices.Values(v.Reasons))), len(v.Reasons))
	})
}

// The worst texts that fit into a body of 64 KiB do not keep a processor busy.
func TestJudgeIsQuickWithTheWorstTexts(t *testing.T) {
	const bound = 250 * time.Millisecond // for a loaded machine with the race detector; otherwise it takes a few
	fill := func(s string) string { return strings.Repeat(s, 16<<10/len(s)) }
	for _, piece := range []string{
		"a", "a ", "á", "\u0301", "é\u0301 ", "://", "a.com ", "www.", "http://a.b/ ", "<", "<a ", "[", "[url]", "{{", "${", "../", "first page of ", "backlink ", "\xff", ".", "@", "🏠", "аa ", "asdf",
	} {
		begun := time.Now()
		s := ana(func(s *spam.Submission) {
			s.Inquiry.Name, s.Inquiry.Email, s.Inquiry.Phone, s.Inquiry.Message = fill(piece), fill(piece), fill(piece), fill(piece)
			s.Traps = []string{fill(piece), fill(piece)}
		})
		spam.Judge(s)
		require.Less(t, time.Since(begun), bound, "%q", piece)
	}
}

// A long text takes time, and no memory: only the evidence is allocated.
func TestJudgeAllocatesNothingForTheText(t *testing.T) {
	const evidence = 2
	for _, times := range []int{1, 200} {
		s := wrote(strings.Repeat("Hola, ¿sigue disponible? ", times))
		require.LessOrEqual(t, testing.AllocsPerRun(20, func() { spam.Judge(s) }), float64(evidence))
	}
}

func BenchmarkJudge(b *testing.B) {
	for name, s := range map[string]spam.Submission{
		"short":    wrote("Hola, ¿sigue disponible?"),
		"ordinary": wrote("Hola! Vi el anuncio en Facebook, todavía la tienen en renta? Cuáles son los requisitos? Tengo buró limpio pero no tengo aval, acepto póliza jurídica"),
		"longest":  wrote(strings.Repeat("Hola, ¿sigue disponible? ", 200)),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				spam.Judge(s)
			}
		})
	}
}
