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
	problem.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		e := problem.New(problem.UnknownHost, nil)
		isAPI := strings.HasPrefix(r.URL.Path, "/api/")
		if isAPI || !strings.Contains(r.Header.Get("Accept"), "text/html") {
			return e
		}
		e.Log(r.Context())
		return writePage(w, r, e.Status, func(b io.Writer, l locale.Lang) error {
			words := e.Document(w.Header(), l)
			return web.RenderProblem(b, web.ProblemPage{
				Lang: l, Status: e.Status, Title: words.Title, Detail: words.Detail, Next: words.Next, RequestID: words.RequestID,
			})
		})
	}).ServeHTTP(w, r)
}
