package console

import (
	"io"
	"net/http"
	"strings"

	"leadrelay/internal/locale"
	"leadrelay/internal/problem"
	"leadrelay/web"
)

// RefuseHost answers a request for a name that the operator's door does not have. A
// browser gets a page, a program a problem.
func RefuseHost(w http.ResponseWriter, r *http.Request) {
	problemPage(func(http.ResponseWriter, *http.Request) error {
		return problem.New(problem.UnknownHost, nil)
	}).ServeHTTP(w, r)
}

// problemPage shows a person the problem of a handler as a page. A program gets it as
// JSON.
func problemPage(h problem.HandlerFunc) problem.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) error {
		err := h(w, r)
		isAPI := strings.HasPrefix(r.URL.Path, "/api/")
		if err == nil || isAPI || !strings.Contains(r.Header.Get("Accept"), "text/html") {
			return err
		}
		e := problem.From(err).ToOperator()
		e.Log(r.Context())
		return writePage(w, r, e.Status, func(b io.Writer, l locale.Lang) error {
			e.WriteHeaders(w.Header())
			words := e.Document(w.Header(), l)
			return web.RenderProblem(b, web.ProblemPage{
				Lang: l, Status: e.Status, Title: words.Title, Detail: words.Detail, Next: words.Next, RequestID: words.RequestID,
			})
		})
	}
}
