package console_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/console"
	"leadrelay/internal/lead"
	"leadrelay/internal/problem"
	"leadrelay/internal/store"
)

// moved requires that the answer is the lead after the move.
func (d *desk) moved(w *httptest.ResponseRecorder) (s console.LeadDetail) {
	d.t.Helper()
	require.Equal(d.t, http.StatusOK, w.Code, w.Body.String())
	require.Equal(d.t, "application/json", w.Header().Get("Content-Type"))
	require.NoError(d.t, json.Unmarshal(w.Body.Bytes(), &s))
	return s
}

func (d *desk) state(id lead.RemoteID) lead.State {
	d.t.Helper()
	l, _, err := d.store.Find(d.t.Context(), id)
	require.NoError(d.t, err)
	return l.State
}

func path(id lead.RemoteID, more ...string) string {
	return strings.Join(append([]string{"/api/v1/leads/" + id.String()}, more...), "/")
}

func TestMovesFromEachState(t *testing.T) {
	tests := map[string]struct {
		verb, body string
		to         map[lead.State]lead.State // where it is allowed
	}{
		"a retry":                    {"retry", "", map[lead.State]lead.State{lead.Failed: lead.Queued, lead.Discarded: lead.Queued}},
		"a retry without force":      {"retry", `{"force":false}`, map[lead.State]lead.State{lead.Failed: lead.Queued, lead.Discarded: lead.Queued}},
		"a retry with an empty body": {"retry", ` {} `, map[lead.State]lead.State{lead.Failed: lead.Queued, lead.Discarded: lead.Queued}},
		"a forced retry":             {"retry", `{"force":true}`, map[lead.State]lead.State{lead.Failed: lead.Queued, lead.Discarded: lead.Queued, lead.Delivered: lead.Queued, lead.Confirmed: lead.Queued}},
		"a release":                  {"release", "", map[lead.State]lead.State{lead.Quarantined: lead.Queued}},
		"a discard":                  {"discard", "{}", map[lead.State]lead.State{lead.Failed: lead.Discarded, lead.Quarantined: lead.Discarded}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t)
			for _, from := range lead.States() {
				id := d.put(from)
				d.courier.woken = nil
				w := d.order(http.MethodPost, path(id, tt.verb), tt.body)
				to, allowed := tt.to[from]
				if !allowed {
					doc := d.refused(w, http.StatusConflict, problem.WrongState)
					require.Contains(t, doc.Detail, "("+string(from)+")")
					require.Equal(t, from, d.state(id))
					require.Empty(t, d.courier.woken)
					continue
				}
				s := d.moved(w)
				require.Equal(t, to, s.State)
				require.Equal(t, id, s.RemoteID)
				require.Equal(t, to, d.state(id))
				if to == lead.Queued {
					require.Equal(t, []string{"casas"}, d.courier.woken, "the courier is told")
					require.WithinDuration(t, time.Now(), *s.NextAttemptAt, time.Minute)
					require.Nil(t, s.Reason)
				}
			}
		})
	}
}

// late is a store whose clock is an hour behind this machine's.
type late struct{ *store.Store }

func (late) Now(context.Context) (time.Time, error) { return time.Now().Add(-time.Hour), nil }

// A lead that a person queues is due by the store's clock, as all others are.
func TestAMoveGoesByTheStoresClock(t *testing.T) {
	d := newDesk(t)
	rules := map[string]lead.Rules{"casas": lead.DefaultRules()}
	d.Handler = console.New(late{d.store}, d.courier, rules, gate(token), http.HandlerFunc(metrics))
	for from, verb := range map[lead.State]string{lead.Failed: "retry", lead.Quarantined: "release"} {
		id := d.put(from)
		s := d.moved(d.order(http.MethodPost, path(id, verb), ""))
		require.WithinDuration(t, time.Now().Add(-time.Hour), *s.NextAttemptAt, time.Minute)
		l, _, err := d.store.Find(t.Context(), id)
		require.NoError(t, err)
		require.WithinDuration(t, time.Now().Add(-time.Hour), l.QueuedAt, time.Minute)
	}
	d.order(http.MethodPost, "/api/v1/reconciliations", "")
	require.WithinDuration(t, time.Now().Add(-25*time.Hour), d.courier.since[0], time.Minute)
}

func TestAWrongStateIsToldInTheOperatorsLanguage(t *testing.T) {
	d := newDesk(t)
	for _, state := range lead.States() {
		id := d.put(state)
		details := map[string]bool{}
		for _, language := range []string{"es", "en"} {
			verb := "release"
			if state == lead.Quarantined {
				verb = "retry"
			}
			w := d.order(http.MethodPost, path(id, verb), "", "Accept-Language", language)
			details[d.refused(w, http.StatusConflict, problem.WrongState).Detail] = true
		}
		require.Len(t, details, 2, state)
	}
}

func TestAMoveTellsWhatWasTried(t *testing.T) {
	d := newDesk(t)
	id := d.keep(0, lead.Inquiry{})
	d.settle(d.begin(), lead.Settlement{
		State: lead.Failed, Reason: "no se encontró",
		Attempt: &lead.Attempt{Number: 1, EndedAt: noon.Add(time.Second), Outcome: lead.OutcomeRefused, Status: 404},
	})
	s := d.moved(d.order(http.MethodPost, path(id, "retry"), ""))
	require.Len(t, s.Attempts, 1)
	require.Equal(t, "refused", *s.Attempts[0].Outcome)
}

func TestAnEditChangesFieldsOnly(t *testing.T) {
	d := newDesk(t)
	for _, from := range lead.States() {
		id := d.put(from)
		isTaken, property := from == lead.Delivered || from == lead.Confirmed, "EB-2"
		if isTaken { // it is looked for in EasyBroker under its property
			d.refused(d.order(http.MethodPatch, path(id), `{"property_id":"EB-2"}`), http.StatusUnprocessableEntity, problem.Invalid)
			property = "EB-AB1234"
		}
		w := d.order(http.MethodPatch, path(id), `{"property_id":"`+property+`","name":" Luz\n Paz ","phone":null}`)
		if from != lead.Failed && from != lead.Discarded && from != lead.Quarantined && !isTaken {
			d.refused(w, http.StatusConflict, problem.WrongState)
			continue
		}
		s := d.moved(w)
		require.Equal(t, isTaken, s.Context["rectified"] == "name, phone")
		require.Equal(t, from, s.State)
		require.Equal(t, "no se pudo", *s.Reason)
		require.Equal(t, property, *s.PropertyID)
		require.Equal(t, "Luz Paz", *s.Name)
		require.Nil(t, s.Phone, "null takes it away")
		require.Equal(t, "ana@ejemplo.mx", *s.Email, "what is not named stays")
		require.Equal(t, from, d.state(id))
	}
	require.Empty(t, d.courier.woken)
}

func TestABodyThatDoesNotFit(t *testing.T) {
	d := newDesk(t)
	id := d.put(lead.Failed)
	tests := map[string]struct {
		method, target, body string
		status               int
		code                 problem.Code
		fields               string
	}{
		"fields that are none of ours":        {"PATCH", path(id), `{"name":"Luz","remote_id":7,"state":"queued","Email":"x"}`, 422, problem.Invalid, "Email INVALID_PARAMETER, remote_id INVALID_PARAMETER, state INVALID_PARAMETER"},
		"a name that turns writing":           {"PATCH", path(id), "{\"a\u202eb\\n\":1}", 422, problem.Invalid, "ab INVALID_PARAMETER"},
		"values that are no text":             {"PATCH", path(id), `{"name":7,"phone":5512345678,"message":["x"],"email":{},"property_id":true}`, 422, problem.Invalid, "email TYPE_TEXT, message TYPE_TEXT, name TYPE_TEXT, phone TYPE_TEXT, property_id TYPE_TEXT"},
		"values that do not fit":              {"PATCH", path(id), `{"email":"x","name":"` + strings.Repeat("x", 201) + `"}`, 422, problem.Invalid, "name TOO_LONG, email TYPE_EMAIL"},
		"a required field taken away":         {"PATCH", path(id), `{"message":null,"email":""}`, 422, problem.Invalid, "email REQUIRED_FIELD_MISSING, message REQUIRED_FIELD_MISSING"},
		"a list":                              {"PATCH", path(id), `[]`, 400, problem.Unreadable, ""},
		"a text":                              {"PATCH", path(id), `"name"`, 400, problem.Unreadable, ""},
		"null":                                {"PATCH", path(id), `null`, 400, problem.Unreadable, ""},
		"half a body":                         {"PATCH", path(id), `{"name":"canary"`, 400, problem.Unreadable, ""},
		"two bodies":                          {"PATCH", path(id), `{"name":"canary"}{}`, 400, problem.Unreadable, ""},
		"a form":                              {"PATCH", path(id), `name=canary`, 400, problem.Unreadable, ""},
		"more than there can be":              {"PATCH", path(id), `{"message":"` + strings.Repeat("x", 64<<10) + `"}`, 413, problem.TooLarge, ""},
		"a force that is a text":              {"POST", path(id, "retry"), `{"force":"true"}`, 422, problem.Invalid, "force INVALID_PARAMETER"},
		"a force that is spelled otherwise":   {"POST", path(id, "retry"), `{"Force":true}`, 422, problem.Invalid, "Force INVALID_PARAMETER"},
		"a discard with conditions":           {"POST", path(id, "discard"), `{"force":true}`, 422, problem.Invalid, "force INVALID_PARAMETER"},
		"a release with conditions":           {"POST", path(id, "release"), `{"force":true}`, 422, problem.Invalid, "force INVALID_PARAMETER"},
		"a replay of everything":              {"POST", "/api/v1/replays", `{}`, 422, problem.Invalid, "state REQUIRED_FIELD_MISSING"},
		"a replay without a body":             {"POST", "/api/v1/replays", ``, 422, problem.Invalid, "state REQUIRED_FIELD_MISSING"},
		"a replay of empty filters":           {"POST", "/api/v1/replays", `{"site":"","q":"","remote_ids":[],"dry_run":true}`, 422, problem.Invalid, "state REQUIRED_FIELD_MISSING"},
		"a replay with all of it wrong":       {"POST", "/api/v1/replays", `{"site":7,"state":"lost","after":"yesterday","before":null,"remote_ids":[0],"dry_run":"yes","limit":5}`, 422, problem.Invalid, "after INVALID_PARAMETER, dry_run INVALID_PARAMETER, limit INVALID_PARAMETER, remote_ids INVALID_PARAMETER, site INVALID_PARAMETER, state INVALID_PARAMETER"},
		"a replay of ids that are no numbers": {"POST", "/api/v1/replays", `{"remote_ids":["7"]}`, 422, problem.Invalid, "remote_ids INVALID_PARAMETER"},
		"a reconciliation since nobody knows": {"POST", "/api/v1/reconciliations", `{"since":"24h"}`, 422, problem.Invalid, "since INVALID_PARAMETER"},
		"a reconciliation of tomorrow":        {"POST", "/api/v1/reconciliations", `{"since":"9999-01-01T00:00:00Z"}`, 422, problem.Invalid, "since INVALID_PARAMETER"},
		"a reconciliation of something":       {"POST", "/api/v1/reconciliations", `{"site":"casas"}`, 422, problem.Invalid, "site INVALID_PARAMETER"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := d.order(tt.method, tt.target, tt.body)
			doc := d.refused(w, tt.status, tt.code)
			var got []string
			for _, f := range doc.Errors {
				require.NotEmpty(t, f.Message)
				require.NotContains(t, f.Message, "field.")
				got = append(got, f.Field+" "+f.Code)
			}
			require.Equal(t, tt.fields, strings.Join(got, ", "))
			require.NotContains(t, w.Body.String(), "canary")
			require.Equal(t, lead.Failed, d.state(id))
			require.Empty(t, d.courier.asked)
			require.Empty(t, d.courier.since)
		})
	}
}

func TestAMoveOfALeadThatThereIsNot(t *testing.T) {
	d := newDesk(t)
	for _, id := range []string{"1", "0", "-1", "canary", "9007199254740992"} {
		for _, verb := range []string{"/retry", "/release", "/discard"} {
			d.refused(d.order(http.MethodPost, "/api/v1/leads/"+id+verb, ""), http.StatusNotFound, problem.NotFound)
		}
		d.refused(d.order(http.MethodPatch, "/api/v1/leads/"+id, "{}"), http.StatusNotFound, problem.NotFound)
	}
}

// A site that was removed from the settings has no rules. Its leads can still be
// edited.
func TestALeadOfAForgottenSiteCanBeEdited(t *testing.T) {
	d := newDesk(t)
	id := d.keep(0, lead.Inquiry{Site: "lofts"})
	_, err := d.store.Amend(t.Context(), id, func(l *lead.Lead) error { l.State = lead.Failed; return nil })
	require.NoError(t, err)
	require.Equal(t, "Luz", *d.moved(d.order(http.MethodPatch, path(id), `{"name":"Luz"}`)).Name)
}

func TestAMoveThatCannotBeWritten(t *testing.T) {
	d := newDesk(t)
	id := d.put(lead.Failed)
	d.close()
	for _, w := range []*httptest.ResponseRecorder{
		d.order(http.MethodPost, path(id, "retry"), ""), d.order(http.MethodPatch, path(id), "{}"), d.get("/api/v1/reconciliations"),
	} {
		d.refused(w, http.StatusServiceUnavailable, problem.TryAgain)
		require.Equal(t, "1", w.Header().Get("Retry-After"))
	}
	require.Empty(t, d.courier.woken)
}
