// Package body reads what a request posts, in whichever form: the fields, in
// order, as text. It is strict about structure, because two readers of one
// body must see the same, and lenient about charsets. It keeps nothing on disk
// and knows nothing of leads.
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
	// maxFields is how many fields that are not blank a form may have. Real ones
	// have some two hundred at most, nearly all of them blank.
	maxFields = 1000
	// maxBlank is the number of fields from which blank ones are dropped: they
	// say nothing, but each costs a look at its name.
	maxBlank = 2 * maxFields
)

// What makes a body unreadable. None of the texts holds a piece of the body:
// they go to the log.
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

// Field is one field as it came.
type Field struct {
	Name, Value string
	Kind        Kind
}

// Kind is what a value was before it became text.
type Kind uint8

// The kinds of a value. A form knows text only.
const (
	Text   Kind = iota
	Number      // as it was written
	Bool
	Nested // a list, or an object in which nothing is read; the value is its JSON where it lies too deep, and else left out
	null   // the same as no field
)

// Media is what a Content-Type header says.
type Media struct {
	kind     mediaKind
	boundary string
	refused  error // why it is not taken
}

type mediaKind uint8

const (
	otherBody mediaKind = iota
	jsonBody
	urlEncodedBody
	multipartBody
)

// IsJSON reports JSON, also where it calls itself plain text.
func (m Media) IsJSON() bool { return m.kind == jsonBody }

// IsForm reports what a plain HTML form sends.
func (m Media) IsForm() bool { return m.kind == urlEncodedBody || m.kind == multipartBody }

// ParseMedia reads a Content-Type header. Whether the type is taken, Read says.
func ParseMedia(contentType string) Media {
	switch contentType { // what nearly all clients send, without the work
	case "application/json":
		return Media{kind: jsonBody}
	case "application/x-www-form-urlencoded":
		return Media{kind: urlEncodedBody}
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

// Error says why a body is not read. Its text is that of the cause and holds no
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
	TooLarge                 // the rest is left to net/http, which reads a little more, so that the answer is not lost to a reset, and then closes
	UnsupportedType          // its Content-Type is none of [AcceptPost], or it holds a file
	UnsupportedCoding        // its Content-Encoding is not identity
)

// AcceptPost are the types that are read, as the header of that name lists them.
const AcceptPost = "application/json, application/x-www-form-urlencoded, multipart/form-data, text/plain"

// Read reads the fields of a request, and counts those that are more than it
// keeps. Its errors are an [*Error].
func Read(w http.ResponseWriter, r *http.Request, m Media) (all []Field, leftOut int, err error) {
	if err := refuseUnread(r, m); err != nil {
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

// isObject reports JSON that calls itself a form, as curl -d and jQuery's post
// send it. No form begins like that.
func isObject(body []byte) bool {
	body = bytes.TrimSpace(body)
	return body[0] == '{' && json.Valid(body)
}

// refuseUnread refuses what the headers alone give away.
func refuseUnread(r *http.Request, m Media) error {
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
	const usual = 4 << 10 // who says more gets the room as the bytes come
	var body bytes.Buffer
	if r.ContentLength > 0 {
		body.Grow(int(min(r.ContentLength, usual)) + bytes.MinRead)
	}
	_, err := body.ReadFrom(http.MaxBytesReader(w, r.Body, maxBody))
	var over *http.MaxBytesError
	switch {
	case errors.As(err, &over):
		return nil, &Error{TooLarge, err}
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, &Error{Unreadable, errSlow}
	case err != nil:
		return nil, &Error{Unreadable, errCutOff} // theirs may name the client's address
	}
	return body.Bytes(), nil
}
