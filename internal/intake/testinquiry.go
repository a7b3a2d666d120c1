package intake

import (
	"net/http"
	"time"

	"github.com/rs/zerolog"

	"leadrelay/internal/lead"
	"leadrelay/internal/problem"
)

const (
	// testPace and testBurst bound the test inquiries of a site. Nothing else does, because
	// they must cost no visitor anything.
	testPace  = 10 * time.Second
	testBurst = 20
)

// isTest reports whether an inquiry is a test. With a wrong secret it is an inquiry like
// any other: it is answered alike, so that nothing can be learned, and a visitor whose form
// has an old secret is heard. So is one from a page: a secret that was left in a page would
// else make tests of all that its visitors write, and lose it.
func (h *handler) isTest(r *request) bool {
	if r.draft.TestSecret == "" || h.opt.IsTest == nil {
		return false
	}
	_, hasOrigin := r.Header["Origin"]
	_, isBrowser := r.Header["Sec-Fetch-Mode"]
	why := "the secret is wrong"
	switch {
	case hasOrigin || isBrowser:
		why = "it comes from a page"
	case h.opt.IsTest(r.site.ID, r.draft.TestSecret):
		r.log(func(c zerolog.Context) zerolog.Context { return c.Bool("test", true) })
		return true
	}
	if onceAMinute(&r.site.testLogged) {
		zerolog.Ctx(r.Context()).Warn().Str("site", r.site.ID).Str("why", why).Msg("an inquiry with _test is no test, and is taken as any other")
	}
	return false
}

// submitTest takes a test inquiry. Nothing judges it as spam, counts it, or compares it with
// others, and it costs its site nothing of what visitors may have.
func (h *handler) submitTest(w http.ResponseWriter, r *request, l lead.Lead) error {
	if !r.site.tests.Allow() {
		return problem.NewTooMany(testPace)
	}
	l.MarkTest()
	kept, err := h.store(r.Context(), lead.Submission{Lead: l, Tick: r.site.Tick})
	if err != nil {
		return err
	}
	r.log(func(c zerolog.Context) zerolog.Context { return c.Int64("remote_id", int64(kept.RemoteID)) })
	return r.writeAccepted(w, kept)
}
