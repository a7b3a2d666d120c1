package console

import (
	"context"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"

	"leadrelay/internal/access"
	"leadrelay/internal/problem"
)

// Reload is what reading the settings anew has done.
type Reload struct {
	Sites     []string `json:"sites"`      // that there are now
	AtRestart []string `json:"at_restart"` // settings that have changed and that only a start heeds
}

// RouteReload adds the reload to the operator's door. The function reads the settings anew;
// if something is wrong in them, it changes nothing and returns what.
func RouteReload(mux chi.Router, reload func(context.Context) (done Reload, wrong []string, err error), store Store, gate *Gate) {
	audit := sight{store}
	mux.Method(http.MethodPost, "/api/v1/reload", gate.admit(allSites(access.Own), withoutQuery(func(w http.ResponseWriter, r *http.Request) error {
		if err := readBody(w, r, nil); err != nil {
			return err
		}
		done, wrong, err := reload(r.Context())
		switch {
		case err != nil:
			return problem.NewTryAgain(time.Second, err)
		case len(wrong) > 0:
			fields := make([]problem.Field, len(wrong))
			for i, text := range wrong {
				fields[i] = problem.Field{Field: "settings", Code: string(codeInvalid), Message: text}
			}
			return problem.NewInvalid(fields, nil)
		}
		if err := audit.Note(r.Context(), access.Entry{What: access.DidReload}); err != nil {
			return storeProblem(r.Context(), err)
		}
		return writeJSON(w, done)
	})))
}
