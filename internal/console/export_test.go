package console

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"leadrelay/internal/access"
	"leadrelay/internal/lead"
)

func TestNoCellIsAFormula(t *testing.T) {
	for given, want := range map[string]string{
		"Hola":                         "Hola",
		"":                             "",
		"=1+1":                         "'=1+1",
		"=cmd|' /C calc'!A0":           "'=cmd|' /C calc'!A0",
		"@SUM(1)":                      "'@SUM(1)",
		"-2+3":                         "'-2+3",
		"+1+1":                         "'+1+1",
		"\t=1":                         "'\t =1",
		"\r=1":                         "'\r =1",
		"＝1+1":                         "'＝1+1",
		"＋1":                           "'＋1",
		"－1":                           "'－1",
		"＠SUM(1)":                      "'＠SUM(1)",
		"Hola;=1+1":                    "Hola; =1+1",
		"Hola,@x":                      "Hola, @x",
		"Hola\n=1+1":                   "Hola\n =1+1",
		`Hola";=1+1;"`:                 `Hola"; =1+1;"`,
		`Hola"=1+1`:                    `Hola" =1+1`,
		"1+1=2, a-b, ana@ejemplo.mx":   "1+1=2, a-b, ana@ejemplo.mx",
		"+52 55 1234 5678":             "+52 55 1234 5678",
		"+525512345678":                "+525512345678",
		"+":                            "'+",
		"+52;=1":                       "'+52; =1",
		"+52 55 1234 5678 ext=cmd|1!A": "'+52 55 1234 5678 ext=cmd|1!A",
	} {
		require.Equal(t, want, safeCell(given), given)
	}
}

func TestAPhoneStaysOne(t *testing.T) {
	for given, want := range map[string]string{
		"+52 (55) 1234-5678": "+52 55 1234 5678",
		"+1-800-555-0100":    "+1 800 555 0100", // which a spreadsheet would make -1454 of
		"+525512345678":      "+525512345678",
		"55 1234-5678":       "55 1234-5678",
		"(55) 1234 5678":     "(55) 1234 5678",
		"-5512345678":        "'-5512345678",
		"+HYPERLINK(1)":      "'+HYPERLINK(1)",
	} {
		require.Equal(t, want, csvPhone(&given), given)
	}
}

// Whichever of the separators a spreadsheet takes, and whatever it thinks of quotes, no
// cell begins as a formula does.
func TestNoSeparatorMakesAFormula(t *testing.T) {
	alphabet := []rune("ab=+-@;,\t\n\r|'\" ＝＠")
	rapid.Check(t, func(rt *rapid.T) {
		text := string(rapid.SliceOf(rapid.SampledFrom(alphabet)).Draw(rt, "text"))
		safe := safeCell(text)
		for _, cell := range strings.FieldsFunc(safe, func(r rune) bool { return strings.ContainsRune(";,\t\n\r|\"", r) }) {
			if isPlainPhone(text) {
				return
			}
			require.NotContains(rt, formulaSigns, string([]rune(cell)[:1]), "%q in %q", cell, safe)
		}
	})
}

// endless is a store of many leads, which it makes when they are asked for.
type endless struct {
	Leads
	leads int
	l     lead.Lead
	fail  int // the page that cannot be read, if it is not zero
	asked *[]lead.Filter
}

func (e endless) List(_ context.Context, f lead.Filter) ([]lead.Lead, bool, error) {
	*e.asked = append(*e.asked, f)
	if len(*e.asked) == e.fail {
		return nil, false, io.ErrUnexpectedEOF
	}
	last := min(f.Below, lead.RemoteID(e.leads+1))
	if f.Below == 0 {
		last = lead.RemoteID(e.leads + 1)
	}
	var page []lead.Lead
	for id := last - 1; id > 0 && len(page) < f.Limit; id-- {
		l := e.l
		l.RemoteID, l.Message = id, strings.Clone(l.Message)
		page = append(page, l)
	}
	return page, len(page) > 0 && page[len(page)-1].RemoteID > 1, nil
}

func newEndless(leads int) endless {
	at := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	l := lead.Lead{Inquiry: lead.Inquiry{Site: "casas", Name: "=José", Phone: "+52 55", Message: "¿Sigue \"disponible\"?\nGracias, " + strings.Repeat("x", 900)}, State: lead.Queued, ReceivedAt: at, DueAt: at}
	l.Context = map[string]string{"consent": "Acepto https://casas.mx/aviso.", "page_url": "=https://casas.mx/1"}
	return endless{leads: leads, l: l, asked: new([]lead.Filter)}
}

func TestACSVIsWholeAndReadable(t *testing.T) {
	const leads = 1203
	s := newEndless(leads)
	w := httptest.NewRecorder()
	require.NoError(t, newExports(s, always, unnoted).csv(w, httptest.NewRequest("GET", "/api/v1/leads.csv?site=casas&state=queued", nil)))
	require.Equal(t, "text/csv; charset=utf-8", w.Header().Get("Content-Type"))
	require.Equal(t, `attachment; filename="leads.csv"`, w.Header().Get("Content-Disposition"))
	text, ok := strings.CutPrefix(w.Body.String(), "\ufeff")
	require.True(t, ok, "Excel needs the mark")
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	require.NoError(t, err)
	require.Len(t, rows, 1+leads)
	require.Equal(t, []string{
		"remote_id", "received_at", "site", "state", "reason", "property_id", "name", "email", "phone", "message", "source",
		"next_attempt_at", "delivered_at", "confirmed_at", "consent", "notice", "page_url",
	}, rows[0])
	require.Equal(t, []string{
		"1203", "2026-11-24T12:00:00Z", "casas", "queued", "", "", "'=José", "", "+52 55", s.l.Message, "", "2026-11-24T12:00:00Z", "", "", "Acepto https://casas.mx/aviso.", "https://casas.mx/aviso", "'=https://casas.mx/1",
	}, rows[1])
	require.Equal(t, "1", rows[leads][0])
	require.Len(t, *s.asked, 3)
	require.Equal(t, lead.Filter{Site: "casas", State: lead.Queued, Limit: 500, Below: 704}, (*s.asked)[1])
}

func TestNDJSONIsTheListsJSON(t *testing.T) {
	s := newEndless(3)
	w := httptest.NewRecorder()
	require.NoError(t, newExports(s, always, unnoted).ndjson(w, httptest.NewRequest("GET", "/api/v1/leads.ndjson", nil)))
	require.Equal(t, "application/x-ndjson", w.Header().Get("Content-Type"))
	lines := strings.Split(strings.TrimSuffix(w.Body.String(), "\n"), "\n")
	require.Len(t, lines, 3)
	for i, line := range lines {
		l := s.l
		l.RemoteID = lead.RemoteID(3 - i)
		want, err := json.Marshal(exported(l))
		require.NoError(t, err)
		require.JSONEq(t, string(want), line)
	}
}

// A page that cannot be read cuts the answer off: a file that looks whole and is not is
// worse than none.
func TestAnExportThatFailsIsCutOff(t *testing.T) {
	s := newEndless(1203)
	s.fail = 1
	require.Error(t, newExports(s, always, unnoted).csv(httptest.NewRecorder(), httptest.NewRequest("GET", "/api/v1/leads.csv", nil)), "before the answer has begun, it is a problem")
	s = newEndless(1203)
	s.fail = 2
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _ = newExports(s, always, unnoted).csv(w, r) }))
	defer server.Close()
	resp, err := server.Client().Get(server.URL)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	_, err = io.Copy(io.Discard, resp.Body)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
}

func TestAnExportHasNoPages(t *testing.T) {
	for _, query := range []string{"limit=1", "cursor=7", "page=2", "state=lost"} {
		require.Error(t, newExports(newEndless(1), always, unnoted).csv(httptest.NewRecorder(), httptest.NewRequest("GET", "/api/v1/leads.csv?"+query, nil)), query)
	}
}

func TestTheHeadOfAnExportIsShort(t *testing.T) {
	s := newEndless(1203)
	w := httptest.NewRecorder()
	require.NoError(t, newExports(s, always, unnoted).csv(w, httptest.NewRequest("HEAD", "/api/v1/leads.csv", nil)))
	require.Len(t, *s.asked, 1)
	require.Zero(t, w.Body.Len())
}

// However many leads are exported, few of them are in memory.
func TestAnExportHoldsOnePage(t *testing.T) {
	if testing.Short() {
		t.Skip("it has nothing to race with")
	}
	const leads, most = 40_000, 24 << 20
	s := newEndless(leads)
	peak := uint64(0)
	w := &meter{header: http.Header{}, every: func() {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		peak = max(peak, m.HeapAlloc)
	}}
	require.NoError(t, newExports(s, always, unnoted).csv(w, httptest.NewRequest("GET", "/api/v1/leads.csv", nil)))
	require.Greater(t, w.bytes, 38<<20)
	require.Less(t, peak, uint64(most))
}

// meter is a client that reads everything and keeps nothing.
type meter struct {
	header http.Header
	bytes  int
	every  func() // 4 MiB
}

func (m *meter) Header() http.Header { return m.header }
func (m *meter) WriteHeader(int)     {}
func (m *meter) Write(p []byte) (int, error) {
	if before := m.bytes; before>>22 != (before+len(p))>>22 {
		m.every()
	}
	m.bytes += len(p)
	return len(p), nil
}

func always(context.Context) bool { return true }

func unnoted(context.Context, access.Entry) error { return nil }
