package spam

import (
	"iter"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

const (
	// maxWord is how many bytes of a word are compared. The rest is ignored.
	maxWord = 40
	// minJudged is how many letters a word needs to be judged as gibberish or not.
	minJudged = 5
)

// word is a run of letters and digits, without case and accents, and what its letters
// tell.
type word struct {
	text [maxWord]byte
	n    int

	letters, latin, cyrillic int
	vowels                   int
	consonants, run          int // the longest run of consonants, and the current one
	humps                    int // capitals after small letters
	steps                    int // pairs of neighbors on the keyboard
	last, lastFolded         rune
}

// words returns the words of a text. It allocates nothing, however long the text is.
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

// folded returns the word as it is compared. English and Spanish plurals are the same
// as their singulars.
func (w *word) folded() []byte {
	const shortest = 4
	if w.n >= shortest && w.text[w.n-1] == 's' {
		return w.text[:w.n-1]
	}
	return w.text[:w.n]
}

func (w *word) isMixed() bool { return w.latin > 0 && w.cyrillic > 0 }

// isGibberish reports whether nobody could pronounce the letters, or they are in a row
// on the keyboard. It judges only words in the Latin alphabet.
func (w *word) isGibberish() bool {
	const maxRun, maxHumps = 5, 2
	switch {
	case w.latin < w.letters, w.letters < minJudged:
		return false
	case w.consonants > maxRun, w.humps > maxHumps, w.steps*3 >= (w.letters-1)*2:
		return true
	}
	return w.letters > minJudged && w.vowels*8 < w.letters
}

func isVowel(folded rune) bool {
	switch folded {
	case 'a', 'e', 'i', 'o', 'u', 'y':
		return true
	}
	return folded >= utf8.RuneSelf // a letter that has no decomposition may be one
}

// keys are the positions of the letters in the lower two rows of the keyboard. The
// upper row is left out, because too many words are made of its letters.
var keys = [...]int8{
	'a': 10, 's': 11, 'd': 12, 'f': 13, 'g': 14, 'h': 15, 'j': 16, 'k': 17, 'l': 18,
	'z': 30, 'x': 31, 'c': 32, 'v': 33, 'b': 34, 'n': 35, 'm': 36,
}

// areNeighbors reports whether two letters are on neighboring keys.
func areNeighbors(a, b rune) bool {
	if a >= rune(len(keys)) || b >= rune(len(keys)) || keys[a] == 0 || keys[b] == 0 {
		return false
	}
	step := keys[a] - keys[b]
	return step == 1 || step == -1
}

// fold returns the letter in lower case and without its accents. It works letter by
// letter and allocates nothing; [lead.Fold] folds whole texts.
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
