package console_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/access"
	"leadrelay/internal/console"
)

// What a person asks for is on the page before it is late, with its next steps, and whose it
// was is nowhere once it has ended.
func TestARequestHasAClock(t *testing.T) {
	h := newHouse(t)
	owner := h.give(access.Owner)
	open := func(days int) (r console.Request) {
		w := h.send("Bearer "+owner, "POST", "/api/v1/people/requests",
			`{"kind":"cancellation","phone":"+52 55 9876 5432","received_at":"`+time.Now().AddDate(0, 0, -days).UTC().Format(time.RFC3339)+`"}`)
		require.Equal(t, http.StatusOK, w.Code, w.Body.String())
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &r))
		return r
	}
	fresh, old := open(0), open(60)
	require.Equal(t, "5598765432", *fresh.Who)
	require.Equal(t, 20, *fresh.WorkingDaysLeft)
	require.Less(t, *old.WorkingDaysLeft, 0)
	page := h.request("GET /people", "", owner).Body.String()
	require.Contains(t, page, "1: cancellation")
	require.Contains(t, page, "20 working days left")
	require.Contains(t, page, "working days late")
	require.Contains(t, page, "5598765432")
	require.NotContains(t, page, "/people/requests/1/finish", "before it is known who asks")
	require.NotContains(t, h.request("GET /people", "", h.give(access.Owner, "casas")).Body.String(), "5598765432", "a request is about all sites")

	var shown console.PersonExport
	require.Equal(t, http.StatusOK, h.people(owner, "export", `{"phone":"55 9876 5432"}`, &shown))
	require.Len(t, shown.Requests, 2)
	require.Equal(t, http.StatusOK, h.people(h.give(access.Owner, "casas"), "export", `{"phone":"55 9876 5432"}`, &shown))
	require.Empty(t, shown.Requests)

	require.Equal(t, "/people", h.request("POST /people/requests/1/check", "", owner).Header().Get("Location"))
	require.Equal(t, http.StatusConflict, h.request("POST /people/requests/1/check", "", owner).Code)
	require.Contains(t, h.request("GET /people", "", owner).Body.String(), "/people/requests/1/accept")
	for _, step := range []string{"1/accept", "1/finish", "2/refuse"} {
		require.Equal(t, http.StatusOK, h.send("Bearer "+owner, "POST", "/api/v1/people/requests/"+step, "").Code, step)
	}
	page = h.request("GET /people", "", owner).Body.String()
	require.Contains(t, page, "No request is open.")
	require.Contains(t, page, "carried out")
	require.NotContains(t, page, "5598765432")
	for _, path := range []string{"/api/v1/people/requests", "/api/v1/audit"} {
		body := h.send("Bearer "+owner, "GET", path, "").Body.String()
		require.Contains(t, body, "cancellation", path)
		require.NotContains(t, body, "5598765432", path)
	}
	require.Equal(t, http.StatusUnprocessableEntity, h.request("POST /people/requests", "kind=access&who=ana", owner).Code)
	w := h.request("POST /people/requests", "kind=revenge&who=ana@ejemplo.mx", owner)
	require.Equal(t, http.StatusUnprocessableEntity, w.Code)
	require.Contains(t, w.Body.String(), "Choose a kind")
	require.Equal(t, "/people#request-3", h.request("POST /people/requests", "kind=access&who=ana@ejemplo.mx&received=2026-01-05", owner).Header().Get("Location"))
}
