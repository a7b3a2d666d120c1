package console_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/lead"
	"leadrelay/internal/locale"
	"leadrelay/internal/problem"
)

// Texts for an operator speak of leads and requests, not of a visitor's message or
// page.
func TestAnOperatorIsNoVisitor(t *testing.T) {
	d := newDesk(t)
	failed := path(d.put(lead.Failed))
	closed := newDesk(t)
	closed.close()
	tests := map[string]struct {
		d                    *desk
		method, target, body string
		code                 problem.Code
	}{
		"a lead that there is not":     {d, "GET", "/api/v1/leads/1", "", problem.NotFound},
		"a move of one":                {d, "POST", "/api/v1/leads/1/retry", "", problem.NotFound},
		"a folio that is none":         {d, "GET", "/api/v1/leads/uno", "", problem.NotFound},
		"an address of nothing":        {d, "GET", "/api/v1/nowhere", "", problem.NotFound},
		"a wrong method":               {d, "DELETE", failed, "", problem.MethodNotAllowed},
		"a body that is none":          {d, "PATCH", failed, "{", problem.Unreadable},
		"a body that is too large":     {d, "PATCH", failed, strings.Repeat("x", 65<<10), problem.TooLarge},
		"members that do not fit":      {d, "PATCH", failed, `{"state":"queued"}`, problem.Invalid},
		"a database that is not there": {closed, "POST", failed + "/retry", "", problem.TryAgain},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			for _, lang := range []locale.Lang{locale.ES, locale.EN} {
				w := tt.d.order(tt.method, tt.target, tt.body, "Accept-Language", string(lang))
				e := problem.New(tt.code, nil)
				doc, visitor := tt.d.refused(w, e.Status, tt.code), e.Document(http.Header{}, lang)
				require.NotEqual(t, visitor.Title, doc.Title)
				require.NotEqual(t, visitor.Detail, doc.Detail)
			}
		})
	}
}

func TestAWrongStateSpeaksOfWhatWasAsked(t *testing.T) {
	d := newDesk(t)
	ask := map[string]func(id lead.RemoteID, language string) *httptest.ResponseRecorder{}
	for _, verb := range []string{"retry", "release", "discard"} {
		ask[verb] = func(id lead.RemoteID, language string) *httptest.ResponseRecorder {
			return d.order(http.MethodPost, path(id, verb), "", "Accept-Language", language)
		}
	}
	ask["edit"] = func(id lead.RemoteID, language string) *httptest.ResponseRecorder {
		return d.order(http.MethodPatch, path(id), `{"name":"Luz"}`, "Accept-Language", language)
	}
	for _, language := range []string{"es", "en"} {
		usual := problem.New(problem.WrongState, nil).Document(http.Header{}, locale.Lang(language)).Detail
		for verb, ask := range ask {
			for _, state := range lead.States() {
				w := ask(d.put(state), language)
				if w.Code == http.StatusOK {
					continue
				}
				doc := d.refused(w, http.StatusConflict, problem.WrongState)
				require.NotEqual(t, usual, doc.Detail, "%s of one that is %s", verb, state)
				require.NotContains(t, doc.Detail, "problem.")
				taken := state == lead.Delivered || state == lead.Confirmed
				forced := strings.Contains(doc.Detail, "forced retry") || strings.Contains(doc.Detail, "reintento forzado")
				require.Equal(t, verb == "retry" && taken, forced, "%s of one that is %s: %s", verb, state, doc.Detail)
			}
		}
	}
}

func TestAWrongTokenIsCalledWrong(t *testing.T) {
	for language, want := range map[string]struct{ missing, wrong string }{
		"es": {"Falta el token del operador", "El token del operador no es correcto"},
		"en": {"The operator's token is missing", "The operator's token is wrong"},
	} {
		d := newDesk(t)
		for authorization, title := range map[string]string{"": want.missing, "Basic " + token: want.missing, "Bearer another-token-of-the-tests": want.wrong} {
			w := d.askAs(authorization, "GET", "/api/v1/leads", "Accept-Language", language)
			require.Equal(t, title, d.refused(w, http.StatusUnauthorized, problem.Unauthorized).Title)
		}
	}
}

// The text for a wrong value says what is accepted. An unknown name has another text.
func TestAWrongParameterIsToldWhatFits(t *testing.T) {
	d := newDesk(t)
	const query = "state=lost&after=ayer&before=2026-11-28&limit=501&cursor=x&page=2&site=a&site=b"
	const names = " after, before, cursor, limit, notice, property_id, q, site, state."
	for language, unknown := range map[string]string{"es": "Aquí no hay ninguno con ese nombre; hay" + names, "en": "There is none of this name here; there are" + names} {
		messages := map[string]string{}
		for _, f := range d.refused(d.ask("GET", "/api/v1/leads?"+query, "Accept-Language", language), http.StatusBadRequest, problem.BadQuery).Errors {
			messages[f.Field] = f.Message
		}
		for _, state := range lead.States() {
			require.Contains(t, messages["state"], string(state))
		}
		require.Contains(t, messages["limit"], "500")
		require.Contains(t, messages["cursor"], "next_cursor")
		for _, name := range []string{"after", "before"} {
			require.Contains(t, messages[name], "2026-11-28T10:00:00-06:00")
		}
		require.Equal(t, unknown, messages["page"])
		require.NotEqual(t, unknown, messages["site"])
		require.NotContains(t, messages["site"], "parameter.")
	}
}

// An edit has no field state, so no value of it is accepted.
func TestAMemberThatThereIsNotIsCalledSo(t *testing.T) {
	d := newDesk(t)
	failed := path(d.put(lead.Failed))
	for _, tt := range []struct{ method, target, body, en, es string }{
		{"PATCH", failed, `{"state":"queued","email":"x"}`,
			"There is none of this name here; there are email, message, name, phone, property_id.",
			"Aquí no hay ninguno con ese nombre; hay email, message, name, phone, property_id."},
		{"POST", "/api/v1/replays", `{"dryrun":true}`,
			"There is none of this name here; there are after, before, dry_run, property_id, q, remote_ids, site, state.",
			"Aquí no hay ninguno con ese nombre; hay after, before, dry_run, property_id, q, remote_ids, site, state."},
		{"POST", failed + "/discard", `{"force":true}`, "This request takes none.", "Esta petición no lleva ninguno."},
	} {
		for language, want := range map[string]string{"en": tt.en, "es": tt.es} {
			doc := d.refused(d.order(tt.method, tt.target, tt.body, "Accept-Language", language), http.StatusUnprocessableEntity, problem.Invalid)
			require.Equal(t, want, doc.Errors[0].Message)
			require.Equal(t, "INVALID_PARAMETER", doc.Errors[0].Code)
		}
	}
}

// Whoever writes into the address what belongs into the body would get all of it done.
func TestParametersThatWouldBeIgnoredAreRefused(t *testing.T) {
	d := newDesk(t)
	failed := path(d.put(lead.Failed))
	const none, body = "This request takes none.", "It goes into the body, as JSON; nothing is read from the address."
	for target, want := range map[string]string{
		"POST /api/v1/replays?dry_run=true":              body,
		"POST /api/v1/reconciliations?since=2026-11-28":  body,
		"POST " + failed + "/retry?force=true":           body,
		"POST " + failed + "/release?x":                  body,
		"POST " + failed + "/discard?x=1":                body,
		"PATCH " + failed + "?name=Luz":                  body,
		"GET " + failed + "?attempts=1":                  none,
		"GET /api/v1/reconciliations?limit=1":            none,
		"POST /api/v1/replays?canary%0a\u202e=1&dry_run": body,
		"POST /api/v1/replays?dry_run=true;state=failed": "",
	} {
		method, target, _ := strings.Cut(target, " ")
		w := d.order(method, target, `{"state":"failed"}`, "Accept-Language", "en")
		doc := d.refused(w, http.StatusBadRequest, problem.BadQuery)
		for _, f := range doc.Errors {
			require.Equal(t, "INVALID_PARAMETER", f.Code)
			require.Equal(t, want, f.Message, target)
			require.NotContains(t, f.Field, "\n")
		}
		require.Equal(t, want == "", len(doc.Errors) == 0)
	}
	require.Empty(t, d.courier.asked)
	require.Empty(t, d.courier.since)
}
