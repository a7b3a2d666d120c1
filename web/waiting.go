package web

import (
	"fmt"
	"io"
	"net/http"
	"time"

	"leadrelay/internal/locale"
)

// WaitingPage shows in the demo how many leads wait, why, and when they go on.
type WaitingPage struct {
	Lang  locale.Lang
	Leads int
	Why   string    // a state of the credential, sending, doubtful or mistyped; otherwise they wait for their turn
	Next  time.Time // when something happens next
	Now   time.Time
}

var waitingPage = parsePage("demo/waiting.html")

// Language returns the language in the parameter lang, or that which the browser prefers.
func Language(r *http.Request) locale.Lang {
	if lang := locale.Lang(r.FormValue("lang")); lang == locale.ES || lang == locale.EN {
		return lang
	}
	return locale.Match(r.Header.Get("Accept-Language"))
}

// RenderWaiting writes the page.
func RenderWaiting(w io.Writer, p WaitingPage) error { return waitingPage.Execute(w, p) }

// T picks the text of the visitor's language.
func (p WaitingPage) T(es, en string) string { return byLanguage(p.Lang, es, en) }

// Count returns a text that says how many wait, and that they are safe.
func (p WaitingPage) Count() string {
	if p.Leads == 1 {
		return p.T("1 mensaje espera, a salvo en el disco.", "1 message waits, safe on the disk.")
	}
	return fmt.Sprintf(p.T("%d mensajes esperan, a salvo en el disco.", "%d messages wait, safe on the disk."), p.Leads)
}

// When returns a text that says when they go on.
func (p WaitingPage) When() string {
	seconds := int(p.Next.Sub(p.Now).Round(time.Second) / time.Second)
	if seconds <= 0 {
		return p.T("ahora", "now")
	}
	return fmt.Sprintf(p.T("en %d s", "in %d s"), seconds)
}
