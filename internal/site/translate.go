package site

import "strings"

// translateDomain is the domain below which Google shows translated pages.
const translateDomain = ".translate.goog"

// translatedHosts returns the hosts whose page Google may show translated at host. A
// label encodes the whole name: a dot is "-" and a dash "--". "1-" precedes a name that
// is ambiguous, and "0-" replaces the "xn--" of an internationalized name. The page's
// query says which of these was used, but an origin has no query, so we return each.
// https://developers.google.com/search/docs/appearance/ad-network-and-translation
//
// If a name is too long for one label, its beginning is in the query alone. The rest may
// belong to anybody, so such an origin must be listed itself.
func translatedHosts(host string) []string {
	label, ok := strings.CutSuffix(host, translateDomain)
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

// decodeLabel decodes the dashes of a label. It returns "" if the result is not the name
// of a host.
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
