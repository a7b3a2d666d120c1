package process

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/e2e/relaytest"
	"leadrelay/internal/fakebroker"
)

// What a person may write arrives in EasyBroker as it was written, whatever it
// looks like to a program; only accents in two pieces are put together, and
// control characters left out.
func TestTextsArriveAsTheyWereWritten(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		name, message string
		arrived       string // the message, where it is another
	}{
		"accents":                 {"José Ñandú, Zoë", "¿Cuánto es el depósito?", ""},
		"accents in two pieces":   {"Zoë", "¿Cua\u0301nto?", "¿Cuánto?"},
		"emoji of many parts":     {"Ana 🦊", "👨‍👩‍👧‍👦 🇲🇽 👍🏽 🏴󠁧󠁢󠁳󠁣󠁴󠁿", ""},
		"three thousand of them":  {"Ana", strings.Repeat("👍🏽", 1500), ""},
		"a NUL":                   {"Ana", "Ho\x00la", "Hola"},
		"control characters":      {"Ana", "\x1b[31mHola\u009b\x7f", "[31mHola"},
		"a script":                {"<b>Ana</b>", "<script>alert(1)</script>", ""},
		"a template":              {"Ana", "{{7*7}}", ""},
		"a look-up":               {"Ana", "${jndi:ldap://x}", ""},
		"an injection":            {"'; DROP TABLE leads;--", `" OR ""="`, ""},
		"a formula":               {"=HYPERLINK(1)", "@SUM(1+1)*cmd|' /C calc'!A0", ""},
		"verbs of printf":         {"%n%s", "%n%s%d%x", ""},
		"a path":                  {"Ana", "../../etc/passwd", ""},
		"escapes of other places": {`\u0041`, `a\nb &amp; &#39; %41 +`, ""},
		"null":                    {"null", "null", ""},
		"undefined, and NaN":      {"undefined", "NaN", ""},
		"true":                    {"true", "true", ""},
		"Mr. Null":                {"Null", "0", ""},
		"Ms. O'Neill":             {"Sinéad O'Neill", "¿Sigue?", ""},
		"Test":                    {"Test", "test", ""},
		"Arabic":                  {"محمد بن سلمان", "مرحبا، هل العقار متاح؟", ""},
		"Hebrew":                  {"דוד", "שלום, מה המחיר?", ""},
		"Chinese":                 {"王小明", "请问房子还在吗？", ""},
		"Maya":                    {"K'ináan Ts'íib", "Bix a beel? Jach ki'imak in wóol", ""},
		"lines":                   {"Ana", "uno\n\n\tdos", ""},
	}
	broker, address := relaytest.StartBroker(t)
	p := relaytest.Start(t, relaytest.Settings(t, address), "serve").Started()
	folios := map[string]int64{}
	for row, tt := range tests {
		body, err := json.Marshal(map[string]string{"property_id": "EB-1", "email": "ana@ejemplo.mx", "name": tt.name, "message": tt.message})
		require.NoError(t, err)
		resp, err := p.Client.Post("http://"+p.Public+"/f", "application/json", strings.NewReader(string(body)))
		require.NoError(t, err)
		var a relaytest.Accepted
		require.NoError(t, json.NewDecoder(resp.Body).Decode(&a), row)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, http.StatusAccepted, resp.StatusCode, row)
		folios[row] = a.RemoteID
	}
	p.Settled()
	arrived := map[int64]fakebroker.Kept{}
	for _, k := range broker.Book() {
		arrived[k.RemoteID] = k
	}
	for row, tt := range tests {
		t.Run(row, func(t *testing.T) {
			if tt.arrived == "" {
				tt.arrived = tt.message
			}
			require.Equal(t, tt.arrived, arrived[folios[row]].Message)
			require.Equal(t, tt.name, arrived[folios[row]].Name)
		})
	}
}
