package web

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"
)

// dom is a page as a browser parses it.
type dom struct{ root *html.Node }

func parse(t *testing.T, render func(*bytes.Buffer) error) dom {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, render(&b))
	root, err := html.Parse(&b)
	require.NoError(t, err)
	return dom{root}
}

func (d dom) all(want func(*html.Node) bool) []*html.Node {
	var found []*html.Node
	for n := range d.root.Descendants() {
		if n.Type == html.ElementNode && want(n) {
			found = append(found, n)
		}
	}
	return found
}

func (d dom) byID(id string) []*html.Node {
	return d.all(func(n *html.Node) bool { return id != "" && attr(n, "id") == id })
}

// posts returns the pairs that a browser would send.
func (d dom) posts() []Pair {
	var pairs []Pair
	for _, n := range d.all(func(n *html.Node) bool { return n.Data == "input" || n.Data == "textarea" }) {
		value := attr(n, "value")
		if n.Data == "textarea" {
			value = content(n)
		}
		pairs = append(pairs, Pair{attr(n, "name"), value})
	}
	return pairs
}

func (d dom) text() string { return content(d.root) }

func content(n *html.Node) string {
	var b strings.Builder
	for c := range n.Descendants() {
		if c.Type == html.TextNode {
			b.WriteString(c.Data)
		}
	}
	return b.String()
}

func runsScript(n *html.Node) bool {
	if n.Data == "script" || n.Data == "style" {
		return true
	}
	for _, a := range n.Attr {
		if strings.HasPrefix(a.Key, "on") || a.Key == "style" || strings.HasPrefix(a.Val, "javascript:") {
			return true
		}
	}
	return false
}

func has(n *html.Node, key string) bool {
	for _, a := range n.Attr {
		if a.Key == key {
			return true
		}
	}
	return false
}

func attr(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}
