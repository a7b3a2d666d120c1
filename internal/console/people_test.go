package console_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/access"
	"leadrelay/internal/console"
	"leadrelay/internal/lead"
)

func (h *house) people(text, verb, body string, into any) int {
	h.t.Helper()
	w := h.send("Bearer "+text, "POST", "/api/v1/people/"+verb, body)
	if w.Code == http.StatusOK {
		require.NoError(h.t, json.Unmarshal(w.Body.Bytes(), into))
	}
	return w.Code
}

// A person is found by an address or a phone in any spelling, shown whole, and erased; who
// only mentions them is not.
func TestAPersonIsShownAndErased(t *testing.T) {
	h := newHouse(t)
	hers := []lead.RemoteID{
		h.keep(0, lead.Inquiry{Name: "Ana", Email: "Ana@ejemplo.mx", Phone: "55 1234 5678", Message: "uno", Extra: []lead.Pair{{Name: "zona", Value: "Roma"}}}),
		h.keep(1, lead.Inquiry{Site: "lofts", Name: "Ana", Email: "ana@ejemplo.mx", Message: "dos"}),
	}
	byPhone := h.keep(2, lead.Inquiry{Name: "Ana", Email: "otra@ejemplo.mx", Phone: "+52 1 55-1234-5678", Message: "tres"})
	mention := h.keep(3, lead.Inquiry{Name: "Beto", Email: "beto@ejemplo.mx", Message: "escríbanle a ana@ejemplo.mx"})
	var shown console.PersonExport
	require.Equal(t, http.StatusOK, h.people(token, "export", `{"email":" ANA@Ejemplo.MX"}`, &shown))
	require.Len(t, shown.Leads, 2)
	require.Equal(t, []lead.RemoteID{mention}, shown.MentionedIn)
	require.Equal(t, []lead.Pair{{Name: "zona", Value: "Roma"}}, shown.Leads[1].Extra)
	require.Equal(t, http.StatusOK, h.people(token, "export", `{"phone":"5512345678"}`, &shown))
	require.Len(t, shown.Leads, 2)
	require.Equal(t, byPhone, shown.Leads[0].RemoteID)

	bound := h.give(access.Owner, "lofts")
	var done console.Erasure
	require.Equal(t, http.StatusOK, h.people(bound, "erase", `{"email":"ana@ejemplo.mx","dry_run":true,"force":true}`, &done))
	require.Equal(t, []console.ErasedLead{{RemoteID: hers[1], Site: "lofts", State: lead.Queued, Verdict: "would be erased"}}, done.Leads, "of their sites alone")
	require.Empty(t, done.MentionedIn)
	require.Equal(t, http.StatusOK, h.people(token, "erase", `{"email":"ana@ejemplo.mx"}`, &done))
	for _, one := range done.Leads {
		require.Equal(t, "on its way", one.Verdict)
	}
	require.Equal(t, http.StatusForbidden, h.people(h.give(access.Operator), "erase", `{"email":"ana@ejemplo.mx"}`, &done))
	form := func(path, body string) string {
		r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.AddCookie(h.session(token))
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		require.Equal(t, http.StatusOK, w.Code)
		return w.Body.String()
	}
	page := form("/people", "who=Ana <ana@ejemplo.mx>")
	require.Contains(t, page, "2 leads de esta persona")
	require.Contains(t, page, "2 leads van en camino y no se tocan.")
	require.Contains(t, form("/people/export", "who=ana@ejemplo.mx"), `"Roma"`)
	require.Contains(t, form("/people/erase", "who=ana@ejemplo.mx"), "Se borraron 0 leads.")
	require.Equal(t, http.StatusOK, h.people(token, "erase", `{"email":"ana@ejemplo.mx","force":true}`, &done))
	require.Len(t, done.Leads, 2)
	for _, one := range done.Leads {
		require.Equal(t, "erased", one.Verdict)
		page := h.page("/leads/" + one.RemoteID.String())
		require.Contains(t, page, "Erased: its visitor wanted to be forgotten.")
		require.NotContains(t, page, "ejemplo.mx")
		require.Equal(t, http.StatusConflict, h.send("Bearer "+token, "POST", "/api/v1/leads/"+one.RemoteID.String()+"/retry", `{"force":true}`).Code)
	}
	require.Equal(t, http.StatusOK, h.people(token, "export", `{"email":"ana@ejemplo.mx"}`, &shown))
	require.Empty(t, shown.Leads)
	require.Contains(t, h.page("/leads/"+mention.String()), "beto@ejemplo.mx")
}

// page opens a page as the owner.
func (h *house) page(path string) string {
	h.t.Helper()
	w := h.see(path, h.session(token))
	require.Equal(h.t, http.StatusOK, w.Code)
	return w.Body.String()
}
