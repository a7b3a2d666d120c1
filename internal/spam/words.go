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

// word is a run of letters and digits. Its text is without case and accents.
type word struct {
	typed string
	text  [maxWord]byte
	n     int

	letters, cyrillic int
	others            int // letters that are neither Latin nor Cyrillic
}

// words returns the words of a text. It allocates nothing, however long the text is.
func words(s string) iter.Seq[word] {
	return func(yield func(word) bool) {
		var w word
		begin := -1 // of the word
		for i, r := range s {
			switch folded := fold(r); {
			case folded != 0:
				if begin < 0 {
					begin = i
				}
				w.add(r, folded)
			case r >= utf8.RuneSelf && unicode.Is(unicode.Mn, r): // an accent that stands apart
			case begin >= 0:
				w.typed = s[begin:i]
				if !yield(w) {
					return
				}
				w, begin = word{}, -1
			}
		}
		if begin >= 0 {
			w.typed = s[begin:]
			yield(w)
		}
	}
}

func (w *word) add(r, folded rune) {
	if w.n+utf8.RuneLen(folded) <= len(w.text) {
		w.n += utf8.EncodeRune(w.text[w.n:], folded)
	}
	if !unicode.IsLetter(r) {
		return
	}
	w.letters++
	switch {
	case folded < utf8.RuneSelf || unicode.Is(unicode.Latin, r):
	case unicode.Is(unicode.Cyrillic, r):
		w.cyrillic++
	default:
		w.others++
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

func (w *word) isMixed() bool { return w.cyrillic > 0 && w.cyrillic+w.others < w.letters }

// isGibberish reports whether nobody could pronounce the letters, or they are in a row
// on the keyboard. It judges only words in the Latin alphabet.
func (w *word) isGibberish() bool {
	const maxRun, maxHumps = 5, 2
	if w.cyrillic+w.others > 0 || w.letters < minJudged {
		return false
	}
	s := soundOf(w.typed)
	if s.consonants > maxRun || s.humps > maxHumps || s.steps*3 >= (w.letters-1)*2 {
		return true
	}
	return w.letters > minJudged && s.vowels*8 < w.letters
}

// sound is what tells whether a word can be pronounced.
type sound struct {
	vowels     int
	consonants int // the longest run of them
	humps      int // capitals after small letters
	steps      int // pairs of neighbors on the keyboard
}

func soundOf(typed string) (s sound) {
	run := 0 // the current run of consonants
	var last, lastFolded rune
	for _, r := range typed {
		folded := fold(r)
		if folded == 0 {
			continue // an accent that stands apart
		}
		if unicode.IsLetter(r) {
			run++
			if isVowel(folded) {
				s.vowels++
				run = 0
			}
			s.consonants = max(s.consonants, run)
			if unicode.IsUpper(r) && unicode.IsLower(last) {
				s.humps++
			}
			if areNeighbors(lastFolded, folded) {
				s.steps++
			}
		}
		last, lastFolded = r, folded
	}
	return s
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

// fold returns a letter in lower case and without its accents, and a digit as it is. It
// returns 0 for any other rune. It works rune by rune and allocates nothing; [lead.Fold]
// folds whole texts.
func fold(r rune) rune {
	if r < rune(len(foldedLatin)) {
		return foldedLatin[r]
	}
	return foldAny(r)
}

// foldedLatin holds what the first runes are folded to. Most texts have no others.
var foldedLatin = func() (folded [0x100]rune) {
	for i := range folded {
		folded[i] = foldAny(rune(i))
	}
	return folded
}()

func foldAny(r rune) rune {
	if !isWritten(r) {
		return 0
	}
	var buf [utf8.UTFMax]byte
	n := utf8.EncodeRune(buf[:], r)
	if d := norm.NFD.Properties(buf[:n]).Decomposition(); len(d) > 0 {
		r, _ = utf8.DecodeRune(d)
	}
	return unicode.ToLower(r)
}
