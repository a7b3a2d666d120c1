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
	tests := map[string]struct {
		name, message string
		arrived       string // the message, where it is another
	}{
		"B1 accents":                  {"José Ñandú, Zoë", "¿Cuánto es el depósito?", ""},
		"B1 accents in two pieces":    {"Zoë", "¿Cua\u0301nto?", "¿Cuánto?"},
		"B2 emoji of many parts":      {"Ana 🦊", "👨‍👩‍👧‍👦 🇲🇽 👍🏽 🏴󠁧󠁢󠁳󠁣󠁴󠁿", ""},
		"B2 three thousand of them":   {"Ana", strings.Repeat("👍🏽", 1500), ""},
		"B3 a NUL":                    {"Ana", "Ho\x00la", "Hola"},
		"B4 control characters":       {"Ana", "\x1b[31mHola\u009b\x7f", "[31mHola"},
		"B13 a script":                {"<b>Ana</b>", "<script>alert(1)</script>", ""},
		"B13 a template":              {"Ana", "{{7*7}}", ""},
		"B13 a look-up":               {"Ana", "${jndi:ldap://x}", ""},
		"B13 an injection":            {"'; DROP TABLE leads;--", `" OR ""="`, ""},
		"B13 a formula":               {"=HYPERLINK(1)", "@SUM(1+1)*cmd|' /C calc'!A0", ""},
		"B13 verbs of printf":         {"%n%s", "%n%s%d%x", ""},
		"B13 a path":                  {"Ana", "../../etc/passwd", ""},
		"B13 escapes of other places": {`\u0041`, `a\nb &amp; &#39; %41 +`, ""},
		"B15 null":                    {"null", "null", ""},
		"B15 undefined, and NaN":      {"undefined", "NaN", ""},
		"B15 true":                    {"true", "true", ""},
		"B15 Mr. Null":                {"Null", "0", ""},
		"B15 Ms. O'Neill":             {"Sinéad O'Neill", "¿Sigue?", ""},
		"B15 Test":                    {"Test", "test", ""},
		"B16 Arabic":                  {"محمد بن سلمان", "مرحبا، هل العقار متاح؟", ""},
		"B16 Hebrew":                  {"דוד", "שלום, מה המחיר?", ""},
		"B16 Chinese":                 {"王小明", "请问房子还在吗？", ""},
		"B16 Maya":                    {"K'ináan Ts'íib", "Bix a beel? Jach ki'imak in wóol", ""},
		"lines":                       {"Ana", "uno\n\n\tdos", ""},
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
