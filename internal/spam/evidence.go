package spam

import (
	"math"
	"strings"
)

// evidence is a submission and what was found in its texts.
type evidence struct {
	Submission
	domain        string // of the e-mail address
	name, message reading
	pitch         [topics]int
}

// reading holds the counts for one text.
type reading struct {
	words, letters, cyrillic int
	mixed                    int // words that mix alphabets, which no language does
	judged                   int // how many words are judged
	long, gibberish          int // those of them that are long enough, and those that are gibberish

	hasMarkup bool
	tagWeight int // the weight of the worst tag

	links, bare, odd, shortened, examples, own int // links that are not ordinary, and how many are of each kind
}

// gather finds what there is in the submission.
func (e *evidence) gather() {
	_, e.domain, _ = strings.Cut(e.Inquiry.Email, "@")
	m := phraseMatcher{root: phrases(), points: &e.pitch}
	e.name = e.read(e.Inquiry.Name, &m, math.MaxInt)
	m.reset()
	e.message = e.read(e.Inquiry.Message, &m, fragment)
}

// read goes through a text once. It judges whether a word is gibberish for that many
// words at its beginning.
func (e *evidence) read(text string, m *phraseMatcher, judged int) reading {
	r := reading{judged: judged}
	r.hasMarkup, r.tagWeight = markup(text)
	for part := range parts(text) {
		l, isLink := parseLink(part)
		switch {
		case isLink && l.isOrdinary(e.Hosts):
			continue
		case isLink:
			r.addLink(l)
			r.own += when(strings.EqualFold(l.host, e.domain), 1)
		}
		m.inLink = isLink
		for w := range words(part) {
			m.add(w.folded())
			if !isLink {
				r.addWord(&w)
			}
		}
	}
	return r
}

func (r *reading) addWord(w *word) {
	r.words++
	r.letters += w.letters
	r.cyrillic += w.cyrillic
	r.mixed += when(w.isMixed(), 1)
	if w.letters >= minJudged && r.words <= r.judged {
		r.long++
		r.gibberish += when(w.isGibberish(), 1)
	}
}

func (r *reading) addLink(l link) {
	r.links++
	r.bare += when(l.bare, 1)
	r.odd += when(l.isOdd(), 1)
	r.shortened += when(l.isShortened(), 1)
	r.examples += when(l.isExample(), 1)
}

// fragment is the largest number of words of a text that is no sentence.
const fragment = 6

// isGibberish reports whether the text has only a few words and most of them are
// gibberish. A sentence with a typo in it is a sentence.
func (r *reading) isGibberish() bool { return r.words <= fragment && r.gibberish*2 > r.long }

// relief returns what talk of a property takes off a sales pitch: whoever buys a house
// speaks of loans, interest and returns, too.
func (e *evidence) relief() int {
	const most = 40
	pitch := 0
	for _, points := range e.pitch[:probe] {
		pitch += points
	}
	return min(e.pitch[property], most, pitch)
}

// lookalikes weighs words that mix Latin and Cyrillic letters to get past filters. One
// such word may be the typo of a person with two keyboards.
func (e *evidence) lookalikes() int {
	switch n := e.name.mixed + e.message.mixed; {
	case n == 0:
		return 0
	case n == 1:
		return some
	}
	return enough
}
