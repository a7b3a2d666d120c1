package body

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/url"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

var (
	errEscape    = errors.New("the form has a broken escape")
	errSemicolon = errors.New("the form has a semicolon between its fields")
	errMultipart = errors.New("the multipart body is broken")
	errBoundary  = errors.New("the multipart boundary is missing or too long")
)

// parseURLEncoded reads a form by hand: the standard library keeps the good
// pairs of a broken form and, in FormValue, drops the error.
func parseURLEncoded(body string) ([]Field, error) {
	all := make([]Field, 0, min(strings.Count(body, "&")+1, maxFields))
	var n count
	if strings.Contains(body, ";") {
		return nil, errSemicolon
	}
	for pair := range strings.SplitSeq(body, "&") {
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		p, err := unescape(name, value)
		if err != nil {
			return nil, err
		}
		if n.tooMany(p.Name) {
			return nil, errManyFields
		}
		all = append(all, p)
	}
	return all, nil
}

// count is how many fields a form has. Neighbors such as fields[email][id] and
// fields[email][value] are pieces of one: a plug-in that sends six for each
// would soon be over the limit.
type count struct {
	fields, pieces int
	last           string // of what the last piece was one
}

func (c *count) tooMany(name string) bool {
	whole := name
	if open := strings.LastIndexByte(name, '['); open > 0 {
		whole = name[:open]
	}
	if c.pieces++; whole != c.last || whole == name {
		c.fields++
	}
	c.last = whole
	return c.fields > maxFields || c.pieces > maxFields+mostLeaves
}

func unescape(name, value string) (Field, error) {
	name, errName := url.QueryUnescape(name)
	value, errValue := url.QueryUnescape(value)
	if errName != nil || errValue != nil {
		return Field{}, errEscape // theirs would quote the body
	}
	return Field{Name: toUTF8(name), Value: toUTF8(value)}, nil
}

// toUTF8 reads what is no UTF-8 as Windows-1252, which is what pages of old
// sites are written in. Every byte means something there.
func toUTF8(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	if s, err := charmap.Windows1252.NewDecoder().String(s); err == nil {
		return s
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

// parseMultipart reads a form without files, in memory: it is small.
func parseMultipart(body []byte, boundary string) ([]Field, error) {
	const longest = 70 // RFC 2046
	if boundary == "" || len(boundary) > longest {
		return nil, errBoundary
	}
	parts := multipart.NewReader(bytes.NewReader(body), boundary)
	var all []Field
	var n count
	for i := 0; ; i++ {
		part, err := parts.NextPart()
		switch {
		case errors.Is(err, io.EOF) && i == 0 && !bytes.Contains(body, []byte("--"+boundary+"--")):
			return nil, errMultipart // the boundary is another one
		case errors.Is(err, io.EOF):
			return all, nil
		case err != nil:
			return nil, errMultipart // theirs would quote the part's header
		}
		p, isField, err := readPart(part)
		switch {
		case err != nil:
			return nil, err
		case n.tooMany(p.Name): // an empty file field is one, too
			return nil, errManyFields
		}
		if isField {
			all = append(all, p)
		}
	}
}

// readPart reads one part. A file field that the visitor left empty is none.
func readPart(part *multipart.Part) (p Field, isField bool, err error) {
	content, err := io.ReadAll(part)
	if err != nil || isLong(part.Header) {
		return p, false, errMultipart
	}
	disposition, params, err := mime.ParseMediaType(toUTF8(part.Header.Get("Content-Disposition")))
	if err != nil || disposition != "form-data" || params["name"] == "" {
		return p, false, errMultipart
	}
	if filename, isFile := params["filename"]; isFile {
		if filename != "" || len(content) > 0 {
			return p, false, errFile
		}
		return p, false, nil
	}
	return Field{Name: toUTF8(params["name"]), Value: toUTF8(string(content))}, true, nil
}

func isLong(header map[string][]string) bool {
	const longest = 4 << 10
	size := 0
	for name, values := range header {
		for _, value := range values {
			size += len(name) + len(value)
		}
	}
	return size > longest
}
