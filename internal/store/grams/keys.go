// Package grams is the index by which leads are searched: which leads of a block may
// mention a text, by the letters of their fields, three at a time. It may name a lead
// too many and never one too few, so each lead that it names must be looked at. It
// holds no text, and does no I/O.
package grams

import (
	"hash/fnv"
	"slices"
	"unicode/utf8"

	"leadrelay/internal/lead"
)

// key is something that a lead has. Keys are on disk: whoever changes how they are
// made must empty the tables of the index.
//
// Three letters of ASCII are a key below 1<<letterBits, in alphabetic order. The last
// letters of a field are followed by zeros, so each letter begins a key. All else is
// hashed.
type key uint32

const (
	asciiBits  = 7
	letterBits = 3 * asciiBits
	hashBits   = 16
	nameBits   = 21
)

// The kinds of other keys.
const (
	foreignKind  = key(iota+1) << letterBits // three letters that are not all ASCII
	foreignOne                               // one that is not
	digitsKind                               // three digits of the folio or the phone
	longKind                                 // six of them
	coarseKind                               // what stands for several keys of a large lead
	siteKind                                 // the site
	propertyKind                             // the property
	largeKind                                // said of a lead with coarse keys
	hugeKind                                 // said of a lead without keys for its texts
)

// A lead with a long text has fewer, coarser keys, so that no text can fill the disk:
// with few keys, those of many such leads lie close together. The usual lead has two hundred.
const (
	maxKeys       = 400
	maxCoarseKeys = 1000
	coarseBits    = 12
)

// appendKeys appends what the lead has, in order.
func appendKeys(keys []key, l *lead.Lead) []key {
	for _, f := range lead.Fields() {
		keys = appendText(keys, lead.Fold(l.Get(f)))
	}
	keys = appendNumber(keys, lead.Digits(l.Phone))
	keys = sorted(appendNumber(keys, l.RemoteID.String()))
	if len(keys) > maxKeys {
		for i, k := range keys {
			keys[i] = k.coarse()
		}
		keys = append(sorted(keys), largeKind)
	}
	if len(keys) > maxCoarseKeys {
		keys = append(keys[:0], hugeKind)
	}
	return sorted(append(keys, named(siteKind, l.Site), named(propertyKind, l.PropertyID)))
}

func sorted(keys []key) []key {
	slices.Sort(keys)
	return slices.Compact(keys)
}

func appendText(keys []key, text string) []key {
	runes := append([]rune(text), 0, 0)
	for i, r := range runes[:len(runes)-2] {
		second, third := runes[i+1], runes[i+2]
		keys = append(keys, three(r, second, third))
		switch { // one or two letters are found, too
		case r >= utf8.RuneSelf:
			keys = append(keys, one(r))
		case second >= utf8.RuneSelf:
			keys = append(keys, three(r, 0, 0))
		case third >= utf8.RuneSelf:
			keys = append(keys, three(r, second, 0))
		}
	}
	return keys
}

// appendNumber appends the keys of digits: three of them are common.
func appendNumber(keys []key, digits string) []key {
	for i := range max(0, len(digits)-shortDigits+1) {
		keys = append(keys, digitsOf(digits[i:][:shortDigits]))
	}
	for i := range max(0, len(digits)-longDigits+1) {
		keys = append(keys, digitsOf(digits[i:][:longDigits]))
	}
	return keys
}

const shortDigits, longDigits = 3, 6

func digitsOf(digits string) key {
	if len(digits) == longDigits {
		return named(longKind, digits)
	}
	return named(digitsKind, digits)
}

func three(a, b, c rune) key {
	if a|b|c < utf8.RuneSelf {
		return key(a)<<(2*asciiBits) | key(b)<<asciiBits | key(c)
	}
	return foreignKind | hash(a, b, c)>>(32-hashBits)
}

func one(r rune) key { return foreignOne | hash(r)>>(32-hashBits) }

func (k key) coarse() key { return coarseKind | hash(rune(k))>>(32-coarseBits) }

// hash mixes runes well enough for its upper bits to be used.
func hash(runes ...rune) (h key) {
	const odd = 0x9e3779b1
	for _, r := range runes {
		h = (h ^ h>>15 ^ key(r)) * odd //nolint:gosec // all bits count
	}
	h ^= h >> 13
	return h * odd
}

func named(kind key, name string) key {
	h := fnv.New32a()
	_, _ = h.Write([]byte(name))
	return kind | key(h.Sum32())>>(32-nameBits)
}
