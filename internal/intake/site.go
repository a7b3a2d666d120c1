package intake

import (
	"cmp"
	"net/http"
	"strings"
	"sync/atomic"

	"github.com/rs/zerolog"
	"golang.org/x/time/rate"

	"leadrelay/internal/intake/fields"
	"leadrelay/internal/locale"
	"leadrelay/internal/site"
	"leadrelay/web"
)

// siteForms is a site with everything about its forms that is worked out once.
type siteForms struct {
	site.Site
	path       string             // where its forms post to
	vocabulary *fields.Vocabulary // what the names of its fields mean
	policy     string             // the Content-Security-Policy of its pages
	theme      []byte             // its color as a style sheet; empty if it has none
	hosts      []string           // its own hosts, to which a message may well link

	originLogged atomic.Int64 // when a refused origin was last logged
	floodLogged  atomic.Int64 // when a flood was last logged
	namesLogged  atomic.Int64 // when names that mean nothing were last logged
	testLogged   atomic.Int64 // when a test that is none was last logged
	tests        *rate.Limiter
	preflights   preflights
}

func newSiteForms(s site.Site, relay site.Address) *siteForms {
	f := &siteForms{
		Site: s, path: relay.Path + "/f/" + s.ID, vocabulary: fields.NewVocabulary(s.Fields), policy: contentPolicy(formTargets(s, relay)...), theme: web.Theme(s.Color),
		tests: rate.NewLimiter(rate.Every(testPace), testBurst),
	}
	for _, origin := range s.Origins.List() {
		_, host, _ := strings.Cut(origin, "://")
		host, _, _ = strings.Cut(strings.TrimPrefix(host, "*."), ":")
		f.hosts = append(f.hosts, host)
	}
	return f
}

// title returns what the pages call the site.
func (s *siteForms) title() string { return cmp.Or(s.Name, s.Source) }

// themePath returns the address of the site's color, or "" if it has none.
func (s *siteForms) themePath() string {
	if s == nil || len(s.theme) == 0 {
		return ""
	}
	return s.path + "/theme.css?" + strings.TrimPrefix(s.Color, "#")
}

// language returns the site's language, or with "auto" the one that the browser
// asks for.
func (s *siteForms) language(r *http.Request) locale.Lang {
	switch {
	case s == nil || s.Locale == "auto":
		return locale.Match(headerOf(r, "Accept-Language"))
	case s.Locale == string(locale.EN):
		return locale.EN
	}
	return locale.ES
}

// backLink returns the page that the visitor came from, or the site's first
// origin.
func (s *siteForms) backLink(r *http.Request) string {
	if from := s.Redirect(r.Referer()); strings.Contains(from, "://") {
		return from
	}
	for _, origin := range s.Origins.List() {
		if !strings.Contains(origin, "*") && strings.HasPrefix(origin, "http") {
			return origin
		}
	}
	return ""
}

// logFlood tells the operator about a flood, once a minute.
func (s *siteForms) logFlood(r *request, what string) {
	if onceAMinute(&s.floodLogged) {
		zerolog.Ctx(r.Context()).Warn().Str("site", s.ID).Str("what", what).Msg("flood")
	}
}

// contentPolicy returns a Content-Security-Policy that lets a page load nothing but
// our own files, and post to us and the targets.
func contentPolicy(formTargets ...string) string {
	return "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; form-action " +
		strings.Join(append([]string{"'self'"}, formTargets...), " ") + "; base-uri 'none'; frame-ancestors 'none'"
}

// formTargets returns the site's own origins, and ours. Our form may end on a
// thank-you page there, and browsers check form-action against that redirect, too.
func formTargets(s site.Site, relay site.Address) []string {
	var targets []string
	for _, address := range append([]string{relay.Origin, s.ThanksURL}, s.Origins.Sources()...) {
		if source := cspSource(address); source != "" {
			targets = append(targets, source)
		}
	}
	return targets
}

// cspSource cuts an address down to scheme, host and port. It returns "" if the
// address has none, or an odd one.
func cspSource(address string) string {
	scheme, rest, ok := strings.Cut(address, "://")
	host := rest
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		host = rest[:end]
	}
	isOdd := func(r rune) bool {
		return !strings.ContainsRune("*.-:[]_", r) && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	}
	if !ok || host == "" || strings.ContainsFunc(host, isOdd) {
		return ""
	}
	return scheme + "://" + host
}
