package problem

import (
	"encoding/json"
	"net/http"

	"leadrelay/internal/locale"
)

// Document is an [Error] in words. It has the members of RFC 9457 and ours.
type Document struct {
	Type      string  `json:"type"`
	Title     string  `json:"title"`
	Status    int     `json:"status"`
	Detail    string  `json:"detail"`
	Code      Code    `json:"code"`
	RequestID string  `json:"request_id,omitempty"`
	Errors    []Field `json:"errors,omitempty"`
	Next      string  `json:"-"` // what the visitor can do now; for pages
}

// Document puts the error into words. The server's middleware has already set the
// request's id on the answer.
func (e *Error) Document(h http.Header, lang locale.Lang) Document {
	return Document{
		Type:      "urn:leadrelay:problem:" + string(e.Code),
		Title:     e.words(lang, "title"),
		Status:    e.Status,
		Detail:    e.words(lang, "detail"),
		Code:      e.Code,
		RequestID: RequestID(h),
		Errors:    e.Fields,
		Next:      e.words(lang, "next"),
	}
}

// words returns the texts of the variant, or those for operators, or else the usual ones.
func (e *Error) words(lang locale.Lang, part string) string {
	key := "problem." + string(e.Code) + "." + part
	keys := []string{key}
	if e.toOperator {
		keys = []string{key + ".operator", key}
	}
	if e.Variant != "" {
		keys = append([]string{key + "." + e.Variant}, keys...)
	}
	return locale.First(lang, keys)
}

// RequestID returns the id of the request that is on the answer.
func RequestID(h http.Header) string { return h.Get("X-Request-Id") }

// WriteJSON answers with application/problem+json.
func WriteJSON(w http.ResponseWriter, e *Error, lang locale.Lang) {
	Write(w, e, lang, e.Document(w.Header(), lang))
}

// Write does the same with a document of more members.
func Write(w http.ResponseWriter, e *Error, lang locale.Lang, document any) {
	h := w.Header()
	e.WriteHeaders(h)
	h.Set("Content-Type", "application/problem+json")
	h.Set("Content-Language", string(lang))
	w.WriteHeader(e.Status)
	_ = json.NewEncoder(w).Encode(document) // an error means that the client has gone
}

// HandlerFunc is a handler for operators that returns its error instead of writing it.
type HandlerFunc func(w http.ResponseWriter, r *http.Request) error

// ServeHTTP answers the handler's error as JSON, in words for operators and in the
// language that the request prefers, and logs it.
func (f HandlerFunc) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	err := f(w, r)
	if err == nil {
		return
	}
	e := From(err).ToOperator()
	e.Log(r.Context())
	WriteJSON(w, e, locale.Match(r.Header.Get("Accept-Language")))
}
