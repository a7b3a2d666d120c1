package site

import "strings"

// translated is the domain below which Google shows translated pages.
const translated = ".translate.goog"

// originals are the hosts whose page Google's translation may show at host. A
// label encodes the whole name: a dot is "-" and a dash "--", "1-" goes before
// a name that could be misread, and "0-" stands for the "xn--" of a name with
// other letters than a to z. The page's query tells which of these was used, but
// an origin has no query, so each reading counts.
// https://developers.google.com/search/docs/appearance/ad-network-and-translation
//
// The start of a name that is too long for one label stands in the query
// alone. What is left could be anybody's, so such an origin has to be listed as
// it is.
func originals(host string) []string {
	label, ok := strings.CutSuffix(host, translated)
	if !ok || strings.Contains(label, ".") {
		return nil
	}
	labels, hosts := []string{label}, []string(nil)
	if rest, ok := strings.CutPrefix(label, "1-"); ok {
		labels = append(labels, rest)
	}
	for _, label := range labels {
		if name := decodeLabel(label); name != "" {
			hosts = append(hosts, name)
		}
		if rest, ok := strings.CutPrefix(label, "0-"); ok && decodeLabel(rest) != "" {
			hosts = append(hosts, "xn--"+decodeLabel(rest))
		}
	}
	return hosts
}

// decodeLabel turns dashes back into what they stand for. It returns "" for
// what is not the name of a host.
func decodeLabel(label string) string {
	var b strings.Builder
	for rest := label; rest != ""; {
		text := strings.TrimLeft(rest, "-")
		dashes := len(rest) - len(text)
		switch {
		case dashes == 1:
			b.WriteByte('.')
		case dashes%2 == 1: // no name has a dash beside a dot
			return ""
		default:
			b.WriteString(strings.Repeat("-", dashes/2))
		}
		end := strings.IndexByte(text, '-')
		if end < 0 {
			end = len(text)
		}
		b.WriteString(text[:end])
		rest = text[end:]
	}
	if name := b.String(); isLabels(name) && strings.Contains(name, ".") {
		return name
	}
	return ""
}
