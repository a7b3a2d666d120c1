package console

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/go-chi/chi/v5"

	"leadrelay/internal/access"
	"leadrelay/internal/alerts"
	"leadrelay/internal/lead"
	"leadrelay/internal/locale"
	"leadrelay/internal/problem"
	"leadrelay/web"
)

// Watcher is who watches for trouble.
type Watcher interface {
	// Alerts returns the alerts that are open, and then those that were closed within a day.
	Alerts() []lead.Alert
	// See notes that a person has looked at the leads of an alert. The error wraps
	// [lead.ErrNotFound] if there is no such alert.
	See(ctx context.Context, id string) (lead.Alert, error)
	// Quiet returns the sites that have been silent for longer than usual.
	Quiet(ctx context.Context) []lead.Quiet
}

// Alert is an alert in the API, in the language of who asks.
type Alert struct {
	ID        string          `json:"id"`
	Kind      lead.AlertKind  `json:"kind"`
	Sites     []string        `json:"sites"`
	RemoteIDs []lead.RemoteID `json:"remote_ids"` // at most a hundred
	Leads     int             `json:"leads"`      // how many there are
	Since     *time.Time      `json:"since"`
	Cause     string          `json:"cause"`
	Remedy    string          `json:"remedy"`
	ClosedAt  *time.Time      `json:"closed_at"`
}

// AlertList is what people are told of, and what they may see besides.
type AlertList struct {
	Alerts []Alert      `json:"alerts"`
	Quiet  []lead.Quiet `json:"quiet"`
}

func viewAlert(l locale.Lang, a lead.Alert) Alert {
	return Alert{
		ID: a.ID, Kind: a.Kind, Sites: append([]string{}, a.Sites...), RemoteIDs: append([]lead.RemoteID{}, a.RemoteIDs...), Leads: a.Leads,
		Since: timeOrNull(a.Since), Cause: alerts.Cause(l, a), Remedy: alerts.Remedy(l, a), ClosedAt: timeOrNull(a.ClosedAt),
	}
}

// alertsAPI is the part of the operator API with alerts.
type alertsAPI struct{ watcher lookout }

// RouteAlerts adds the API's alerts to the operator's door. The gate checks the token.
func RouteAlerts(mux chi.Router, watcher Watcher, store Store, gate *Gate) {
	a := alertsAPI{lookout{watcher, sight{store}}}
	for _, method := range readMethods {
		mux.Method(method, "/api/v1/alerts", gate.admit(access.See, withoutQuery(a.list)))
	}
	mux.Method(http.MethodPost, "/api/v1/alerts/{id}/seen", gate.admit(access.Act, withoutQuery(a.see)))
}

func (a alertsAPI) list(w http.ResponseWriter, r *http.Request) error {
	views := []Alert{}
	for _, one := range a.watcher.Alerts(r.Context()) {
		views = append(views, viewAlert(language(r), one))
	}
	return writeJSON(w, AlertList{Alerts: views, Quiet: append([]lead.Quiet{}, a.watcher.Quiet(r.Context())...)})
}

func (a alertsAPI) see(w http.ResponseWriter, r *http.Request) error {
	if err := readBody(w, r, nil); err != nil {
		return err
	}
	seen, err := see(r, a.watcher, chi.URLParam(r, "id"))
	if err != nil {
		return err
	}
	return writeJSON(w, viewAlert(language(r), seen))
}

func see(r *http.Request, watcher lookout, id string) (lead.Alert, error) {
	seen, err := watcher.See(r.Context(), id)
	switch {
	case errors.Is(err, lead.ErrNotFound):
		return seen, problem.New(problem.NotFound, err)
	case err != nil:
		return seen, storeProblem(r.Context(), err)
	}
	return seen, nil
}

// seeAlert notes that a person has looked at the leads of an alert.
func (p *Pages) seeAlert(w http.ResponseWriter, r *http.Request) error {
	if err := checkBody(w, r); err != nil {
		return err
	}
	if _, err := see(r, p.watcher, r.PostFormValue("id")); err != nil {
		return err
	}
	return redirect(w, withNotice("/", "seen"))
}

// seenAction lets a person say that the leads of an alert were looked at, if one is open.
func (p *Pages) seenAction(ctx context.Context, w words, kind lead.AlertKind, subject string) []web.Action {
	for _, a := range p.watcher.Alerts(ctx) {
		if a.IsOpen() && a.Kind == kind && a.Subject == subject {
			return []web.Action{{Label: w.text("alert.seen"), Path: "/alerts/seen", Hidden: []web.Pair{{Name: "id", Value: a.ID}}}}
		}
	}
	return nil
}

// watchedTrouble tells of what only the watcher knows.
func (p *Pages) watchedTrouble(ctx context.Context, w words) (all []web.Trouble) {
	for _, a := range p.watcher.Alerts(ctx) {
		if !a.IsOpen() || !slices.Contains([]lead.AlertKind{lead.AlertLate, lead.AlertHook, lead.AlertRefused, lead.AlertSilence, lead.AlertFlood, lead.AlertClock}, a.Kind) {
			continue
		}
		all = append(all, web.Trouble{
			Mark: markDoubt, Title: alerts.Cause(w.lang, a), Since: w.when(a.Since), Begun: w.text("trouble.since"), Ago: w.since(a.Since),
			Waiting: alerts.Safe(w.lang, a), Remedy: alerts.Remedy(w.lang, a), Actions: p.hookAction(w, a),
		})
	}
	return all
}

// hookAction has a webhook tried again that was switched off.
func (p *Pages) hookAction(w words, a lead.Alert) []web.Action {
	if a.Kind != lead.AlertHook {
		return nil
	}
	return []web.Action{{Label: w.text("alert.hook.again"), Path: "/alerts/seen", Hidden: []web.Pair{{Name: "id", Value: a.ID}}}}
}
