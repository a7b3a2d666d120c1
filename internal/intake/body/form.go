package body

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

var (
	errMultipart = errors.New("the multipart body is broken")
	errBoundary  = errors.New("the multipart boundary is missing or too long")
)

// parseURLEncoded parses a form as web servers do. A percent sign without two digits
// after it stands for itself, and so does a semicolon. Hand-made forms and texts of
// visitors have both.
func parseURLEncoded(body string) ([]Field, error) {
	all := make([]Field, 0, min(strings.Count(body, "&")+1, maxFields))
	filled := 0
	for pair := range strings.SplitSeq(body, "&") {
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		p := Field{Name: toUTF8(unescape(name)), Value: toUTF8(unescape(value))}
		if strings.TrimSpace(p.Value) != "" {
			filled++
		} else if len(all) >= maxBlank {
			continue
		}
		if filled > maxFields {
			return nil, errManyFields
		}
		all = append(all, p)
	}
	return all, nil
}

// unescape decodes %XX and +. Anything else stays as it is.
func unescape(s string) string {
	if strings.IndexByte(s, '%') < 0 && strings.IndexByte(s, '+') < 0 {
		return s
	}
	text := make([]byte, 0, 256) // most values are shorter, and need no allocation here
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '+':
			text = append(text, ' ')
		case c == '%' && i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]):
			text = append(text, fromHex(s[i+1])<<4|fromHex(s[i+2]))
			i += 2
		default:
			text = append(text, c)
		}
	}
	return string(text)
}

func isHex(c byte) bool {
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')
}

func fromHex(c byte) byte {
	switch {
	case c <= '9':
		return c - '0'
	case c <= 'F':
		return c - 'A' + 10
	}
	return c - 'a' + 10
}

// toUTF8 decodes a text that is not UTF-8 as Windows-1252, the charset of old sites. In
// it every byte has a meaning.
func toUTF8(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	if s, err := charmap.Windows1252.NewDecoder().String(s); err == nil {
		return s
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

// parseMultipart parses a form without files. It does so in memory, because the body is
// small.
func parseMultipart(body []byte, boundary string) ([]Field, error) {
	const maxLength = 70 // RFC 2046
	if boundary == "" || len(boundary) > maxLength {
		return nil, errBoundary
	}
	parts := multipart.NewReader(bytes.NewReader(body), boundary)
	var all []Field
	var content bytes.Buffer // of one part after the other
	for i := 0; ; i++ {
		part, err := parts.NextPart()
		switch {
		case errors.Is(err, io.EOF) && i == 0 && !bytes.Contains(body, []byte("--"+boundary+"--")):
			return nil, errMultipart // the header names another boundary
		case errors.Is(err, io.EOF):
			return all, nil
		case err != nil:
			return nil, errMultipart // the original would quote the part's header
		}
		p, isField, err := readPart(part, &content)
		switch {
		case err != nil:
			return nil, err
		case i >= maxFields:
			return nil, errManyFields
		}
		if isField {
			all = append(all, p)
		}
	}
}

// readPart reads one part. A file field that the visitor left empty is not a field.
func readPart(part *multipart.Part, content *bytes.Buffer) (p Field, isField bool, err error) {
	content.Reset()
	if _, err := content.ReadFrom(part); err != nil || isTooLong(part.Header) {
		return p, false, errMultipart
	}
	disposition, params, err := mime.ParseMediaType(toUTF8(part.Header.Get("Content-Disposition")))
	if err != nil || disposition != "form-data" || params["name"] == "" {
		return p, false, errMultipart
	}
	if filename, isFile := params["filename"]; isFile {
		if filename != "" || content.Len() > 0 {
			return p, false, errFile
		}
		return p, false, nil
	}
	return Field{Name: toUTF8(params["name"]), Value: toUTF8(content.String())}, true, nil
}

func isTooLong(header map[string][]string) bool {
	const maxSize = 4 << 10
	size := 0
	for name, values := range header {
		for _, value := range values {
			size += len(name) + len(value)
		}
	}
	return size > maxSize
}
