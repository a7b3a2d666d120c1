package main

import (
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path"
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// longestLine is how long a line of a README may be. A table's row, code and a
// line that has no space to break at may be longer.
const longestLine = 120

func TestTheMarkdownHasNoDeadLink(t *testing.T) {
	if testing.Short() {
		t.Skip("it has nothing to race with")
	}
	root := os.DirFS("../..")
	require.Empty(t, deadLinks(t, root, markdown(t, root)))
}

func TestTheReadmesHaveNoLongLines(t *testing.T) {
	root := os.DirFS("../..")
	for _, file := range markdown(t, root) {
		if path.Base(file) == "README.md" || strings.HasPrefix(file, ".github/") {
			require.Empty(t, strings.Join(longLines(readMarkdown(t, root, file)), "\n"), file)
		}
	}
}

// Both are worth nothing unless they find something.
func TestWhatIsWrongWithAPageIsFound(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		require.NoError(t, os.MkdirAll(path.Dir(dir+"/"+name), 0o700))
		require.NoError(t, os.WriteFile(dir+"/"+name, []byte(text), 0o600))
	}
	write("README.md", "# The `relay`, *twice*\n## Año nuevo: ¿qué?\n## Same\n## Same\n<a id=\"here\"></a>\n"+
		"[fine](#the-relay-twice) [fine](#año-nuevo-qué) [fine](#same-1) [fine](#here) [fine](sub/) [fine](sub/page.md#a-title) ![fine](sub/page.md \"title\")\n"+
		"[fine](https://example.com/nothing) [fine](mailto:a@b.mx) `[no link](nowhere)`\n```\n[no link](nowhere)\n# no heading\n```\n"+
		"[dead](nowhere.md) [dead](#no-heading) [dead](#same-2)\n[dead](sub/page.md#nothing) <a href=\"gone.html\">dead</a>\n[ref]: missing.md\n")
	write("sub/page.md", "# A title\n[fine](../README.md#same) [dead](../../outside.md)\n")
	root := os.DirFS(dir)
	require.ElementsMatch(t, []string{
		"README.md: nowhere.md", "README.md: #no-heading", "README.md: #same-2", "README.md: sub/page.md#nothing", "README.md: gone.html", "README.md: missing.md",
		"sub/page.md: ../../outside.md",
	}, deadLinks(t, root, markdown(t, root)))

	word := strings.Repeat("x", longestLine)
	require.Empty(t, longLines("ñ"+word[1:]+"\n| "+word+" | b |\n```\nhere "+word+"\n```\n- ["+word+"](https://example.com)\n"))
	require.Len(t, longLines("some words and "+word[1:]+"\n"+strings.Repeat("a word ", 20)+"\n"), 2)
}

// markdown are the Markdown files of the repository.
func markdown(t *testing.T, root fs.FS) (files []string) {
	t.Helper()
	require.NoError(t, fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == ".git" || d.Name() == "node_modules" || name == "bin"):
			return fs.SkipDir
		case path.Ext(name) == ".md":
			files = append(files, name)
		}
		return nil
	}))
	require.NotEmpty(t, files)
	return files
}

func readMarkdown(t *testing.T, root fs.FS, file string) string {
	t.Helper()
	text, err := fs.ReadFile(root, file)
	require.NoError(t, err)
	return string(text)
}

var (
	inlineCode = regexp.MustCompile("``.*?``|`[^`]*`")
	linkTarget = regexp.MustCompile(`\]\(<?([^)\s>]+)>?(?:\s+"[^"]*")?\)|(?m:^\[[^\]]+\]:\s*(\S+))|(?:href|src)="([^"]+)"`)
	ownAnchor  = regexp.MustCompile(`<a (?:id|name)="([^"]+)"`)
	heading    = regexp.MustCompile(`^#{1,6} +(.*?)#*$`)
)

// prose returns the lines of a page that are no block of code; the others are
// empty.
func prose(text string) []string {
	lines := strings.Split(text, "\n")
	fence := ""
	for i, line := range lines {
		begins := strings.TrimLeft(line, " >")
		switch {
		case fence == "" && (strings.HasPrefix(begins, "```") || strings.HasPrefix(begins, "~~~")):
			fence, lines[i] = begins[:3], ""
		case fence != "" && strings.HasPrefix(begins, fence):
			fence, lines[i] = "", ""
		case fence != "":
			lines[i] = ""
		}
	}
	return lines
}

// deadLinks returns the links that lead to no file of the repository, or to no
// heading in it. It asks nobody about links to other places.
func deadLinks(t *testing.T, root fs.FS, files []string) (dead []string) {
	t.Helper()
	for _, file := range files {
		text := inlineCode.ReplaceAllString(strings.Join(prose(readMarkdown(t, root, file)), "\n"), "")
		for _, m := range linkTarget.FindAllStringSubmatch(text, -1) {
			link := m[1] + m[2] + m[3]
			if !isAlive(t, root, file, link) {
				dead = append(dead, file+": "+link)
			}
		}
	}
	return dead
}

func isAlive(t *testing.T, root fs.FS, file, link string) bool {
	t.Helper()
	target, err := url.Parse(link)
	if err != nil {
		return false
	}
	if target.Scheme != "" || target.Host != "" {
		return true
	}
	to := file
	if target.Path != "" {
		to = path.Join(path.Dir(file), target.Path)
	}
	if _, err := fs.Stat(root, to); err != nil {
		return false
	}
	return target.Fragment == "" || path.Ext(to) == ".md" && anchors(readMarkdown(t, root, to))[target.Fragment]
}

// anchors are the places of a page that a link can lead to, as GitHub names them.
func anchors(text string) map[string]bool {
	all := map[string]bool{}
	times := map[string]int{}
	for _, line := range prose(text) {
		for _, m := range ownAnchor.FindAllStringSubmatch(line, -1) {
			all[m[1]] = true
		}
		m := heading.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		anchor := slug(m[1])
		if n := times[anchor]; n > 0 {
			all[fmt.Sprint(anchor, "-", n)] = true
		} else {
			all[anchor] = true
		}
		times[anchor]++
	}
	return all
}

var headingLink = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)

func slug(title string) string {
	title = headingLink.ReplaceAllString(strings.TrimSpace(title), "$1")
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-', r == '_', unicode.IsLetter(r), unicode.IsNumber(r), unicode.IsMark(r):
			return unicode.ToLower(r)
		}
		return -1
	}, title)
}

// longLines returns the lines that are too long though they could be broken.
func longLines(text string) (long []string) {
	for _, line := range prose(text) {
		if utf8.RuneCountInString(line) <= longestLine || strings.HasPrefix(strings.TrimSpace(line), "|") {
			continue
		}
		if canBeBroken(line) {
			long = append(long, line)
		}
	}
	return long
}

var listMarker = regexp.MustCompile(`^\s*(?:[-*+>]|\d+\.)?\s*`)

// canBeBroken reports whether there is a space outside of code, tags, pictures and
// the addresses of links.
func canBeBroken(line string) bool {
	line = strings.TrimSpace(listMarker.ReplaceAllString(line, ""))
	for _, whole := range []*regexp.Regexp{inlineCode, regexp.MustCompile(`<[^>]*>`), regexp.MustCompile(`!\[[^\]]*\]`), regexp.MustCompile(`\]\([^)]*\)`)} {
		line = whole.ReplaceAllString(line, "x")
	}
	return strings.Contains(line, " ")
}
