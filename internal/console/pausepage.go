package console

import (
	"context"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"leadrelay/internal/access"
	"leadrelay/internal/lead"
	"leadrelay/internal/locale"
	"leadrelay/internal/problem"
	"leadrelay/web"
)

// pauseLengths are how long a pause may be on the page. It shows no times to choose
// from, because it does not know the browser's zone.
var pauseLengths = []time.Duration{
	30 * time.Minute, time.Hour, 2 * time.Hour, 4 * time.Hour, 8 * time.Hour, 24 * time.Hour, 3 * 24 * time.Hour, 7 * 24 * time.Hour,
}

// usualPause is chosen until the person chooses another.
const usualPause = 2 * time.Hour

// sitesOf returns those of the sites that whoever asks may see.
func (p *Pages) sitesOf(ctx context.Context) []Site {
	by, err := access.Check(ctx, access.See)
	if err != nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(p.opt.Sites), func(s Site) bool { return !by.Sees(s.ID) })
}

func (p *Pages) ids(ctx context.Context) []string {
	sites := p.sitesOf(ctx)
	ids := make([]string, len(sites), len(sites)+1)
	for i, s := range sites {
		ids[i] = s.ID
	}
	return ids
}

// describe says until when and why a person has paused the site, and how many leads
// wait there.
func (w words) describe(s SiteStatus) (paused, waiting string) {
	if s.State == lead.SitePausedByHand {
		paused = w.text("console.paused_by_hand", w.when(*s.Until).Text, *s.Reason)
	}
	if s.Waiting > 0 {
		waiting = w.text("console.waiting", s.Waiting, w.when(*s.WaitingSince).Text)
	}
	return paused, waiting
}

// quiet says since when a site has been silent, and how often that happens, if it is one of
// those that are quiet.
func (w words) quiet(all []lead.Quiet, site string) string {
	for _, q := range all {
		if q.Site == site {
			at := q.Since.In(w.now.Location())
			return w.count("console.quiet", q.TimesAYear, w.since(at), w.date(at)+at.Format("15:04"))
		}
	}
	return ""
}

// pausePage returns the page of the site in the path.
func (p *Pages) pausePage(r *http.Request) (page web.PausePage, err error) {
	site := chi.URLParam(r, "site")
	if !slices.Contains(p.ids(r.Context()), site) {
		return page, problem.NewNoSite()
	}
	all, err := siteStatuses(r.Context(), p.store, p.courier, []string{site})
	if err != nil {
		return page, err
	}
	page.Site, page.Frame = site, p.frame(r, "/sites")
	page.Now, page.Waiting = wordsFor(r).describe(all[0])
	if page.Now != "" {
		page.Why = *all[0].Reason
	}
	page.Shared = strings.Join(slices.DeleteFunc(sharers(p.courier.Status(r.Context()), site), func(s string) bool { return s == site }), ", ")
	chosen := r.PostFormValue("lasts")
	if chosen == "" {
		chosen = usualPause.String()
	}
	for _, d := range pauseLengths {
		page.Lengths = append(page.Lengths, web.Choice{Value: d.String(), Label: lengthText(page.Lang, d), IsChosen: d.String() == chosen})
	}
	return page, nil
}

func lengthText(lang locale.Lang, d time.Duration) string {
	switch {
	case d < time.Hour:
		return locale.Text(lang, "console.pause.minutes", int(d/time.Minute))
	case d <= 24*time.Hour:
		return locale.Text(lang, "console.pause.hours", int(d/time.Hour))
	}
	return locale.Text(lang, "console.pause.days", int(d/(24*time.Hour)))
}

// showPause shows what a pause does, and asks for its length and its reason.
func (p *Pages) showPause(w http.ResponseWriter, r *http.Request) error {
	page, err := p.pausePage(r)
	if err != nil {
		return err
	}
	return writePausePage(w, r, http.StatusOK, page)
}

func writePausePage(w http.ResponseWriter, r *http.Request, status int, page web.PausePage) error {
	return writePage(w, r, status, func(b io.Writer, _ locale.Lang) error { return web.RenderPause(b, page) })
}

func (p *Pages) pause(w http.ResponseWriter, r *http.Request) error {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	page, err := p.pausePage(r)
	if err != nil {
		return err
	}
	length, err := time.ParseDuration(r.PostFormValue("lasts"))
	if err != nil || !slices.Contains(pauseLengths, length) { // no browser sends that
		return writePausePage(w, r, http.StatusUnprocessableEntity, page)
	}
	now := p.courier.Now()
	order := lead.Pause{Until: now.Add(length), Why: lead.Line(r.PostFormValue("why"))}
	if wrong := checkPause(&order, now); len(wrong) > 0 {
		page.Error, page.Why = wrongField(page.Lang, wrong[0]).Message, order.Why
		return writePausePage(w, r, http.StatusUnprocessableEntity, page)
	}
	if err := p.courier.Pause(r.Context(), p.chosenSites(r), order); err != nil {
		return problem.NewTryAgain(time.Second, err)
	}
	return redirect(w, "/sites")
}

func (p *Pages) resume(w http.ResponseWriter, r *http.Request) error {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	if _, err := p.pausePage(r); err != nil {
		return err
	}
	if err := p.courier.Resume(r.Context(), p.chosenSites(r)); err != nil {
		return problem.NewTryAgain(time.Second, err)
	}
	return redirect(w, "/sites")
}

// chosenSites returns the site in the path, and those that share its key if the form says
// so.
func (p *Pages) chosenSites(r *http.Request) []string {
	site := chi.URLParam(r, "site")
	if r.PostFormValue("credential") == "true" {
		return sharers(p.courier.Status(r.Context()), site)
	}
	return []string{site}
}
