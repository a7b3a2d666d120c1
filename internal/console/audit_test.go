package console_test

import (
	"encoding/csv"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/access"
	"leadrelay/internal/lead"
)

// Whatever changes something is in the audit: by whom, from where, and about what; and
// nothing that a visitor wrote.
func TestEveryChangeIsInTheAudit(t *testing.T) {
	h := newHouse(t)
	text := h.give(access.Owner)
	quiet := map[string]bool{ // what changes nothing, and asks before something is done
		"POST /leads/confirm": true, "POST /jobs/confirm": true, "POST /login": true, "POST /logout": true, "POST /language": true,
		"GET /audit.csv": true, "GET /api/v1/audit.csv": true,
		"POST /leads": true, "POST /quarantine": true, "POST /people": true, "POST /people/erase": true, "POST /api/v1/people/erase": true, "POST /people/block": true, "POST /api/v1/people/block": true, "POST /people/unblock": true, "POST /api/v1/people/unblock": true, "POST /api/v1/jobs": true, "POST /api/v1/replays": true, // dry runs here
		"POST /alerts/seen": true, "POST /api/v1/alerts/{site}/seen": true, // the watcher of the tests notes nothing
	}
	n := 0
	for line, v := range walk {
		if strings.HasPrefix(line, "GET ") && !strings.Contains(line, ".csv") || quiet[line] {
			continue
		}
		n++
		before := h.noted()
		require.Less(t, h.visit(line, v, text, n).Code, 400, line)
		after := h.noted()
		isPage := !strings.Contains(line, "/api/")
		if isPage {
			require.Equal(t, "login", after[len(before)].What, line)
			before = append(before, access.Entry{})
		}
		require.Len(t, after, len(before)+1, line)
		last := after[len(before)]
		require.True(t, strings.HasPrefix(last.Who, "t"), line)
		require.Equal(t, "192.0.2.0/24", last.From, line)
		if strings.Contains(line, "{failed}") || strings.Contains(line, "{discarded}") {
			require.Len(t, last.RemoteIDs, 1, line)
			require.Equal(t, []string{"casas"}, last.Sites, line)
		}
	}
	for _, path := range []string{"/api/v1/audit?limit=500", "/api/v1/audit.ndjson"} {
		body := h.send("Bearer "+text, "GET", path, "").Body.String()
		require.Contains(t, body, `"what":"discard"`)
		for _, word := range []string{"Visitor", "@", "Luz", "lr_"} {
			require.NotContains(t, body, word)
		}
	}
}

// noted returns all that was noted, oldest first.
func (h *house) noted() []access.Entry {
	h.t.Helper()
	all, _, more, err := h.store.Audit(h.t.Context(), access.EntryFilter{Limit: 1000})
	require.NoError(h.t, err)
	require.False(h.t, more)
	for i, j := 0, len(all)-1; i < j; i, j = i+1, j-1 {
		all[i], all[j] = all[j], all[i]
	}
	return all
}

// A page of the audit tells in words what was done, and to which leads.
func TestThePageOfTheAudit(t *testing.T) {
	h := newHouse(t)
	id := h.casas[lead.Failed]
	require.Equal(t, http.StatusOK, h.send("Bearer "+h.give(access.Operator, "casas"), "POST", "/api/v1/leads/"+id.String()+"/discard", "").Code)
	see := func(path, language, text string) string {
		r := httptest.NewRequest(http.MethodGet, path, nil)
		r.Header.Set("Accept-Language", language)
		r.AddCookie(h.session(text))
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		require.Equal(t, http.StatusOK, w.Code)
		return w.Body.String()
	}
	page := see("/audit", "es", token)
	require.Contains(t, page, ">Descartó<")
	require.Contains(t, page, `href="/leads/`+id.String()+`"`)
	require.Contains(t, see("/audit?remote_id="+id.String(), "en", token), ">Discarded<")
	require.NotContains(t, see("/audit?what=retry", "en", token), `href="/leads/`+id.String()+`"`)
	require.NotContains(t, see("/audit", "en", h.give(access.Owner, "lofts")), `href="/leads/`+id.String()+`"`)
}

// A spreadsheet that opens the audit runs nothing of it, and sees all of it.
func TestTheAuditAsATable(t *testing.T) {
	h := newHouse(t)
	by := access.Access{Name: `=cmd|' /C calc'!A0`, Role: access.Owner}
	require.NoError(t, h.store.Note(access.With(t.Context(), by), access.Entry{What: access.DidPause, Sites: []string{"casas", "lofts"}, About: "+1; =2"}))
	require.Equal(t, http.StatusOK, h.send("Bearer "+token, "POST", "/api/v1/leads/"+h.casas[lead.Failed].String()+"/discard", "").Code)
	w := h.get("/api/v1/audit.csv")
	require.Equal(t, http.StatusOK, w.Code)
	require.Equal(t, "text/csv; charset=utf-8", w.Header().Get("Content-Type"))
	rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(w.Body.String(), "\ufeff"))).ReadAll()
	require.NoError(t, err)
	require.Equal(t, []string{"at", "who", "from", "what", "sites", "remote_ids", "leads", "job", "about"}, rows[0])
	require.Len(t, rows, len(h.noted())+1)
	var pause []string
	for _, row := range rows {
		if row[3] == access.DidPause {
			pause = row
		}
		for _, cell := range row {
			require.NotRegexp(t, `^[=+\-@\t\r]`, cell)
		}
	}
	require.Equal(t, []string{`'=cmd|' /C calc'!A0`, "", "pause", "casas lofts", "", "0", "", "'+1; =2"}, pause[1:])
	require.Contains(t, h.page("/audit"), `href="/audit.csv"`)
}
