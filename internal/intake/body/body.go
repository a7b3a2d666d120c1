// Package body reads what a request posts, in whichever form: the fields, in
// order, as text. It is strict about structure, because two readers of one
// body must see the same, and lenient about charsets. It keeps nothing on disk
// and knows nothing of leads.
package body

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"net/http"
	"os"
	"strings"

	"leadrelay/internal/problem"
)

const (
	maxBody   = 64 << 10
	maxFields = 64

	acceptPost = "application/json, application/x-www-form-urlencoded, multipart/form-data, text/plain"
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
	Nested // a list, or an object in which nothing is read; the value is left out
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

// Read reads the fields of a request. Its errors are of package problem and
// hold no piece of the body.
func Read(w http.ResponseWriter, r *http.Request, m Media) ([]Field, error) {
	if err := refuseUnread(r, m); err != nil {
		return nil, err
	}
	body, err := readBody(w, r)
	if err != nil {
		return nil, err
	}
	all, err := m.parse(body)
	switch {
	case errors.Is(err, errFile):
		return nil, unsupported(err)
	case err != nil:
		return nil, problem.New(problem.Unreadable, err)
	}
	return all, nil
}

func (m Media) parse(body []byte) ([]Field, error) {
	switch {
	case len(bytes.TrimSpace(body)) == 0:
		return nil, errEmptyBody
	case m.kind == jsonBody:
		return parseJSON(body)
	case m.kind == urlEncodedBody:
		return parseURLEncoded(string(body))
	}
	return parseMultipart(body, m.boundary)
}

// refuseUnread refuses what the headers alone give away.
func refuseUnread(r *http.Request, m Media) error {
	if r.ContentLength > maxBody {
		return tooLarge(nil)
	}
	if coding := strings.Join(r.Header["Content-Encoding"], ","); coding != "" && !strings.EqualFold(coding, "identity") {
		return unsupported(errEncoding).With("Accept-Encoding", "identity")
	}
	if m.refused != nil {
		return unsupported(m.refused)
	}
	return nil
}

func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	const usual = 4 << 10 // who says more gets the room as the bytes come
	var body bytes.Buffer
	if r.ContentLength > 0 {
		body.Grow(int(min(r.ContentLength, usual)) + bytes.MinRead)
	}
	_, err := io.Copy(&body, http.MaxBytesReader(w, r.Body, maxBody))
	var over *http.MaxBytesError
	switch {
	case errors.As(err, &over):
		return nil, tooLarge(err)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, problem.New(problem.Unreadable, errSlow)
	case err != nil:
		return nil, problem.New(problem.Unreadable, errCutOff) // theirs may name the client's address
	}
	return body.Bytes(), nil
}

// tooLarge leaves the connection to net/http, which reads a little more of the
// body, so that the answer is not lost to a reset, and then closes.
func tooLarge(cause error) *problem.Error {
	return problem.New(problem.TooLarge, cause)
}

func unsupported(cause error) *problem.Error {
	return problem.New(problem.UnsupportedType, cause).With("Accept-Post", acceptPost)
}
