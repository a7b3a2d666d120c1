package intake

import (
	"encoding/json"
	"io"
	"net/http"

	"leadrelay/internal/locale"
	"leadrelay/web"
)

// showRunning is what whoever has just set the relay up sees first. It says no
// more than that: no version, no site.
func (d *door) showRunning(w http.ResponseWriter, _ *http.Request, v *visit) error {
	if v.json {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]string{"message": locale.Text(v.lang, "running.title")})
		return nil
	}
	page := web.RunningPage{Lang: v.lang, Base: v.own.Path}
	return v.page(w, http.StatusOK, func(out io.Writer) error { return web.RenderRunning(out, page) })
}
