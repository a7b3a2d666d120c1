package console

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/go-chi/chi/v5"

	"leadrelay/internal/access"
	"leadrelay/internal/lead"
	"leadrelay/internal/problem"
)

// Standing is why the leads of a site wait, or that they do not.
type Standing struct {
	State  string     `json:"state"` // that of its credential, paused, or paused_by_hand
	Reason *string    `json:"reason"`
	Since  *time.Time `json:"since"`
	Until  *time.Time `json:"until"`
}

// SiteStatus is a site in the API, and what waits there.
type SiteStatus struct {
	Site string `json:"site"`
	Standing

	Waiting      int        `json:"waiting"`       // queued leads
	WaitingSince *time.Time `json:"waiting_since"` // when the oldest of them came
}

// SiteList is all sites in the API.
type SiteList struct {
	Sites []SiteStatus `json:"sites"`
}

// standing returns how a site stands. What a person has ordered counts more than what
// the courier has found out, and what concerns the site alone more than what concerns its
// key.
func standing(all []lead.Credential, site string) Standing {
	order := []string{lead.SitePaused, lead.SitePausedByHand}
	now := lead.Credential{State: lead.CredentialWorking}
	for _, c := range all {
		if slices.Contains(c.Sites, site) && slices.Index(order, c.State) >= slices.Index(order, now.State) {
			now = c
		}
	}
	return Standing{State: now.State, Reason: orNull(now.Reason), Since: timeOrNull(now.Since), Until: timeOrNull(now.Until)}
}

// keepsWaiting reports whether leads in the state wait because of the standing. A pause
// keeps those waiting that are to be sent; a look-up is made all the same.
func (s Standing) keepsWaiting(state lead.State) bool {
	switch s.State {
	case lead.CredentialDown, lead.CredentialHeld:
		return state == lead.Queued || state == lead.Doubtful
	case lead.SitePaused, lead.SitePausedByHand:
		return state == lead.Queued
	}
	return false
}

// listSites lists all sites by their ids.
func (a api) listSites(w http.ResponseWriter, r *http.Request) error {
	by, err := access.From(r.Context())
	if err != nil {
		return err
	}
	return a.answerSites(w, r, by.Only(slices.Sorted(maps.Keys(a.rules))))
}

func (a api) answerSites(w http.ResponseWriter, r *http.Request, sites []string) error {
	all, err := siteStatuses(r.Context(), a.store, a.courier, sites)
	if err != nil {
		return err
	}
	return writeJSON(w, SiteList{Sites: all})
}

// siteStatuses returns how the sites stand, and what waits there.
func siteStatuses(ctx context.Context, store counter, courier stander, sites []string) ([]SiteStatus, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	counts, err := store.CountsOf(ctx, lead.Queued)
	if err != nil {
		return nil, storeProblem(ctx, err)
	}
	status, all := courier.Status(ctx), make([]SiteStatus, len(sites))
	for i, site := range sites {
		all[i] = SiteStatus{Site: site, Standing: standing(status, site)}
		for _, c := range counts {
			if c.Site == site {
				all[i].Waiting, all[i].WaitingSince = c.Leads, timeOrNull(c.Oldest)
			}
		}
	}
	return all, nil
}

// counter is the part of the store that counts leads.
type counter interface {
	// CountsOf counts the leads of each site in the states.
	CountsOf(ctx context.Context, states ...lead.State) ([]lead.Count, error)
}

// stander is the part of the courier that says how sites stand.
type stander interface {
	Status(ctx context.Context) []lead.Credential
}

// pause pauses a site, or all that share its credential.
func (a api) pause(w http.ResponseWriter, r *http.Request) error {
	var p lead.Pause
	var all bool
	err := readBody(w, r, jsonFields{
		"until":      parseText(func(s string) { p.Until, _ = time.Parse(time.RFC3339, s) }),
		"why":        parseText(func(s string) { p.Why = lead.Line(s) }),
		"credential": parseInto(&all),
	})
	if err != nil {
		return err
	}
	sites, err := a.sitesOf(r, all)
	if err != nil {
		return err
	}
	if wrong := checkPause(&p, a.courier.Now()); len(wrong) > 0 {
		return invalid(r, &lead.InvalidError{Fields: wrong})
	}
	if err := a.courier.Pause(r.Context(), sites, p); err != nil {
		return problem.NewTryAgain(time.Second, err)
	}
	return a.answerSites(w, r, sites)
}

const (
	// maxPause is how long a pause lasts at most, so that none is forgotten for ever.
	maxPause = 31 * 24 * time.Hour
	// maxWhy is how many characters its reason has at most.
	maxWhy = 200
)

// checkPause returns what is wrong with a pause. It must have an end and a reason, because
// whoever finds it may be somebody else.
func checkPause(p *lead.Pause, now time.Time) (wrong []lead.FieldError) {
	if !p.Until.After(now) || p.Until.Sub(now) > maxPause {
		wrong = append(wrong, lead.FieldError{Field: "until", Code: codeInvalid})
	}
	switch {
	case p.Why == "":
		wrong = append(wrong, lead.FieldError{Field: "why", Code: lead.Missing})
	case utf8.RuneCountInString(p.Why) > maxWhy:
		wrong = append(wrong, lead.FieldError{Field: "why", Code: lead.TooLong, Max: maxWhy})
	}
	return wrong
}

// resume ends the pause of a site, or of all that share its credential.
func (a api) resume(w http.ResponseWriter, r *http.Request) error {
	var all bool
	if err := readBody(w, r, jsonFields{"credential": parseInto(&all)}); err != nil {
		return err
	}
	sites, err := a.sitesOf(r, all)
	if err != nil {
		return err
	}
	if err := a.courier.Resume(r.Context(), sites); err != nil {
		return problem.NewTryAgain(time.Second, err)
	}
	return a.answerSites(w, r, sites)
}

// sitesOf returns the site in the path, or all that share its credential.
func (a api) sitesOf(r *http.Request, all bool) ([]string, error) {
	site := chi.URLParam(r, "site")
	by, err := access.From(r.Context())
	if err != nil {
		return nil, err
	}
	if _, ok := a.rules[site]; !ok || !by.Sees(site) {
		return nil, problem.NewNoSite()
	}
	if all {
		return sharers(a.courier.Status(r.Context()), site), nil
	}
	return []string{site}, nil
}

// sharers returns the sites that share the site's credential, and the site itself.
func sharers(all []lead.Credential, site string) []string {
	for _, c := range all {
		if slices.Contains(c.Sites, site) && c.State != lead.SitePaused && c.State != lead.SitePausedByHand {
			return slices.Sorted(slices.Values(c.Sites))
		}
	}
	return []string{site}
}
