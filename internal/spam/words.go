package spam

import (
	"iter"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

const (
	// longestWord is how much of a word is compared; more does no harm.
	longestWord = 40
	// fewestToTell is how many letters show whether a word is one.
	fewestToTell = 5
)

// word is a run of letters and digits, without case, accents and the plural's
// s, and what its letters tell.
type word struct {
	text [longestWord]byte
	n    int

	letters, latin, cyrillic int
	vowels                   int
	consonants, run          int // the longest run of consonants, and the present one
	humps                    int // capitals after small letters
	steps                    int // pairs of neighbors on the keyboard
	last, lastFolded         rune
}

// words returns the words of a text. It keeps nothing, however long the text.
func words(s string) iter.Seq[word] {
	return func(yield func(word) bool) {
		var w word
		for _, r := range s {
			switch {
			case unicode.IsLetter(r), unicode.IsDigit(r):
				w.add(r)
			case unicode.Is(unicode.Mn, r): // an accent that stands apart
			case w.last != 0:
				if !yield(w) {
					return
				}
				w = word{}
			}
		}
		if w.last != 0 {
			yield(w)
		}
	}
}

func (w *word) add(r rune) {
	folded := fold(r)
	if w.n+utf8.RuneLen(folded) <= len(w.text) {
		w.n += utf8.EncodeRune(w.text[w.n:], folded)
	}
	if unicode.IsLetter(r) {
		w.addLetter(r, folded)
	}
	w.last, w.lastFolded = r, folded
}

func (w *word) addLetter(r, folded rune) {
	w.letters++
	switch {
	case folded < utf8.RuneSelf || unicode.Is(unicode.Latin, r):
		w.latin++
	case unicode.Is(unicode.Cyrillic, r):
		w.cyrillic++
	}
	w.run++
	if isVowel(folded) {
		w.vowels++
		w.run = 0
	}
	w.consonants = max(w.consonants, w.run)
	if unicode.IsUpper(r) && unicode.IsLower(w.last) {
		w.humps++
	}
	if areNeighbors(w.lastFolded, folded) {
		w.steps++
	}
}

// folded returns the word as it is compared. English and Spanish plurals fall
// together with their singulars.
func (w *word) folded() []byte {
	const shortest = 4
	if w.n >= shortest && w.text[w.n-1] == 's' {
		return w.text[:w.n-1]
	}
	return w.text[:w.n]
}

func (w *word) isMixed() bool { return w.latin > 0 && w.cyrillic > 0 }

// isGibberish reports letters that nobody could pronounce, or that lie in a
// row on the keyboard. It knows only the Latin alphabet without accents:
// robots draw from that, and of other scripts it could say nothing.
func (w *word) isGibberish() bool {
	const longestRun, mostHumps = 5, 2
	switch {
	case w.latin < w.letters, w.letters < fewestToTell:
		return false
	case w.consonants > longestRun, w.humps > mostHumps, w.steps*3 >= (w.letters-1)*2:
		return true
	}
	return w.letters > fewestToTell && w.vowels*8 < w.letters
}

func isVowel(folded rune) bool {
	switch folded {
	case 'a', 'e', 'i', 'o', 'u', 'y':
		return true
	}
	return folded >= utf8.RuneSelf // a letter that does not come apart may be one
}

// places are those of the letters in the lower two rows of the keyboard, one
// row after the other. The upper row has too many words in it.
var places = [...]int8{
	'a': 10, 's': 11, 'd': 12, 'f': 13, 'g': 14, 'h': 15, 'j': 16, 'k': 17, 'l': 18,
	'z': 30, 'x': 31, 'c': 32, 'v': 33, 'b': 34, 'n': 35, 'm': 36,
}

// areNeighbors reports a step to the next key.
func areNeighbors(a, b rune) bool {
	if a >= rune(len(places)) || b >= rune(len(places)) || places[a] == 0 || places[b] == 0 {
		return false
	}
	step := places[a] - places[b]
	return step == 1 || step == -1
}

// fold takes the case and the accents off a letter.
func fold(r rune) rune {
	if r < utf8.RuneSelf {
		if r >= 'A' && r <= 'Z' {
			r += 'a' - 'A'
		}
		return r
	}
	var buf [utf8.UTFMax]byte
	n := utf8.EncodeRune(buf[:], r)
	if d := norm.NFD.Properties(buf[:n]).Decomposition(); len(d) > 0 {
		r, _ = utf8.DecodeRune(d)
	}
	return unicode.ToLower(r)
}
