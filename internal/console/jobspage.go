package console

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"leadrelay/internal/lead"
	"leadrelay/internal/locale"
	"leadrelay/internal/problem"
	"leadrelay/web"
)

// jobVerbs are what a list offers to do with all leads in a state.
var jobVerbs = map[lead.State][]string{
	lead.Failed:      {string(lead.JobRetry), string(lead.JobDiscard)},
	lead.Quarantined: {string(lead.JobRelease), string(lead.JobDiscard)},
	lead.Discarded:   {string(lead.JobRetry)},
}

// selecting are the parameters that say which leads a job has.
var selecting = []string{"site", "state", "property_id", "q", "after", "before"}

// allOf returns what can be done with all leads that a list has, on all of its pages. It
// is nil if that is nothing, or if there is no other lead than on this page's first row.
func (p *Pages) allOf(ctx context.Context, w words, f lead.Filter, page web.LeadsPage) *web.AllLeads {
	const few = 2
	verbs := jobVerbs[f.State]
	if len(verbs) == 0 || len(page.Rows) < few && page.First == "" {
		return nil
	}
	all := web.AllLeads{Verbs: verbs, Label: w.text("leads.all")}
	switch {
	case page.First == "" && page.Next == "":
		all.Label = w.text("leads.all.counted", len(page.Rows))
	case f.PropertyID == "" && f.Text == "" && f.After.IsZero() && f.Before.IsZero():
		if n := p.counts.of(ctx, f.Site, f.State).Leads; n > 0 {
			all.Label = w.text("leads.all.counted", n)
		}
	}
	given := page.Filter
	given.State = string(f.State)
	for i, value := range []string{given.Site, given.State, given.PropertyID, given.Text, given.After, given.Before} {
		if value != "" {
			all.Hidden = append(all.Hidden, web.Pair{Name: selecting[i], Value: value})
		}
	}
	return &all
}

// showJobs lists the last jobs, newest first.
func (p *Pages) showJobs(w http.ResponseWriter, r *http.Request) error {
	const shown = 50
	ctx, cancel := context.WithTimeout(r.Context(), queryTimeout)
	defer cancel()
	frame := p.liveFrame(r, "/leads")
	jobs, err := p.store.Jobs(ctx, shown)
	if err != nil {
		return storeProblem(ctx, err)
	}
	t := wordsFor(r)
	page := web.JobsPage{Frame: frame, Jobs: make([]web.JobView, len(jobs))}
	for i, j := range jobs {
		page.Jobs[i] = t.job(j)
	}
	return writePage(w, r, http.StatusOK, func(b io.Writer, _ locale.Lang) error { return web.RenderJobs(b, page) })
}

// job tells of a job.
func (w words) job(j lead.Job) web.JobView {
	v := web.JobView{
		ID: j.ID, Title: w.count("job."+string(j.Do), j.Matched), Which: w.selection(j.Filter), State: j.State, Done: j.Done, Matched: j.Matched,
		Ordered: w.when(j.OrderedAt), Ended: w.when(j.EndedAt),
	}
	if j.State != lead.JobDone {
		v.Facts = append(v.Facts, w.text("job.through", j.Done, j.Matched))
	}
	for _, one := range []struct {
		key string
		n   int
	}{{"moved." + string(j.Do), j.Moved}, {"changed", j.Changed}, {"left_out", j.LeftOut}} {
		if one.n > 0 {
			v.Facts = append(v.Facts, w.count("job."+one.key, one.n))
		}
	}
	return v
}

// selection tells what the leads of a filter have in common.
func (w words) selection(f lead.Filter) string {
	var all []string
	if f.State != "" {
		all = append(all, w.text("state."+string(f.State)))
	}
	if f.Site != "" {
		all = append(all, cut(f.Site))
	}
	if f.PropertyID != "" {
		all = append(all, cut(f.PropertyID))
	}
	if f.Text != "" {
		all = append(all, w.text("job.text", cut(f.Text)))
	}
	if !f.After.IsZero() {
		all = append(all, w.text("job.after", w.when(f.After).Text))
	}
	if !f.Before.IsZero() {
		all = append(all, w.text("job.before", w.when(f.Before).Text))
	}
	return strings.Join(all, " · ")
}

// jobForm is what the forms of a job say.
type jobForm struct {
	lead.Job

	newest lead.RemoteID // of the leads that the person was told of; 0 if there was no page that told
	told   int           // how many those were
}

func readJobForm(w http.ResponseWriter, r *http.Request) (f jobForm, err error) {
	wrong := problem.New(problem.Unreadable, errForm)
	if err := checkBody(w, r); err != nil {
		return f, err
	}
	f.Do = lead.JobVerb(r.PostFormValue("do"))
	for _, name := range selecting {
		if !setParameter(&f.Filter, name, orDay(name, r.PostFormValue(name))) {
			return f, wrong
		}
	}
	if jobStates[f.Do] == nil || chooseState(&f.Job) != "" {
		return f, wrong
	}
	if newest := r.PostFormValue("newest"); newest != "" {
		if f.newest, err = lead.ParseRemoteID(newest); err != nil {
			return f, wrong
		}
		if f.told, err = strconv.Atoi(r.PostFormValue("told")); err != nil {
			return f, wrong
		}
	}
	return f, nil
}

// confirmJob says how many leads a job would have and what it would do, and asks.
func (p *Pages) confirmJob(w http.ResponseWriter, r *http.Request) error {
	f, err := readJobForm(w, r)
	if err != nil {
		return err
	}
	extendDeadlines(w)
	ids, left, err := p.matching(r.Context(), f.Filter)
	if err != nil {
		return err
	}
	return p.askForJob(w, r, f, ids, left, false)
}

// askForJob shows the page that asks. isAgain is set if there are more leads by now than
// were told.
func (p *Pages) askForJob(w http.ResponseWriter, r *http.Request, f jobForm, ids []lead.RemoteID, left int, isAgain bool) error {
	t, do, n := wordsFor(r), string(f.Do), len(ids)
	page := web.ConfirmPage{Frame: p.frame(r, "/leads"), Action: "/jobs", Grave: f.Do == lead.JobDiscard, Return: returnTo(r)}
	page.Back = page.Return
	if isAgain {
		page.Notice = t.text("confirm.job.more")
	}
	page.Title = t.text("confirm." + do + ".none")
	page.Effects = []string{t.text("confirm.job.which", t.selection(f.Filter))}
	if n > 0 {
		page.Title, page.Button = t.count("confirm."+do, n), t.count("confirm."+do+".button", n)
		page.Effects = append(page.Effects, t.count("confirm."+do+".effect", n), t.text("confirm.job.effect"))
		page.Hidden = jobFields(r.PostForm, ids)
	}
	if left > 0 {
		page.Effects = append(page.Effects, t.count("confirm.job.left", left))
	}
	return writePage(w, r, http.StatusOK, func(b io.Writer, _ locale.Lang) error { return web.RenderConfirm(b, page) })
}

// jobFields are what the form that confirms has: what was asked for, and which leads the
// person was told of.
func jobFields(form url.Values, ids []lead.RemoteID) []web.Pair {
	all := []web.Pair{{Name: "newest", Value: ids[len(ids)-1].String()}, {Name: "told", Value: strconv.Itoa(len(ids))}}
	for _, name := range append([]string{"do", "back"}, selecting...) {
		if value := form.Get(name); value != "" {
			all = append(all, web.Pair{Name: name, Value: value})
		}
	}
	return all
}

// order writes down a job that was confirmed. Leads that have come since are not in it.
// If there are more all the same, because old ones have changed, it asks again.
func (p *Pages) order(w http.ResponseWriter, r *http.Request) error {
	f, err := readJobForm(w, r)
	if err != nil || f.newest == 0 {
		return problem.New(problem.Unreadable, errForm)
	}
	extendDeadlines(w)
	ids, left, err := p.matching(r.Context(), f.Filter)
	if err != nil {
		return err
	}
	told, _ := slices.BinarySearch(ids, f.newest+1)
	if told > f.told {
		return p.askForJob(w, r, f, ids, left, true)
	}
	f.LeftOut = left + len(ids) - told
	if _, err := p.store.AddJob(r.Context(), f.Job, ids[:told]); err != nil {
		return problem.NewTryAgain(time.Second, err)
	}
	return redirect(w, withNotice("/jobs", "job"))
}

// abortByForm ends a job before its next step.
func (p *Pages) abortByForm(w http.ResponseWriter, r *http.Request) error {
	if err := checkBody(w, r); err != nil {
		return err
	}
	if _, err := p.abort(r); err != nil {
		return err
	}
	return redirect(w, withNotice("/jobs", "abort"))
}
