package console_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/lead"
)

const atNoon = `"2026-11-24T12:00:00.123Z"`

// leadJSON returns all fields of a lead of the tests in the API.
func leadJSON(id lead.RemoteID, state, reason, next, delivered, confirmed string) string {
	return fmt.Sprintf(`"remote_id":%d,"site":"casas","state":"%s","reason":%s,"property_id":"EB-AB1234","name":null,"email":"ana@ejemplo.mx",`+
		`"phone":null,"message":"Hola","source":"casas.mx","received_at":%s,"next_attempt_at":%s,"delivered_at":%s,"confirmed_at":%s`,
		id, state, reason, atNoon, next, delivered, confirmed)
}

const (
	began    = `"number":1,"begun_at":"2026-11-24T12:00:01.123Z"`
	ended    = `"2026-11-24T12:00:03.123Z"`
	inAnHour = `"2026-11-24T13:00:00.123Z"`
)

func TestALeadInEachState(t *testing.T) {
	end := noon.Add(3 * time.Second)
	attempt := func(o lead.Outcome, status int, detail string) *lead.Attempt {
		return &lead.Attempt{Number: 1, EndedAt: end, Outcome: o, Status: status, Detail: detail}
	}
	tests := map[string]struct {
		state, reason, next, delivered, confirmed string
		attempts                                  string
		settle                                    *lead.Settlement // nil: the attempt goes on
		lookedUp                                  *lead.Settlement // after a look-up, if there was one
	}{
		"sending, until nobody knows when": {
			"sending", "null", "null", "null", "null",
			`{` + began + `,"ended_at":null,"outcome":null,"status":null,"detail":null}`, nil, nil,
		},
		"queued again": {
			"queued", "null", inAnHour, "null", "null",
			`{` + began + `,"ended_at":` + ended + `,"outcome":"deferred","status":429,"detail":"too many"}`,
			&lead.Settlement{State: lead.Queued, DueAt: noon.Add(time.Hour), Attempt: attempt(lead.OutcomeDeferred, 429, "too many")}, nil,
		},
		"doubtful": {
			"doubtful", `"unanswered"`, inAnHour, "null", "null",
			`{` + began + `,"ended_at":` + ended + `,"outcome":"unsure","status":null,"detail":"unanswered"}`,
			&lead.Settlement{State: lead.Doubtful, Reason: "unanswered", DueAt: noon.Add(time.Hour), Attempt: attempt(lead.OutcomeUnsure, 0, "unanswered")}, nil,
		},
		"delivered": {
			"delivered", "null", "null", ended, "null",
			`{` + began + `,"ended_at":` + ended + `,"outcome":"delivered","status":200,"detail":"accepted"}`,
			&lead.Settlement{State: lead.Delivered, At: end, Attempt: attempt(lead.OutcomeDelivered, 200, "accepted")}, nil,
		},
		// A look-up of a delivered lead is not an attempt.
		"delivered, and still to be looked for": {
			"delivered", "null", "null", ended, "null",
			`{` + began + `,"ended_at":` + ended + `,"outcome":"delivered","status":201,"detail":"accepted"}`,
			&lead.Settlement{State: lead.Delivered, At: end, DueAt: noon.Add(time.Hour), Attempt: attempt(lead.OutcomeDelivered, 201, "accepted")}, nil,
		},
		"confirmed": {
			"confirmed", "null", "null", "null", ended,
			`{` + began + `,"ended_at":` + ended + `,"outcome":"unsure","status":null,"detail":"unanswered"}`,
			&lead.Settlement{State: lead.Doubtful, DueAt: end, Attempt: attempt(lead.OutcomeUnsure, 0, "unanswered")},
			&lead.Settlement{State: lead.Confirmed, At: end},
		},
		"failed": {
			"failed", `"the \"property\" is <unknown>"`, "null", "null", "null",
			`{` + began + `,"ended_at":` + ended + `,"outcome":"refused","status":422,"detail":"property_id"}`,
			&lead.Settlement{State: lead.Failed, Reason: `the "property" is <unknown>`, Attempt: attempt(lead.OutcomeRefused, 422, "property_id")}, nil,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t)
			id := d.keep(0, lead.Inquiry{})
			claim := d.begin()
			if tt.settle != nil {
				d.settle(claim, *tt.settle)
			}
			if tt.lookedUp != nil {
				claims, _, err := d.store.ClaimLookups(t.Context(), []string{"casas"}, lead.Due{Now: end, N: 1, Lease: time.Minute})
				require.NoError(t, err)
				require.Len(t, claims, 1)
				d.settle(claims[0], *tt.lookedUp)
			}
			members := leadJSON(id, tt.state, tt.reason, tt.next, tt.delivered, tt.confirmed)
			requireJSON(t, `{`+members+`,"waits_for":null,"context":{},"extra":[],"attempts":[`+tt.attempts+`],"left_out":0}`, d.get("/api/v1/leads/"+id.String()).Body.String())
			requireJSON(t, `{"leads":[{`+members+`}],"next_cursor":null}`, d.get("/api/v1/leads").Body.String())
		})
	}
}

// The number of attempts that are not kept is shown.
func TestALeadOfManyAttempts(t *testing.T) {
	d := newDesk(t)
	id := d.keep(0, lead.Inquiry{})
	const attempts, kept = 104, 101
	for n := range attempts {
		d.settle(d.begin(), lead.Settlement{
			State: lead.Queued, At: noon, DueAt: noon, Attempt: &lead.Attempt{Number: n + 1, EndedAt: noon, Outcome: lead.OutcomeDeferred},
		})
	}
	s := d.moved(d.get("/api/v1/leads/" + id.String()))
	require.Len(t, s.Attempts, kept)
	require.Equal(t, attempts-kept, s.LeftOut)
}

func TestALeadBeforeItsFirstAttempt(t *testing.T) {
	d := newDesk(t)
	id := d.keep(0, lead.Inquiry{})
	requireJSON(t, `{`+leadJSON(id, "queued", "null", atNoon, "null", "null")+`,"waits_for":null,"context":{},"extra":[],"attempts":[],"left_out":0}`, d.get("/api/v1/leads/"+id.String()).Body.String())
}

// Context and extra fields are shown with a single lead, not in lists.
func TestWhatCameWithALead(t *testing.T) {
	d := newDesk(t)
	id := d.keep(0, lead.Inquiry{
		Context: map[string]string{"utm_source": "feria", "page_url": "https://casas.mx/1"},
		Extra:   []lead.Pair{{Name: "¿Crédito?", Value: "Infonavit"}, {Name: "a", Value: "1"}},
	})
	members := leadJSON(id, "queued", "null", atNoon, "null", "null")
	requireJSON(t, `{`+members+`,"waits_for":null,"context":{"page_url":"https://casas.mx/1","utm_source":"feria"},`+
		`"extra":[{"name":"¿Crédito?","value":"Infonavit"},{"name":"a","value":"1"}],"attempts":[],"left_out":0}`, d.get("/api/v1/leads/"+id.String()).Body.String())
	requireJSON(t, `{"leads":[{`+members+`}],"next_cursor":null}`, d.get("/api/v1/leads").Body.String())
}

func TestAnEmptyList(t *testing.T) {
	d := newDesk(t)
	requireJSON(t, `{"leads":[],"next_cursor":null}`, d.get("/api/v1/leads").Body.String())
}

func TestWhatAVisitorWroteIsDataAndNoMarkup(t *testing.T) {
	d := newDesk(t)
	id := d.keep(0, lead.Inquiry{Name: `María "Mayo" <script>`, Phone: "55 1234 5678", Message: "¿Sigue?\nGracias 🏡"})
	got := d.get("/api/v1/leads/" + id.String()).Body.String()
	require.Contains(t, got, `"name":"María \"Mayo\" \u003cscript\u003e","email":"ana@ejemplo.mx","phone":"55 1234 5678","message":"¿Sigue?\nGracias 🏡"`)
}

// requireJSON compares the text of JSON, because programs may rely on the order of the
// fields, and each must be there once.
func requireJSON(t *testing.T, want, got string) {
	t.Helper()
	inAPage := strings.NewReplacer("<", `\u003c`, ">", `\u003e`) // so that it is harmless in a page, too
	require.Equal(t, inAPage.Replace(want)+"\n", got)
}
