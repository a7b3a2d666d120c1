package spam

import (
	"strings"
)

// evidence is a submission and what its texts hold.
type evidence struct {
	*Submission
	domain        string // of the mail address
	name, message reading
	pitch         [topics]int
}

// reading is what one text holds, counted.
type reading struct {
	words, letters, cyrillic int
	mixed                    int // words that mix alphabets, as no language does
	long, gibberish          int // words long enough to tell, and those that are none

	marked  bool // it has markup
	gravest int  // what the gravest tag of that weighs

	links, bare, odd, shortened, examples, own int // other people's links, and how many are of a kind
}

func gather(s *Submission) evidence {
	e := evidence{Submission: s}
	_, e.domain, _ = strings.Cut(s.Inquiry.Email, "@")
	var p pitcher
	p.points = &e.pitch
	e.name = e.read(s.Inquiry.Name, &p)
	p.stop()
	e.message = e.read(s.Inquiry.Message, &p)
	return e
}

// read goes over a text once.
func (e *evidence) read(text string, p *pitcher) reading {
	var r reading
	r.marked, r.gravest = marked(text)
	for field := range strings.FieldsFuncSeq(text, isDelimiter) {
		l, isLink := parseLink(field)
		switch {
		case isLink && l.isOrdinary(e.Hosts):
			continue
		case isLink:
			r.addLink(l)
			r.own += when(strings.EqualFold(l.host, e.domain), 1)
		}
		p.inLink = isLink
		for w := range words(field) {
			p.hear(w.folded())
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
	if w.letters >= fewestToTell {
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

// isGibberish reports a text of a few words, most of them none. A sentence
// with a slip in it is a sentence.
func (r *reading) isGibberish() bool {
	const few = 6
	return r.words <= few && r.gibberish*2 > r.long
}

// relief is what talk of a property takes off a sales pitch: whoever buys a
// house speaks of loans, interest and returns, too.
func (e *evidence) relief() int {
	const most = 40
	pitch := 0
	for _, points := range e.pitch[:probe] {
		pitch += points
	}
	return min(e.pitch[property], most, pitch)
}

// lookalikes weighs words that mix Latin and Cyrillic letters to slip past
// filters. One may be a slip of a person with two keyboards.
func (e *evidence) lookalikes() int {
	switch n := e.name.mixed + e.message.mixed; {
	case n == 0:
		return 0
	case n == 1:
		return some
	}
	return enough
}
