package console_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/access"
	"leadrelay/internal/console"
	"leadrelay/internal/lead"
)

// Nobody but an owner sees a blocked lead, at any address, and nobody moves it. An owner sees
// it where people are looked up, and whoever looks is in the audit.
func TestNobodyButAnOwnerSeesABlockedLead(t *testing.T) {
	h := newHouse(t)
	since, err := h.store.LastEvent(t.Context())
	require.NoError(t, err)
	her := lead.Inquiry{Site: "casas", Name: "Zoraida", Email: "zoraida@ejemplo.mx", Message: "busco Wzqkjx", Extra: []lead.Pair{{Name: "zona", Value: "Roma"}}}
	hers := []string{}
	for _, state := range []lead.State{lead.Failed, lead.Quarantined, lead.Discarded, lead.Confirmed} {
		l, err := lead.New(her, "casas.mx", lead.Rules{}, noon)
		require.NoError(t, err)
		l.State, l.Reason, l.DueAt = state, "odd Wzqkjx", time.Time{}
		kept, err := h.store.Keep(t.Context(), lead.Submission{Lead: l, Tick: lead.Milliseconds})
		require.NoError(t, err)
		hers = append(hers, kept.RemoteID.String())
	}
	var done console.Erasure
	require.Equal(t, http.StatusOK, h.people(token, "block", `{"email":"zoraida@ejemplo.mx","dry_run":true}`, &done))
	require.Equal(t, "would be blocked", done.Leads[0].Verdict)
	require.Equal(t, http.StatusOK, h.people(token, "block", `{"email":"zoraida@ejemplo.mx"}`, &done))
	require.Len(t, done.Leads, len(hers))
	for _, one := range done.Leads {
		require.Equal(t, "blocked", one.Verdict)
	}
	another := h.keep(9, lead.Inquiry{Site: "casas", Name: "Beto", Email: "beto@ejemplo.mx", Message: "sobre otra cosa"})

	tokens := map[access.Role]string{}
	for _, role := range access.Roles() {
		tokens[role] = h.give(role)
	}
	answers := 0
	for line, v := range walk {
		if v.open || strings.Contains(line, "/tokens") || strings.Contains(line, "/people") {
			continue
		}
		for _, id := range hers {
			fill := strings.NewReplacer("{failed}", id, "{quarantined}", id, "{discarded}", id, "{site}", "casas", "{job}", fmt.Sprint(h.jobs["casas"]))
			for role, text := range tokens {
				w := h.request(fill.Replace(line), fill.Replace(v.body), text, "Last-Event-ID", since.String())
				what := fmt.Sprintf("%s as %s: %d %s", line, role, w.Code, w.Body.String())
				for _, word := range []string{"Zoraida", "zoraida", "Wzqkjx"} {
					require.NotContains(t, w.Body.String(), word, what)
				}
				isOfOne := strings.Contains(route(line), "{remote_id}")
				if role != access.Owner && isOfOne {
					require.Contains(t, []int{http.StatusNotFound, http.StatusForbidden}, w.Code, what)
				}
				if !strings.Contains(line, "audit") && !isOfOne && !strings.Contains(v.body, "{failed}") && !strings.Contains(v.body, "{quarantined}") {
					for _, folio := range hers {
						require.NotContains(t, w.Body.String(), folio, what)
					}
				}
				if strings.Contains(w.Body.String(), another.String()) {
					answers++
				}
			}
			if !strings.Contains(route(line), "{remote_id}") {
				break
			}
		}
	}
	require.Greater(t, answers, 10, "the walk shows other leads")

	var shown console.PersonExport
	require.Equal(t, http.StatusForbidden, h.people(tokens[access.Operator], "export", `{"email":"zoraida@ejemplo.mx"}`, &shown))
	require.Equal(t, http.StatusOK, h.people(h.give(access.Owner, "lofts"), "export", `{"email":"zoraida@ejemplo.mx"}`, &shown))
	require.Empty(t, shown.Leads, "of another site")
	require.Equal(t, http.StatusOK, h.people(tokens[access.Owner], "export", `{"email":"zoraida@ejemplo.mx"}`, &shown))
	require.Len(t, shown.Leads, len(hers))
	for _, l := range shown.Leads {
		require.Equal(t, "Zoraida", *l.Name)
		require.Equal(t, "odd Wzqkjx", *l.Reason)
		require.Equal(t, her.Extra, l.Extra)
		require.NotNil(t, l.BlockedUntil)
		require.Contains(t, []lead.State{lead.Discarded, lead.Confirmed}, l.State)
	}
	require.Contains(t, h.page("/leads/"+hers[0]), "Blocked: nobody is shown")
	last := h.noted()
	require.Equal(t, access.DidExportPerson, last[len(last)-2].What)
	require.Len(t, last[len(last)-2].RemoteIDs, len(hers))

	require.Equal(t, http.StatusOK, h.people(token, "block", `{"email":"zoraida@ejemplo.mx"}`, &done))
	require.Equal(t, "blocked before", done.Leads[0].Verdict)
	require.Equal(t, http.StatusForbidden, h.people(tokens[access.Operator], "unblock", `{"email":"zoraida@ejemplo.mx"}`, &done))
	require.Equal(t, http.StatusUnprocessableEntity, h.people(token, "unblock", `{"email":"zoraida@ejemplo.mx","force":true}`, &done), "there is nothing to force")
	require.Equal(t, http.StatusOK, h.people(token, "unblock", `{"email":"beto@ejemplo.mx"}`, &done))
	require.Equal(t, "not blocked", done.Leads[0].Verdict)
	require.Contains(t, h.request("POST /people/unblock", "who=zoraida@ejemplo.mx", token).Body.String(), "4 leads were unblocked.")
	require.Contains(t, h.request("GET /leads/"+hers[0], "", tokens[access.Viewer]).Body.String(), "Zoraida", "what failed waits for somebody again")
	require.Contains(t, h.request("GET /leads?state=failed", "", tokens[access.Viewer]).Body.String(), "/leads/"+hers[0])
	require.Equal(t, http.StatusOK, h.people(token, "block", `{"email":"zoraida@ejemplo.mx"}`, &done))
	require.Equal(t, http.StatusOK, h.people(token, "unblock", `{"email":"zoraida@ejemplo.mx","dry_run":true}`, &done))
	require.Equal(t, "would be unblocked", done.Leads[0].Verdict)

	page := h.request("POST /people", "who=zoraida@ejemplo.mx", token).Body.String()
	require.Contains(t, page, "blocked, is erased on")
	require.NotContains(t, page, `action="/people/block"`, "there is nothing left to block")
	require.Contains(t, page, "Erase 4 leads")
	require.Contains(t, h.request("POST /people/erase", "who=zoraida@ejemplo.mx", token).Body.String(), "4 leads were erased.")
	require.Equal(t, http.StatusOK, h.people(token, "export", `{"email":"zoraida@ejemplo.mx"}`, &shown))
	require.Empty(t, shown.Leads)
	require.Contains(t, h.request("POST /people/block", "who=beto@ejemplo.mx&force=true", token).Body.String(), "1 lead was blocked.")
	require.NotContains(t, h.request("GET /leads", "", tokens[access.Viewer]).Body.String(), "/leads/"+another.String())
}
