package console

import (
	"context"
	"slices"
	"time"

	"leadrelay/internal/access"
	"leadrelay/internal/lead"
)

// sight is what whoever asks may see and do of the store. No handler has the store itself,
// so none can forget to ask: without an access in the context there is nothing but an
// error. What is of other sites is not there for whoever has a token of some.
type sight struct{ all Store }

// List implements [Leads].
func (s sight) List(ctx context.Context, f lead.Filter) ([]lead.Lead, bool, error) {
	by, err := access.Check(ctx, access.See)
	if err != nil {
		return nil, false, err
	}
	return s.all.List(ctx, within(by, f))
}

// within returns the filter without the sites that are not theirs.
func within(by access.Access, f lead.Filter) lead.Filter {
	switch {
	case by.Sites == nil:
	case f.Sites == nil:
		f.Sites = by.Sites
	default:
		f.Sites = by.Only(f.Sites)
	}
	return f
}

// maySee reports whether a lead is there for whoever asks: a blocked one is for owners alone.
func maySee(by access.Access, l *lead.Lead) bool {
	return by.Sees(l.Site) && (!l.IsBlocked() || by.May(access.Own))
}

// Find implements [Leads].
func (s sight) Find(ctx context.Context, id lead.RemoteID) (lead.Lead, []lead.Attempt, error) {
	by, err := access.Check(ctx, access.See)
	if err != nil {
		return lead.Lead{}, nil, err
	}
	l, attempts, err := s.all.Find(ctx, id)
	if err == nil && !maySee(by, &l) {
		return lead.Lead{}, nil, lead.ErrNotFound
	}
	return l, attempts, err
}

// Deliveries implements [Leads].
func (s sight) Deliveries(ctx context.Context, id lead.RemoteID) ([]lead.Delivery, error) {
	if _, _, err := s.Find(ctx, id); err != nil {
		return nil, err
	}
	return s.all.Deliveries(ctx, id)
}

// Amend implements [Leads].
func (s sight) Amend(ctx context.Context, id lead.RemoteID, f func(*lead.Lead) error) (lead.Lead, error) {
	by, err := access.Check(ctx, access.Act)
	if err != nil {
		return lead.Lead{}, err
	}
	return s.all.Amend(ctx, id, func(l *lead.Lead) error {
		if !maySee(by, l) {
			return lead.ErrNotFound
		}
		return f(l)
	})
}

// Now implements [Leads].
func (s sight) Now(ctx context.Context) (time.Time, error) { return s.all.Now(ctx) }

// allSites is what a report needs: it is about all sites at once.
func allSites(n access.Need) access.Need { return access.Need{Role: n.Role, AllSites: true} }

// KeepReport implements [Reports].
func (s sight) KeepReport(ctx context.Context, at time.Time, body []byte) error {
	if _, err := access.Check(ctx, allSites(access.Act)); err != nil {
		return err
	}
	return s.all.KeepReport(ctx, at, body)
}

// Reports implements [Reports].
func (s sight) Reports(ctx context.Context, n int) ([][]byte, int, error) {
	if _, err := access.Check(ctx, allSites(access.See)); err != nil {
		return nil, 0, err
	}
	return s.all.Reports(ctx, n)
}

// Stats implements [Stats].
func (s sight) Stats(ctx context.Context, q lead.StatsQuery) ([]lead.Bucket, error) {
	by, err := access.Check(ctx, access.See)
	if err != nil {
		return nil, err
	}
	q.Sites = within(by, lead.Filter{Sites: q.Sites}).Sites
	return s.all.Stats(ctx, q)
}

// Overview implements [Stats].
func (s sight) Overview(ctx context.Context, now time.Time, sites []string) (lead.Now, error) {
	by, err := access.Check(ctx, access.See)
	if err != nil {
		return lead.Now{}, err
	}
	return s.all.Overview(ctx, now, within(by, lead.Filter{Sites: sites}).Sites)
}

// seesJob reports whether all leads of a job are of their sites.
func seesJob(by access.Access, j lead.Job) bool {
	if j.Filter.Site != "" {
		return by.Sees(j.Filter.Site)
	}
	return by.SeesAll(j.Filter.Sites)
}

// AddJob implements [Jobs].
func (s sight) AddJob(ctx context.Context, j lead.Job, ids []lead.RemoteID) (lead.Job, error) {
	by, err := access.Check(ctx, access.Act)
	if err != nil {
		return lead.Job{}, err
	}
	j.Filter = within(by, j.Filter) // which leaves out ids of other sites
	return s.all.AddJob(ctx, j, ids)
}

// Jobs implements [Jobs].
func (s sight) Jobs(ctx context.Context, n int) ([]lead.Job, error) {
	by, err := access.Check(ctx, access.See)
	if err != nil {
		return nil, err
	}
	if by.Sites == nil {
		return s.all.Jobs(ctx, n)
	}
	const kept = 1000 // the store has no more
	all, err := s.all.Jobs(ctx, kept)
	theirs := slices.DeleteFunc(all, func(j lead.Job) bool { return !seesJob(by, j) })
	return theirs[:min(n, len(theirs))], err
}

// AbortJob ends a job.
func (s sight) AbortJob(ctx context.Context, id int64) (lead.Job, error) {
	by, err := access.Check(ctx, access.Act)
	if err != nil {
		return lead.Job{}, err
	}
	return s.all.AbortJob(ctx, id, func(j lead.Job) bool { return seesJob(by, j) })
}

// CountsOf implements [counter].
func (s sight) CountsOf(ctx context.Context, states ...lead.State) ([]lead.Count, error) {
	by, err := access.Check(ctx, access.See)
	if err != nil {
		return nil, err
	}
	all, err := s.all.CountsOf(ctx, states...)
	return slices.DeleteFunc(all, func(c lead.Count) bool { return !by.Sees(c.Site) }), err
}

// eventSight is the part of sight that tells of changes.
type eventSight struct{ all Watched }

// LastEvent implements [Watched].
func (s eventSight) LastEvent(ctx context.Context) (lead.EventCursor, error) {
	if _, err := access.Check(ctx, access.See); err != nil {
		return lead.EventCursor{}, err
	}
	return s.all.LastEvent(ctx)
}

// Events implements [Watched].
func (s eventSight) Events(ctx context.Context, c lead.EventCursor) ([]lead.Event, lead.EventCursor, bool, error) {
	by, err := access.Check(ctx, access.See)
	if err != nil {
		return nil, c, false, err
	}
	all, next, isLost, err := s.all.Events(ctx, c)
	return slices.DeleteFunc(all, func(e lead.Event) bool { return !by.Sees(e.Site) }), next, isLost, err
}

// pageSight is the part of sight that only pages use.
type pageSight struct {
	eventSight

	all Holdings
}

// OddLeads returns the newest leads that have arrived and need a person's attention.
func (s pageSight) OddLeads(ctx context.Context, n int) ([]lead.Lead, error) {
	by, err := access.Check(ctx, access.See)
	if err != nil {
		return nil, err
	}
	return s.all.OddLeads(ctx, n, by.Sites)
}

// QuarantineReasons counts the leads in quarantine since a time, by their reason.
func (s pageSight) QuarantineReasons(ctx context.Context, since time.Time) (map[string]int, error) {
	by, err := access.Check(ctx, access.See)
	if err != nil {
		return nil, err
	}
	return s.all.QuarantineReasons(ctx, since, by.Sites)
}

// Free returns how many bytes are free, which is nothing of a site.
func (s pageSight) Free(ctx context.Context) (int64, error) {
	if _, err := access.Check(ctx, allSites(access.See)); err != nil {
		return 0, err
	}
	return s.all.Free()
}

// reach is what whoever asks may see and do of the courier. See [sight].
type reach struct{ all Courier }

// Wake tells the courier of a lead that was queued.
func (c reach) Wake(site string) { c.all.Wake(site) }

// Now is the time on which all replicas agree.
func (c reach) Now() time.Time { return c.all.Now() }

// Reconcile compares the leads of all sites with EasyBroker's lists.
func (c reach) Reconcile(ctx context.Context, since time.Time) (lead.Drift, error) {
	if _, err := access.Check(ctx, allSites(access.Act)); err != nil {
		return lead.Drift{}, err
	}
	return c.all.Reconcile(ctx, since)
}

// Replay sends leads again. A dry run reads EasyBroker's lists, too, and takes its calls.
func (c reach) Replay(ctx context.Context, f lead.Filter, dryRun bool) ([]lead.Replayed, int, error) {
	by, err := access.Check(ctx, access.Act)
	if err != nil {
		return nil, 0, err
	}
	return c.all.Replay(access.Doing(ctx, access.DidReplay), within(by, f), dryRun)
}

// Status returns how the credentials of their sites stand.
func (c reach) Status(ctx context.Context) []lead.Credential {
	by, err := access.Check(ctx, access.See)
	if err != nil {
		return nil
	}
	all := slices.Clone(c.all.Status())
	if by.Sites == nil {
		return all
	}
	for i := range all {
		all[i].Sites = by.Only(all[i].Sites)
	}
	return slices.DeleteFunc(all, func(c lead.Credential) bool { return len(c.Sites) == 0 })
}

// mayActOn returns an error unless all of the sites are theirs.
func mayActOn(ctx context.Context, sites []string) error {
	by, err := access.Check(ctx, access.Act)
	if err == nil && !by.SeesAll(sites) {
		err = access.ErrRefused
	}
	return err
}

// Pause pauses sites.
func (c reach) Pause(ctx context.Context, sites []string, p lead.Pause) error {
	if err := mayActOn(ctx, sites); err != nil {
		return err
	}
	return c.all.Pause(ctx, sites, p)
}

// Resume ends the pauses of sites.
func (c reach) Resume(ctx context.Context, sites []string) error {
	if err := mayActOn(ctx, sites); err != nil {
		return err
	}
	return c.all.Resume(ctx, sites)
}

// Probe asks EasyBroker now whether the credential of a site works.
func (c reach) Probe(ctx context.Context, site string) (reason string, err error) {
	if err := mayActOn(ctx, []string{site}); err != nil {
		return "", err
	}
	return c.all.Probe(ctx, site), nil
}

// lookout is what whoever asks may know of alerts. See [sight].
type lookout struct {
	all   Watcher
	leads Leads
}

// Alerts returns the alerts that are about their sites alone, and of the others that are
// about some of them what is theirs. One that is about no site is about all.
func (o lookout) Alerts(ctx context.Context) []lead.Alert {
	by, err := access.Check(ctx, access.See)
	if err != nil {
		return nil
	}
	all := slices.Clone(o.all.Alerts())
	if by.Sites == nil {
		return all
	}
	var theirs []lead.Alert
	for _, a := range all {
		sites := by.Only(a.Sites)
		if len(sites) == 0 {
			continue
		}
		if len(sites) < len(a.Sites) {
			a.Sites = sites
			if a = o.narrowed(ctx, by, a); a.Kind.CanBeSeen() && a.Leads == 0 {
				continue
			}
		}
		theirs = append(theirs, a)
	}
	return theirs
}

// narrowed returns an alert with those of its leads that are theirs.
func (o lookout) narrowed(ctx context.Context, by access.Access, a lead.Alert) lead.Alert {
	if len(a.RemoteIDs) == 0 {
		a.Leads = 0
		return a
	}
	leads, _, err := o.leads.List(ctx, within(by, lead.Filter{RemoteIDs: a.RemoteIDs, Limit: lead.MaxAlertLeads}))
	a.RemoteIDs, a.Leads = nil, 0
	if err != nil {
		return a
	}
	for _, l := range slices.Backward(leads) {
		a.RemoteIDs = append(a.RemoteIDs, l.RemoteID)
	}
	a.Leads = len(leads)
	return a
}

// Quiet returns those of their sites that have been silent for longer than usual.
func (o lookout) Quiet(ctx context.Context) []lead.Quiet {
	by, err := access.Check(ctx, access.See)
	if err != nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(o.all.Quiet(ctx)), func(q lead.Quiet) bool { return !by.Sees(q.Site) })
}

// See notes that a person has looked at the leads of an alert. All of them must be theirs.
func (o lookout) See(ctx context.Context, id string) (lead.Alert, error) {
	by, err := access.Check(ctx, access.Act)
	if err != nil {
		return lead.Alert{}, err
	}
	if by.Sites != nil {
		all := o.all.Alerts()
		i := slices.IndexFunc(all, func(a lead.Alert) bool { return a.ID == id && len(by.Only(a.Sites)) > 0 })
		switch {
		case i < 0:
			return lead.Alert{}, lead.ErrNotFound
		case !by.SeesAll(all[i].Sites):
			return lead.Alert{}, access.ErrRefused
		}
	}
	return o.all.See(ctx, id)
}
