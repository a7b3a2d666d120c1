package intake

import (
	"bytes"
	"io"
	"net/http"
	"slices"

	"leadrelay/internal/intake/fields"
	"leadrelay/internal/problem"
	"leadrelay/web"
)

// explain answers an error in the form that the visitor can use: JSON, the
// form again, or a page.
func (v *visit) explain(w http.ResponseWriter, r *http.Request, err error) {
	e := problem.From(err)
	e.Log(r.Context())
	if v.json {
		v.refuse(w, e)
		return
	}
	e.WriteHeaders(w.Header())
	if err := v.explainPage(w, r, e); err != nil {
		v.refuse(w, e) // a page that cannot be drawn still has an answer
	}
}

func (v *visit) explainPage(w http.ResponseWriter, r *http.Request, e *problem.Error) error {
	if e.Code == problem.Invalid {
		return v.form(w, e.Status, e.Fields)
	}
	words := e.Document(w.Header(), v.lang)
	page := web.ProblemPage{
		Lang: v.lang, Base: v.own.Path, Status: e.Status, Title: words.Title, Detail: words.Detail, Next: words.Next, RequestID: words.RequestID,
	}
	if v.desk != nil {
		page.SiteName, page.Theme = v.desk.title(), v.desk.themePath()
		if r.Method != http.MethodPost { // a link would lead away from what was typed
			page.Back = v.desk.back(r)
		}
	}
	if slices.Contains([]problem.Code{problem.TryAgain, problem.InProgress, problem.Internal}, e.Code) {
		page.Action, page.Hidden = v.again()
	}
	return v.page(w, e.Status, func(out io.Writer) error { return web.RenderProblem(out, page) })
}

// again is all that was posted, to be sent once more with one press.
func (v *visit) again() (action string, all []web.Pair) {
	if v.draft == nil {
		return "", nil
	}
	for _, f := range fields.Ours { // they come first, before others of the same name
		if e := v.draft.Of(f); e.Posted != "" {
			all = append(all, web.Pair{Name: e.Again, Value: e.Value})
		}
	}
	return v.desk.path, append(all, v.hidden()...)
}

// page writes a page once it is drawn whole.
func (v *visit) page(w http.ResponseWriter, status int, draw func(io.Writer) error) error {
	var page bytes.Buffer
	if err := draw(&page); err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", string(v.lang))
	h.Set("Content-Security-Policy", v.policy())
	h.Set("Referrer-Policy", "same-origin") // "no-referrer" would make our own form's origin null
	w.WriteHeader(status)
	_, _ = page.WriteTo(w) // the visitor has gone; nobody is left to tell
	return nil
}

func (v *visit) policy() string {
	if v.desk == nil {
		return policy()
	}
	return v.desk.policy
}
