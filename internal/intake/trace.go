package intake

import (
	"net/http"
	"time"

	"github.com/go-chi/chi/v5/middleware"
	"github.com/rs/zerolog"

	"leadrelay/internal/lead"
)

// Trace is the trace of one post.
type Trace interface {
	// Parent is what is kept with the lead.
	Parent() lead.Trace
	// Kept tells what became of the lead since the store was asked: it is kept and was in
	// the state, or it is not because of err.
	Kept(asked time.Time, state lead.State, kept lead.Kept, err error)
	// End tells what was answered.
	End(status int)
}

// servePost is serve for the posts to a route, which may be traced.
func (h *handler) servePost(route string) http.HandlerFunc {
	if h.opt.Trace == nil {
		return h.serve(h.submit)
	}
	return func(w http.ResponseWriter, r *http.Request) {
		answer, ok := w.(middleware.WrapResponseWriter) // the access log's
		if !ok {
			answer = middleware.NewWrapResponseWriter(w, r.ProtoMajor)
		}
		req, status := h.newRequest(w.Header(), r), http.StatusInternalServerError // if it panics
		siteID := ""
		if req.site != nil {
			siteID = req.site.ID
		}
		req.trace = h.opt.Trace(req.traceparent(), route, siteID)
		defer func() { req.trace.End(status) }()
		req.log(func(c zerolog.Context) zerolog.Context { return c.Str("trace_id", req.trace.Parent().ID()) })
		req.serve(answer, h.submit)
		status = max(answer.Status(), http.StatusOK)
	}
}

// traceparent returns where the page that posts stands in a trace, if it is a page of the
// site's own list. Anybody else could choose ids, and that all is recorded. What came
// with it in tracestate and baggage is left alone: a page may write a visitor into it.
func (r *request) traceparent() lead.Trace {
	given := r.Header["Traceparent"]
	if r.origin == "" || len(given) != 1 {
		return ""
	}
	return lead.Trace(given[0])
}

// keepLead stores the lead, and tells the trace of the post.
func (h *handler) keepLead(r *request, l lead.Lead) (lead.Kept, error) {
	if r.trace == nil {
		return h.store(r.Context(), r.submission(l))
	}
	l.Trace = r.trace.Parent()
	asked := time.Now()
	kept, err := h.store(r.Context(), r.submission(l))
	r.trace.Kept(asked, l.State, kept, err)
	return kept, err
}
