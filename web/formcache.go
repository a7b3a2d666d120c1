package web

import (
	"bytes"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"leadrelay/internal/bounded"
)

// formCache keeps rendered forms that are cut open where the values of a visitor
// stand. To execute the template takes five times as long as to fill such a form in,
// and anybody may ask for as many forms as he likes, with other values each time.
type formCache struct {
	mu    sync.Mutex
	forms bounded.Map[string, []piece]
}

// maxCachedForms is how many forms a generation of the cache has. There is one for
// each site, language and set of wrong fields. It has some 5 kB.
const maxCachedForms = 128

var forms = formCache{forms: bounded.New[string, []piece](maxCachedForms)}

// piece is a part of a page, and the value that follows it.
type piece struct {
	html  string
	value int // noValue, hiddenValues, or an index of the values
}

const (
	noValue      = -1
	hiddenValues = -2 // all pairs of FormPage.Hidden, in the tag of one
)

// RenderForm writes the hosted form.
func RenderForm(w io.Writer, p FormPage) error {
	shape, values := blank(p)
	pieces, err := forms.find(shape)
	if err != nil {
		return err
	}
	_, err = w.Write(fill(pieces, values, p.Hidden))
	return err
}

// blank returns the form with a mark for each value that is not empty, and the values.
// The template does not look into a value, except whether it is empty.
func blank(p FormPage) (shape FormPage, values []string) {
	mark := func(s string) string {
		if s == "" {
			return ""
		}
		values = append(values, s)
		return markOf(len(values) - 1)
	}
	p.PropertyID = mark(p.PropertyID)
	p.Fields = slices.Clone(p.Fields)
	for i := range p.Fields {
		f := &p.Fields[i]
		f.Name, f.Value, f.Error = mark(f.Name), mark(f.Value), mark(f.Error)
	}
	if len(p.Hidden) > 0 {
		p.Hidden = []Pair{{Name: hiddenMark, Value: hiddenMark}}
	}
	return p, values
}

// Marks are of Unicode's private use, which no text of ours has.
const hiddenMark = "\uE000h\uE001"

func markOf(value int) string { return "\uE000" + strconv.Itoa(value) + "\uE001" }

var (
	marks     = regexp.MustCompile("\uE000(\\d+)\uE001")
	hiddenTag = regexp.MustCompile("\n<[^>]*" + hiddenMark + "[^>]*" + hiddenMark + "[^>]*>")
)

// find returns the pieces of a form with marks.
func (c *formCache) find(shape FormPage) ([]piece, error) {
	key := fmt.Sprintf("%#v", shape)
	c.mu.Lock()
	pieces, ok := c.forms.Get(key)
	c.mu.Unlock()
	if ok {
		return pieces, nil
	}
	var page bytes.Buffer
	if err := formPage.Execute(&page, newFormView(shape)); err != nil {
		return nil, err
	}
	pieces = cut(page.String())
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forms.Put(key, pieces)
	return pieces, nil
}

// cut cuts a page at its marks.
func cut(page string) (pieces []piece) {
	if at := hiddenTag.FindStringIndex(page); at != nil {
		pieces = append(cut(page[:at[0]]), piece{page[at[0]:at[1]], hiddenValues})
		return append(pieces, cut(page[at[1]:])...)
	}
	begin := 0
	for _, at := range marks.FindAllStringSubmatchIndex(page, -1) {
		value, _ := strconv.Atoi(page[at[2]:at[3]]) // the mark has digits alone
		pieces = append(pieces, piece{page[begin:at[0]], value})
		begin = at[1]
	}
	return append(pieces, piece{page[begin:], noValue})
}

// fill fills a form in. Every value stands in text or in quotes, where html/template
// escapes alike.
func fill(pieces []piece, values []string, hidden []Pair) []byte {
	var page bytes.Buffer
	page.Grow(8 << 10)
	for _, p := range pieces {
		switch p.value {
		case hiddenValues:
			parts := strings.Split(p.html, hiddenMark)
			for _, pair := range hidden {
				page.WriteString(parts[0])
				_, _ = escaper.WriteString(&page, pair.Name) // a buffer takes all
				page.WriteString(parts[1])
				_, _ = escaper.WriteString(&page, pair.Value)
				page.WriteString(parts[2])
			}
		case noValue:
			page.WriteString(p.html)
		default:
			page.WriteString(p.html)
			_, _ = escaper.WriteString(&page, values[p.value])
		}
	}
	return page.Bytes()
}

// escaper escapes like html/template.
var escaper = strings.NewReplacer("\x00", "\uFFFD", `"`, "&#34;", "&", "&amp;", "'", "&#39;", "+", "&#43;", "<", "&lt;", ">", "&gt;")
