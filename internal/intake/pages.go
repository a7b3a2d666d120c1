package intake

import (
	"encoding/json"
	"io"
	"net/http"

	"leadrelay/internal/lead"
	"leadrelay/internal/locale"
	"leadrelay/internal/problem"
	"leadrelay/web"
)

// showThanks shows our thank-you page. The number in its address gives access to
// nothing.
func (h *handler) showThanks(w http.ResponseWriter, r *request) error {
	if r.site == nil {
		return problem.New(problem.UnknownSite, nil)
	}
	return r.writePage(w, http.StatusOK, func(out io.Writer) error {
		query := r.URL.Query()
		folio, err := lead.ParseRemoteID(query.Get("folio"))
		if err != nil {
			return problem.New(problem.NotFound, err)
		}
		r.lang = languageOr(query.Get("_language"), r.lang)
		return web.RenderThanks(out, web.ThanksPage{
			Lang: r.lang, Base: r.relay.Path, SiteName: r.site.title(), Theme: r.site.themePath(), Folio: int64(folio), Back: r.site.backLink(r.Request),
		})
	})
}

// showTheme serves the site's color as a style sheet, because no page of ours has
// inline styles.
func (h *handler) showTheme(w http.ResponseWriter, r *request) error {
	if r.site.themePath() == "" {
		return problem.New(problem.NotFound, nil)
	}
	header := w.Header()
	header.Set("Content-Type", "text/css; charset=utf-8")
	header.Set("Cache-Control", "public, max-age=86400") // the address changes with the color
	_, _ = w.Write(r.site.theme)                         // an error means that the visitor has gone
	return nil
}

// showRunning shows whoever has just set the relay up that it runs. It says no more
// than that: neither the version nor a site.
func (h *handler) showRunning(w http.ResponseWriter, r *request) error {
	if r.wantsJSON {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]string{"message": locale.Text(r.lang, "running.title")})
		return nil
	}
	page := web.RunningPage{Lang: r.lang, Base: r.relay.Path}
	return r.writePage(w, http.StatusOK, func(out io.Writer) error { return web.RenderRunning(out, page) })
}
