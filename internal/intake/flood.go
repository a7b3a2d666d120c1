package intake

import (
	"net/http"
	"net/netip"
	"time"

	"github.com/rs/zerolog"

	"leadrelay/internal/flood"
	"leadrelay/internal/lead"
	"leadrelay/internal/problem"
)

// Gate is what keeps a flood from the site's visitors: see [flood.Gate].
type Gate interface {
	Wait(from netip.Addr) time.Duration
	Busy(from netip.Addr) bool
	Take(l flood.Lead) flood.Share
	GiveBack(s flood.Share)
}

// limit turns a sender away that posts too much.
func (d *door) limit(r *http.Request, v *visit) error {
	if d.opt.Client != nil {
		v.from = d.opt.Client(r)
	}
	if d.opt.Flood == nil {
		return nil
	}
	if wait := d.opt.Flood.Wait(v.from); wait > 0 {
		return problem.NewTooMany(wait)
	}
	return nil
}

// isBusy reports a sender that posts more than a person does: a sign of spam.
func (d *door) isBusy(v *visit) bool { return d.opt.Flood != nil && d.opt.Flood.Busy(v.from) }

// ration gives a lead its share of what the site may have. It is asked for a
// whole inquiry alone, so that rubbish costs its sender and not the site. Most
// leads go on as they are; the others wait for their turn, or for a person to
// look at them, or go on with our own fields alone.
func (d *door) ration(r *http.Request, v *visit, l *lead.Lead) (flood.Share, error) {
	if d.opt.Flood == nil {
		return flood.Share{}, nil
	}
	bare, all := sizes(&l.Inquiry)
	s := d.opt.Flood.Take(flood.Lead{
		From: v.from, Site: l.Site, Property: l.PropertyID, Email: l.Email, Bytes: all, Bare: bare, Apart: l.State != lead.Queued,
	})
	if s.Wait > 0 {
		v.desk.reportFlood(r, "too many bytes of one day: inquiries are refused")
		return s, problem.NewTooMany(s.Wait)
	}
	if s.Bare {
		l.Context, l.Extra = nil, nil
		v.desk.reportFlood(r, "many bytes of one day: of inquiries only property, name, e-mail, phone and message are kept")
	}
	switch {
	case s.Held:
		l.Quarantine(lead.ReasonFlood)
		v.desk.reportFlood(r, "more inquiries than one "+s.Over+" gets: they are kept, and held for a person to look at")
	case s.Delay > 0:
		l.Hold(later(l.DueAt, l.ReceivedAt.Add(s.Delay)))
	}
	if s.Held || s.Bare || s.Delay > 0 {
		note(r, func(c zerolog.Context) zerolog.Context {
			return c.Bool("held", s.Held).Bool("bare", s.Bare).Dur("turn", s.Delay)
		})
	}
	return s, nil
}

// giveBack makes undone what a lead has cost its site that was not kept now.
func (d *door) giveBack(s flood.Share) {
	if d.opt.Flood != nil {
		d.opt.Flood.GiveBack(s)
	}
}

// sizes are how much an inquiry's texts take: those of our own fields, and all.
func sizes(q *lead.Inquiry) (bare, all int) {
	const quotes = 6 // and what else stands around a name and its value
	bare = len(q.PropertyID) + len(q.Name) + len(q.Email) + len(q.Phone) + len(q.Message)
	all = bare
	for name, value := range q.Context {
		all += len(name) + len(value) + quotes
	}
	for _, p := range q.Extra {
		all += len(p.Name) + len(p.Value) + 4*quotes
	}
	return bare, all
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// reportFlood tells the operator, once a minute.
func (k *desk) reportFlood(r *http.Request, what string) {
	if isDue(&k.flooded) {
		zerolog.Ctx(r.Context()).Warn().Str("site", k.ID).Str("what", what).Msg("flood")
	}
}
