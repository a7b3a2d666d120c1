package spam

import (
	_ "embed"
	"fmt"
	"strconv"
	"strings"
	"sync"
)

// topic is what a sales pitch is about.
type topic int

const (
	seo topic = iota
	loan
	crypto
	casino
	pharma
	adult
	phishing
	sales
	probe    // no pitch: what scanners try
	property // no pitch: what people ask about
	topics
)

var topicNames = [topics]string{"seo", "loan", "crypto", "casino", "pharma", "adult", "phishing", "sales", "probe", "property"}

// pitches are the words and phrases that tell of a pitch, with their points.
//
//go:embed pitches.txt
var pitches string

// phrase is a step in a phrase: where it goes on to, and whether it may end
// here.
type phrase struct {
	next map[string]*phrase

	index  int // its place among all phrases; zero where none ends
	topic  topic
	points int
}

// longestPhrase is how many words a phrase may have.
const longestPhrase = 6

// mostPhrases bounds how many there may be.
const mostPhrases = 1024

// phrases is the tree of all phrases, by words as [word.folded] gives them.
var phrases = sync.OnceValue(func() *phrase {
	root, err := plant(pitches)
	if err != nil {
		panic(err) // only a slip in the file does that, and no test would pass
	}
	return root
})

// plant makes the tree of a text with a section for each topic.
func plant(text string) (*phrase, error) {
	root := &phrase{}
	var at topic = -1
	n := 0
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		name, isTopic := strings.CutSuffix(line, ":")
		switch {
		case line == "", strings.HasPrefix(line, "#"):
		case isTopic:
			if at = topicOf(name); at < 0 {
				return nil, fmt.Errorf("spam: no topic is called %q", name)
			}
		default:
			n++
			if err := root.add(line, at, n); err != nil {
				return nil, err
			}
		}
	}
	return root, nil
}

func topicOf(name string) topic {
	for i, known := range topicNames {
		if known == name {
			return topic(i)
		}
	}
	return -1
}

// add adds a line such as "60 first page of google".
func (p *phrase) add(line string, t topic, index int) error {
	number, text, _ := strings.Cut(line, " ")
	points, err := strconv.Atoi(number)
	if err != nil || points <= 0 || t < 0 || index >= mostPhrases {
		return fmt.Errorf("spam: cannot use the line %q", line)
	}
	depth := 0
	for w := range words(text) {
		key := string(w.folded())
		if p.next == nil {
			p.next = map[string]*phrase{}
		}
		if p.next[key] == nil {
			p.next[key] = &phrase{}
		}
		p = p.next[key]
		depth++
	}
	if depth == 0 || depth > longestPhrase || p.index > 0 {
		return fmt.Errorf("spam: the phrase %q is empty, too long or there twice", text)
	}
	p.index, p.topic, p.points = index, t, points
	return nil
}

// pitcher hears a text word by word and adds up what its phrases weigh, each
// once.
type pitcher struct {
	points *[topics]int
	inLink bool // where a property's name says nothing of what is asked
	heard  [mostPhrases / 64]uint64
	open   [longestPhrase]*phrase // phrases that have begun, each with another number of words
	n      int
}

func (p *pitcher) hear(word []byte) {
	var open [longestPhrase]*phrase
	n := 0
	p.open[p.n] = phrases() // a phrase may begin with any word
	for _, from := range p.open[:p.n+1] {
		step := from.next[string(word)]
		if step == nil {
			continue
		}
		p.take(step)
		if step.next != nil {
			open[n] = step
			n++
		}
	}
	p.open, p.n = open, n
}

func (p *pitcher) take(step *phrase) {
	bit := uint64(1) << (step.index % 64)
	if step.index == 0 || p.heard[step.index/64]&bit != 0 || p.inLink && step.topic == property {
		return
	}
	p.heard[step.index/64] |= bit
	p.points[step.topic] += step.points
}

// stop ends what has begun: no phrase goes from one field into the next.
func (p *pitcher) stop() { p.n = 0 }
