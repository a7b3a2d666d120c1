package config

import (
	"io"
	"regexp"
	"strconv"
	"strings"
)

// Print writes the effective settings in the format of the file, with dots for every
// secret. Loading the output, with the secrets filled in, gives the same settings.
func (c Config) Print(w io.Writer) error {
	var b strings.Builder
	printAll(&b, target{conf: &c}, "")
	b.WriteString("courier:\n")
	printAll(&b, target{conf: &c}, courier)
	b.WriteString("retention:\n")
	printAll(&b, target{conf: &c}, retention)
	b.WriteString("alerts:\n")
	printAll(&b, target{conf: &c}, alerts)
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

// printAll writes the settings that have a value and whose keys begin with the prefix.
func printAll(b *strings.Builder, t target, prefix string) {
	indent := map[string]string{"": "", courier: "  ", retention: "  ", alerts: "  ", perSite: "    ", broker: "      "}[prefix]
	for _, s := range settings {
		if name, ok := s.below(prefix); ok {
			if text := flowStyle(s.show(t)); text != "" {
				b.WriteString(indent + name + ": " + text + "\n")
			}
		}
	}
}

// flowStyle returns a value on one line. It returns "" for an empty text or mapping.
func flowStyle(v value) string {
	texts := make([]string, len(v.items))
	for i, x := range v.items {
		texts[i] = quote(x.text)
		if x.inner != nil {
			texts[i] = flowStyle(*x.inner)
		}
		if v.kind == mapping {
			texts[i] = quote(x.name) + ": " + texts[i]
		}
	}
	all := strings.Join(texts, ", ")
	switch {
	case v.kind == list && all == "" && v.leaveOut:
		return ""
	case v.kind == list:
		return "[" + all + "]"
	case v.kind == mapping && all != "":
		return "{" + all + "}"
	case all == `""`:
		return ""
	}
	return all
}

// plain matches texts that need no quotes in YAML.
var plain = regexp.MustCompile(`^[A-Za-z0-9/][A-Za-z0-9/_.-]*$`)

func isPlain(s string) bool { return plain.MatchString(s) && !strings.EqualFold(s, "null") }

// quote returns a text in YAML. The escapes of a Go string are also those of YAML if the
// text is valid UTF-8, which the parsers check.
func quote(s string) string {
	if isPlain(s) {
		return s
	}
	return strconv.Quote(s)
}
