package intake

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"leadrelay/internal/intake/fields"
	"leadrelay/internal/lead"
	"leadrelay/internal/locale"
	"leadrelay/internal/problem"
	"leadrelay/web"
)

// accepted is the answer to a program whose inquiry is on disk. The clients of
// form services look for one of its members each: Formspree's for next,
// Web3Forms' for success.
type accepted struct {
	OK       bool          `json:"ok"`
	RemoteID lead.RemoteID `json:"remote_id"`
	Next     string        `json:"next"`
	Message  string        `json:"message"`
	Success  bool          `json:"success"`
	Hint     string        `json:"hint,omitempty"`  // what the visitor may have mistyped
	Meant    string        `json:"meant,omitempty"` // the address that the hint is about
	*tested
}

// tested is what the sender of a test is told besides.
type tested struct {
	Test   bool       `json:"test"`
	Client netip.Addr `json:"client"` // whom the relay takes for the visitor
	Peer   netip.Addr `json:"peer"`   // who has connected
}

// writeAccepted answers an inquiry that is on disk, and a repeat like the first.
// A client that has the key of an inquiry sent it, and may learn that it is a
// repeat. The words of an inquiry may be a stranger's, who would learn that
// somebody else has asked.
func (r *request) writeAccepted(w http.ResponseWriter, kept lead.Kept) error {
	if kept.ByKey {
		w.Header().Set("Idempotency-Replayed", "true")
	}
	next := cmp.Or(r.next, r.site.ThanksURL)
	if next == "" { // our own thank-you page, in the language that the form asked for
		next = r.site.path + "/thanks?folio=" + kept.RemoteID.String()
		if r.lang != r.site.language(r.Request) {
			next += "&_language=" + string(r.lang)
		}
	}
	if !r.wantsJSON {
		if strings.HasPrefix(next, "/") {
			next = r.relay.Origin + next
		}
		if r.meant != "" {
			return r.writeCorrection(w, kept.RemoteID, next)
		}
		w.Header().Set("Location", next)
		w.WriteHeader(http.StatusSeeOther)
		return nil
	}
	if strings.HasPrefix(next, "/") { // a page elsewhere has no use for a bare path
		next = cmp.Or(r.relay.Origin, requestOrigin(r.Request)) + next
	}
	answer := accepted{OK: true, RemoteID: kept.RemoteID, Next: next, Message: locale.Text(r.lang, "accepted.message"), Success: true, Meant: r.meant}
	if r.isTest {
		peer, _ := netip.ParseAddrPort(r.RemoteAddr) // of a socket without addresses there is none
		answer.tested = &tested{Test: true, Client: r.client.Unmap(), Peer: peer.Addr().Unmap()}
	}
	if r.meant != "" {
		answer.Hint = locale.Text(r.lang, "accepted.hint", r.meant)
	}
	w.Header()["Content-Type"] = jsonType
	w.WriteHeader(http.StatusAccepted)
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false) // an address is easier to read with a plain &
	_ = out.Encode(answer)
	return nil
}

// requestOrigin returns the relay's origin as the client knows it, for settings
// that do not say it. Anybody may set these headers: a forged one changes only the
// answer to whoever forged it.
func requestOrigin(r *http.Request) string {
	proto, _, _ := strings.Cut(headerOf(r, "X-Forwarded-Proto"), ",")
	switch {
	case r.Host == "": // HTTP/1.0
		return ""
	case r.TLS != nil || strings.EqualFold(proto, "https"):
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

// writeCorrection thanks, and asks whether another e-mail address was meant. "Yes"
// posts everything again, with that address. "No" leads where any other form
// leads.
func (r *request) writeCorrection(w http.ResponseWriter, id lead.RemoteID, next string) error {
	typed := r.draft.Of(lead.Email).Value
	r.draft.Set(lead.Email, r.meant)
	action, all := r.resubmission()
	page := web.ThanksPage{
		Lang: r.lang, Base: r.relay.Path, SiteName: r.site.title(), Theme: r.site.themePath(), Folio: int64(id),
		Meant: r.meant, Typed: typed, Action: action, Hidden: append([]web.Pair{{Name: fields.TypedField, Value: typed}}, all...), Next: next,
	}
	return r.writePage(w, http.StatusOK, func(out io.Writer) error { return web.RenderThanks(out, page) })
}

// writeError answers an error in the form that the client can use: JSON, the form
// again, or a page.
func (r *request) writeError(w http.ResponseWriter, err error) {
	e := problem.From(err)
	e.Log(r.Context())
	if !r.wantsJSON {
		e.WriteHeaders(w.Header())
		if errors.Is(err, errNoTurn) || r.writeErrorPage(w, e) != nil {
			r.writeErrorText(w, e)
		}
		return
	}
	r.writeErrorJSON(w, e)
}

// writeErrorText answers a person for whom no page could be rendered.
func (r *request) writeErrorText(w http.ResponseWriter, e *problem.Error) {
	document := e.Document(w.Header(), r.lang)
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Content-Language", string(r.lang))
	w.WriteHeader(e.Status)
	_, _ = fmt.Fprintf(w, "%s\n\n%s\n\n%s\n", document.Title, document.Detail, document.Next) // an error means that the visitor has gone
}

// errorJSON is a problem with the members that the clients of form services look
// for: Formspree's read errors or else error, Web3Forms' success and message.
type errorJSON struct {
	problem.Document
	OK      bool   `json:"ok"`
	Success bool   `json:"success"`
	Error   string `json:"error"`
	Message string `json:"message"`
}

// writeErrorJSON answers a program. A wrong field has the name by which the form
// posted it, so that a script finds its place on the page.
func (r *request) writeErrorJSON(w http.ResponseWriter, e *problem.Error) {
	document := e.Document(w.Header(), r.lang)
	if r.draft != nil {
		document.Errors = slices.Clone(document.Errors)
		for i := range document.Errors {
			f := &document.Errors[i]
			f.Field = cmp.Or(r.draft.Of(lead.Field(f.Field)).Posted, f.Field)
		}
	}
	problem.Write(w, e, r.lang, errorJSON{Document: document, Error: document.Detail, Message: document.Detail})
}

func (r *request) writeErrorPage(w http.ResponseWriter, e *problem.Error) error {
	if e.Code == problem.Invalid {
		return r.writeForm(w, e.Status, e.Fields)
	}
	document := e.Document(w.Header(), r.lang)
	page := web.ProblemPage{
		Lang: r.lang, Base: r.relay.Path, Status: e.Status, Title: document.Title, Detail: document.Detail, Next: document.Next, RequestID: document.RequestID,
	}
	if r.site != nil {
		page.SiteName, page.Theme = r.site.title(), r.site.themePath()
		if r.Method != http.MethodPost { // a link would lead away from what was typed
			page.Back = r.site.backLink(r.Request)
		}
	}
	if slices.Contains([]problem.Code{problem.TryAgain, problem.InProgress, problem.Internal}, e.Code) {
		page.Action, page.Hidden = r.resubmission()
	}
	return r.writePage(w, e.Status, func(out io.Writer) error { return web.RenderProblem(out, page) })
}

// errNoTurn means that so many pages were asked for that this one was not rendered.
var errNoTurn = errors.New("too many pages were asked for")

// writePage writes a page once it is rendered completely.
func (r *request) writePage(w http.ResponseWriter, status int, render func(io.Writer) error) error {
	page, err := r.render(render)
	if err != nil {
		return err
	}
	r.sendPage(w, status, page)
	return nil
}

// render renders a page. Whoever has typed something gets it back at once. All others
// wait for their turn.
func (r *request) render(render func(io.Writer) error) ([]byte, error) {
	if hasTyped := r.Method == http.MethodPost && r.draft != nil; r.turn != nil && !hasTyped {
		end, ok := r.turn(r.Request)
		if !ok {
			return nil, problem.NewCrowded(retryAfterCrowd, errNoTurn)
		}
		defer end()
	}
	var page bytes.Buffer
	err := render(&page)
	return page.Bytes(), err
}

// sendPage writes a rendered page.
func (r *request) sendPage(w http.ResponseWriter, status int, page []byte) {
	policy := contentPolicy()
	if r.site != nil {
		policy = r.site.policy
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", string(r.lang))
	h.Set("Content-Security-Policy", policy)
	h.Set("Referrer-Policy", "same-origin") // "no-referrer" would make our own form's origin null
	w.WriteHeader(status)
	_, _ = w.Write(page) // an error means that the visitor has gone
}
