package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/console"
	"leadrelay/internal/e2e/relaytest"
	"leadrelay/internal/lead"
)

// A page may be shorter than asked for. What is printed of many pages is what it
// would be of one.
func TestLeadsAreListedOverManyPages(t *testing.T) {
	const page = 3
	leads := make([]console.Lead, 10)
	for i := range leads {
		name := fmt.Sprintf("Ana <%d>", i)
		leads[i] = console.Lead{RemoteID: lead.RemoteID(len(leads) - i), Site: "casas", State: lead.Queued, Name: &name}
	}
	var asked []string
	door := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/api/v1/leads" { // such as the sites that there are
			http.NotFound(w, r)
			return
		}
		below, limit := int64(len(leads)+1), 0
		if cursor := r.FormValue("cursor"); cursor != "" {
			below, _ = strconv.ParseInt(cursor, 10, 64)
		}
		limit, _ = strconv.Atoi(r.FormValue("limit"))
		asked = append(asked, r.FormValue("limit"))
		rest := slices.DeleteFunc(slices.Clone(leads), func(l console.Lead) bool { return int64(l.RemoteID) >= below || r.FormValue("site") == "lofts" })
		answer := console.Page{Leads: rest[:min(len(rest), limit, page)]}
		if len(answer.Leads) < len(rest) {
			cursor := answer.Leads[len(answer.Leads)-1].RemoteID.String()
			answer.NextCursor = &cursor
		}
		_ = json.NewEncoder(w).Encode(answer)
	}))
	t.Cleanup(door.Close)
	list := func(args ...string) string {
		asked = nil
		env := relaytest.Settings(t, "127.0.0.1:1")
		env["LEADRELAY_OPERATOR_ADDR"] = strings.TrimPrefix(door.URL, "http://")
		var out, complaint bytes.Buffer
		code := run(t.Context(), append([]string{"leads", "list"}, args...), env, &out, &complaint)
		require.Zero(t, code, complaint.String())
		return out.String()
	}
	one := func(n int, cursor *string) string {
		var want bytes.Buffer
		require.NoError(t, printJSON(&want, console.Page{Leads: leads[:n], NextCursor: cursor}))
		return want.String()
	}
	four := "4"
	require.Equal(t, one(10, nil), list("--json"))
	require.Equal(t, []string{"50", "47", "44", "41"}, asked)
	require.Equal(t, one(10, nil), list("--json", "--limit", "10"))
	require.Equal(t, one(7, &four), list("--json", "--limit", "7"))
	require.Equal(t, []string{"7", "4", "1"}, asked)
	require.Equal(t, one(0, nil), list("--json", "--site", "lofts"))
	table := strings.Split(strings.TrimSpace(list()), "\n")
	require.Len(t, table, 1+len(leads))
	require.Contains(t, table[10], "Ana <9>")
}

// A lead of very many attempts says how many of them are not there.
func TestALeadOfManyAttemptsIsShown(t *testing.T) {
	at := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	s := console.LeadDetail{Attempts: []console.Attempt{{Number: 1, BegunAt: &at}, {Number: 9, BegunAt: &at}}, LeftOut: 7}
	var out bytes.Buffer
	require.NoError(t, printDetail(&out, s, false))
	require.Regexp(t, `\nattempts +9, 7 of them not kept\nattempt 1 .*\nattempt 9 `, out.String())
	s.LeftOut = 0
	out.Reset()
	require.NoError(t, printDetail(&out, s, false))
	require.NotContains(t, out.String(), "not kept")
}

func TestLeadsShowHasEveryField(t *testing.T) {
	var s console.LeadDetail
	given := map[string]string{}
	for _, f := range lead.Fields() {
		given[string(f)] = "the value of " + string(f)
	}
	text, err := json.Marshal(given)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &s))
	var out bytes.Buffer
	require.NoError(t, printDetail(&out, s, false))
	for _, value := range given {
		require.Contains(t, out.String(), value)
	}
}
