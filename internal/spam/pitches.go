package spam

import (
	_ "embed"
	"fmt"
	"strconv"
	"strings"
	"sync"
)

// topic is the topic of a phrase.
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
	probe    // not a pitch, but what scanners post
	property // not a pitch, but what people ask about
	topics
)

var topicNames = [topics]string{"seo", "loan", "crypto", "casino", "pharma", "adult", "phishing", "sales", "probe", "property"}

// pitches are the words and phrases of sales pitches, with their points.
//
//go:embed pitches.txt
var pitches string

// node is a node in the tree of all phrases, after one of their words.
type node struct {
	next map[string]*node

	index  int // the number of the phrase that ends here; zero if none does
	topic  topic
	points int
}

const (
	maxPhraseLength = 6 // words
	maxPhrases      = 1024
)

// phrases returns the tree of all phrases, by words as [word.folded] returns them.
var phrases = sync.OnceValue(func() *node {
	root, err := parsePhrases(pitches)
	if err != nil {
		panic(err) // the file has a mistake, and no test would pass
	}
	return root
})

// parsePhrases parses a text with a section for each topic.
func parsePhrases(text string) (*node, error) {
	root := &node{}
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
func (p *node) add(line string, t topic, index int) error {
	number, text, _ := strings.Cut(line, " ")
	points, err := strconv.Atoi(number)
	if err != nil || points <= 0 || t < 0 || index >= maxPhrases {
		return fmt.Errorf("spam: cannot use the line %q", line)
	}
	depth := 0
	for w := range words(text) {
		key := string(w.folded())
		if p.next == nil {
			p.next = map[string]*node{}
		}
		if p.next[key] == nil {
			p.next[key] = &node{}
		}
		p = p.next[key]
		depth++
	}
	if depth == 0 || depth > maxPhraseLength || p.index > 0 {
		return fmt.Errorf("spam: the phrase %q is empty, too long or there twice", text)
	}
	p.index, p.topic, p.points = index, t, points
	return nil
}

// phraseMatcher reads a text word by word and adds up the points of its phrases, each
// of them once.
type phraseMatcher struct {
	root   *node
	points *[topics]int
	inLink bool                    // the words are in a link, where the name of a property tells nothing
	found  [maxPhrases / 64]uint64 // a bit for each phrase
	open   [maxPhraseLength]*node  // phrases that have begun, each with another number of words
	n      int                     // number of open phrases
}

// add reads the next word.
func (m *phraseMatcher) add(word []byte) {
	var open [maxPhraseLength]*node
	n := 0
	m.open[m.n] = m.root // a phrase may begin with any word
	for _, from := range m.open[:m.n+1] {
		step := from.next[string(word)]
		if step == nil {
			continue
		}
		m.count(step)
		if step.next != nil {
			open[n] = step
			n++
		}
	}
	m.open, m.n = open, n
}

// count adds the points of the phrase that ends here, if one does.
func (m *phraseMatcher) count(step *node) {
	bit := uint64(1) << (step.index % 64)
	if step.index == 0 || m.found[step.index/64]&bit != 0 || m.inLink && step.topic == property {
		return
	}
	m.found[step.index/64] |= bit
	m.points[step.topic] += step.points
}

// reset forgets the open phrases, because no phrase goes on in another field.
func (m *phraseMatcher) reset() { m.n = 0 }
