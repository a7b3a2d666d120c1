// Package body reads the fields that a request posts, in order and as text, whatever
// the form of the body. It is strict about structure, because two readers of one body
// must see the same, and lenient about charsets. It writes nothing to disk and knows
// nothing about leads.
package body

import (
	"bytes"
	"encoding/json"
	"errors"
	"mime"
	"net/http"
	"os"
	"strings"
)

const (
	maxBody = 64 << 10
	// maxFields is how many fields a form may have that are not blank. Real forms have
	// two hundred at most, nearly all of them blank.
	maxFields = 1000
	// maxBlank is the number of fields from which on blank ones are dropped. They say
	// nothing, but each of them takes time to look up.
	maxBlank = 2 * maxFields
)

// Reasons why a body cannot be read. The texts go to the log, so they hold no piece of
// the body.
var (
	errEmptyBody  = errors.New("the body is empty")
	errCutOff     = errors.New("the body ends early")
	errSlow       = errors.New("the body comes too slowly")
	errManyFields = errors.New("the body has too many fields")
	errFile       = errors.New("the form holds a file")
	errMedia      = errors.New("the content type is none of ours")
	errCharset    = errors.New("the charset is not UTF-8")
	errEncoding   = errors.New("the content encoding is not identity")
)

// Field is one posted field.
type Field struct {
	Name, Value string
	Kind        Kind
}

// Kind is what a value was before it became text.
type Kind uint8

// The kinds of a value. A form has only text.
const (
	Text   Kind = iota
	Number      // as it was written
	Bool
	Nested // a list, or an object that is not read; the value is its JSON if it lies too deep, and else empty
	null   // as if there were no field
)

// Media is a parsed Content-Type header.
type Media struct {
	kind     mediaKind
	boundary string
	refused  error // why it is not accepted; nil if it is
}

type mediaKind uint8

const (
	otherBody mediaKind = iota
	jsonBody
	urlEncodedBody
	multipartBody
)

// IsJSON reports whether the body is JSON, even if it is called plain text.
func (m Media) IsJSON() bool { return m.kind == jsonBody }

// IsForm reports whether the body is of a kind that a plain HTML form sends.
func (m Media) IsForm() bool { return m.kind == urlEncodedBody || m.kind == multipartBody }

// maxContentType is the longest Content-Type that is read. No client sends more.
const maxContentType = 1 << 10

// ParseMedia parses a Content-Type header. [Read] refuses types that are not accepted.
func ParseMedia(contentType string) Media {
	switch contentType { // the fast path of nearly all clients
	case "application/json":
		return Media{kind: jsonBody}
	case "application/x-www-form-urlencoded":
		return Media{kind: urlEncodedBody}
	}
	if len(contentType) > maxContentType {
		return Media{refused: errMedia}
	}
	name, params, err := mime.ParseMediaType(contentType)
	if err != nil && !errors.Is(err, mime.ErrInvalidMediaParameter) {
		return Media{refused: errMedia}
	}
	switch name {
	case "application/json", "text/plain": // a beacon calls its JSON plain text
		m := Media{kind: jsonBody}
		if charset, ok := params["charset"]; ok && !strings.EqualFold(charset, "utf-8") && !strings.EqualFold(charset, "utf8") {
			m.refused = errCharset
		}
		return m
	case "application/x-www-form-urlencoded":
		return Media{kind: urlEncodedBody}
	case "multipart/form-data":
		return Media{kind: multipartBody, boundary: params["boundary"]}
	}
	return Media{refused: errMedia}
}

// Error tells why a body cannot be read. Its text is that of the cause, and holds no
// piece of the body.
type Error struct {
	Reason Reason
	Cause  error
}

func (e *Error) Error() string {
	if e.Cause == nil {
		return "the body is too large"
	}
	return e.Cause.Error()
}

func (e *Error) Unwrap() error { return e.Cause }

// Reason is the kind of an [Error].
type Reason uint8

// The reasons.
const (
	Unreadable        Reason = iota
	TooLarge                 // net/http reads a little more, so that no reset destroys the answer, and then closes
	UnsupportedType          // the Content-Type is not in [AcceptPost], or the form holds a file
	UnsupportedCoding        // the Content-Encoding is not identity
)

// AcceptPost lists the accepted types, as in the header of that name.
const AcceptPost = "application/json, application/x-www-form-urlencoded, multipart/form-data, text/plain"

// Read reads the fields of a request. leftOut counts those that are more than it keeps.
// The error is an [*Error].
func Read(w http.ResponseWriter, r *http.Request, m Media) (all []Field, leftOut int, err error) {
	if err := checkHeaders(r, m); err != nil {
		return nil, 0, err
	}
	body, err := readBody(w, r)
	if err != nil {
		return nil, 0, err
	}
	all, leftOut, err = m.parse(body)
	switch {
	case errors.Is(err, errFile):
		return nil, 0, &Error{UnsupportedType, err}
	case err != nil:
		return nil, 0, &Error{Unreadable, err}
	}
	return all, leftOut, nil
}

func (m Media) parse(body []byte) (all []Field, leftOut int, err error) {
	switch {
	case len(bytes.TrimSpace(body)) == 0:
		err = errEmptyBody
	case m.kind == jsonBody, m.kind == urlEncodedBody && isObject(body):
		return parseJSON(body)
	case m.kind == urlEncodedBody:
		all, err = parseURLEncoded(string(body))
	default:
		all, err = parseMultipart(body, m.boundary)
	}
	return all, 0, err
}

// isObject reports whether the body is JSON that is called a form, as curl -d and
// jQuery's post send it. No form begins like this.
func isObject(body []byte) bool {
	body = bytes.TrimSpace(body)
	return body[0] == '{' && json.Valid(body)
}

// checkHeaders refuses a body because of its headers.
func checkHeaders(r *http.Request, m Media) error {
	if r.ContentLength > maxBody {
		return &Error{TooLarge, nil}
	}
	if coding := strings.Join(r.Header["Content-Encoding"], ","); coding != "" && !strings.EqualFold(coding, "identity") {
		return &Error{UnsupportedCoding, errEncoding}
	}
	if m.refused != nil {
		return &Error{UnsupportedType, m.refused}
	}
	return nil
}

func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	const usual = 4 << 10 // a larger body gets its buffer as the bytes come
	var body bytes.Buffer
	if r.ContentLength > 0 {
		body.Grow(int(min(r.ContentLength, usual)) + bytes.MinRead)
	}
	if _, err := body.ReadFrom(http.MaxBytesReader(w, r.Body, maxBody)); err != nil {
		return nil, readError(err)
	}
	return body.Bytes(), nil
}

func readError(err error) *Error {
	if _, isOver := errors.AsType[*http.MaxBytesError](err); isOver {
		return &Error{TooLarge, err}
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return &Error{Unreadable, errSlow}
	}
	return &Error{Unreadable, errCutOff} // the original may name the client's address
}
