package config

import (
	"io"
	"regexp"
	"strconv"
	"strings"
)

// Print writes the whole effective configuration in the words of the file,
// with dots for every secret. Loaded again, with the secrets put back, it
// gives the same.
func (c Config) Print(w io.Writer) error {
	var b strings.Builder
	printAll(&b, target{conf: &c}, "")
	b.WriteString("courier:\n")
	printAll(&b, target{conf: &c}, courier)
	b.WriteString("retention:\n")
	printAll(&b, target{conf: &c}, retention)
	b.WriteString("sites:\n")
	for i := range c.Sites {
		t := target{site: &c.Sites[i]}
		b.WriteString("  " + quote(t.site.ID) + ":\n")
		printAll(&b, t, perSite)
		b.WriteString("    easybroker:\n")
		printAll(&b, t, broker)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// printAll writes the settings whose keys begin with prefix and that have a
// value.
func printAll(b *strings.Builder, t target, prefix string) {
	indent := map[string]string{"": "", courier: "  ", retention: "  ", perSite: "    ", broker: "      "}[prefix]
	for _, s := range settings {
		if name, ok := s.below(prefix); ok {
			if text := flow(s.show(t)); text != "" {
				b.WriteString(indent + name + ": " + text + "\n")
			}
		}
	}
}

// flow writes a value on one line; a text or a mapping without anything in it
// is left out.
func flow(v value) string {
	texts := make([]string, len(v.items))
	for i, x := range v.items {
		texts[i] = quote(x.text)
		if v.kind == mapping {
			texts[i] = quote(x.name) + ": " + texts[i]
		}
	}
	all := strings.Join(texts, ", ")
	switch {
	case v.kind == list:
		return "[" + all + "]"
	case v.kind == mapping && all != "":
		return "{" + all + "}"
	case all == `""`:
		return ""
	}
	return all
}

// plain is what means the same with and without quotation marks.
var plain = regexp.MustCompile(`^[A-Za-z0-9/][A-Za-z0-9/_.-]*$`)

func isPlain(s string) bool { return plain.MatchString(s) && !strings.EqualFold(s, "null") }

// quote writes a text as YAML. The escapes of a Go string are YAML's, as long
// as the text is valid UTF-8, which the parsers see to.
func quote(s string) string {
	if isPlain(s) {
		return s
	}
	return strconv.Quote(s)
}
