package intake

import (
	"cmp"
	"net/http"
	"strings"
	"sync/atomic"

	"leadrelay/internal/intake/fields"
	"leadrelay/internal/locale"
	"leadrelay/internal/problem"
	"leadrelay/internal/site"
	"leadrelay/web"
)

// desk is a site with all that the door works out once for it.
type desk struct {
	site.Site
	path   string             // where its forms post to
	words  *fields.Vocabulary // what its forms' names mean
	policy string             // what its pages may load, and where their form may lead
	theme  []byte             // its color as a style sheet; empty when it has none
	hosts  []string           // its own

	reported   atomic.Int64 // when a refused origin was last written to the log
	flooded    atomic.Int64 // when a flood was
	preflights preflights
}

func newDesk(s site.Site, own site.Address) *desk {
	k := &desk{
		Site: s, path: own.Path + "/f/" + s.ID, words: fields.NewVocabulary(s.Fields), policy: policy(formTargets(s, own)...), theme: web.Theme(s.Color),
	}
	k.hosts = k.ownHosts()
	return k
}

// title is what the pages call the site.
func (k *desk) title() string { return cmp.Or(k.Name, k.Source) }

// themePath is the address of the site's color, or "" when it has none.
func (k *desk) themePath() string {
	if k == nil || len(k.theme) == 0 {
		return ""
	}
	return k.path + "/theme.css?" + strings.TrimPrefix(k.Color, "#")
}

// showTheme is the site's color as a style sheet: no page of ours has styles in
// it.
func (d *door) showTheme(w http.ResponseWriter, _ *http.Request, v *visit) error {
	if v.desk.themePath() == "" {
		return problem.New(problem.NotFound, nil)
	}
	h := w.Header()
	h.Set("Content-Type", "text/css; charset=utf-8")
	h.Set("Cache-Control", "public, max-age=86400") // its address changes with it
	_, _ = w.Write(v.desk.theme)                    // the visitor has gone; nobody is left to tell
	return nil
}

// language is what the site speaks, or with "auto" what the browser asks for.
func (k *desk) language(r *http.Request) locale.Lang {
	switch {
	case k == nil || k.Locale == "auto":
		return locale.Match(r.Header.Get("Accept-Language"))
	case k.Locale == string(locale.EN):
		return locale.EN
	}
	return locale.ES
}

// policy lets a page load nothing but our own files.
func policy(formTargets ...string) string {
	return "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; form-action " +
		strings.Join(append([]string{"'self'"}, formTargets...), " ") + "; base-uri 'none'; frame-ancestors 'none'"
}

// formTargets are the site's own origins, and ours: our form may end on a
// thank-you page there, and browsers hold form-action against that redirect too.
func formTargets(s site.Site, own site.Address) []string {
	var targets []string
	for _, address := range append([]string{own.Origin, s.ThanksURL}, s.Origins.Sources()...) {
		if source := cspSource(address); source != "" {
			targets = append(targets, source)
		}
	}
	return targets
}

// cspSource cuts an address down to scheme, host and port.
func cspSource(address string) string {
	scheme, rest, ok := strings.Cut(address, "://")
	host := rest
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		host = rest[:end]
	}
	odd := func(r rune) bool {
		return !strings.ContainsRune("*.-:[]_", r) && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	}
	if !ok || host == "" || strings.ContainsFunc(host, odd) {
		return ""
	}
	return scheme + "://" + host
}
