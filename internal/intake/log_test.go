package intake_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLogNamesSiteAndLead(t *testing.T) {
	d := newRelay(t)
	d.post(jsonType, wholeJSON)
	require.JSONEq(t, `{"level":"info","site":"casas","remote_id":28339200001,"message":"request"}`, d.log.String())
}

func TestLogNamesTheProblemAndItsCause(t *testing.T) {
	tests := map[string]struct {
		contentType, body string
		fails             error
		want              string
	}{
		"wrong fields":   {jsonType, `{"email":"canary"}`, nil, `"problem":"invalid","cause":"invalid inquiry: property_id REQUIRED_FIELD_MISSING, message REQUIRED_FIELD_MISSING, email TYPE_EMAIL"`},
		"broken JSON":    {jsonType, `{"email":canary}`, nil, `"problem":"unreadable","cause":"the JSON breaks at byte 10"`},
		"a broken form":  {multiType, "canary", nil, `"problem":"unreadable","cause":"the multipart body is broken"`},
		"a broken part":  {multiType, parts("canary", "canary"), nil, `"problem":"unreadable","cause":"the multipart body is broken"`},
		"a file":         {multiType, parts(field("canary")+`; filename="canary"`, "canary"), nil, `"problem":"unsupported_type","cause":"the form holds a file"`},
		"a type":         {"canary/canary", "canary", nil, `"problem":"unsupported_type","cause":"the content type is none of ours"`},
		"a broken type":  {"text/plain; canary=\"", "canary", nil, `"problem":"unreadable"`},
		"a failing disk": {jsonType, wholeJSON, errors.New("disk full"), `"problem":"try_again","cause":"disk full"`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			d := newRelay(t)
			d.keeper.fails = tt.fails
			w := d.post(tt.contentType, tt.body, "Accept", jsonType)
			require.Contains(t, d.log.String(), tt.want)
			require.NotContains(t, d.log.String(), "canary")
			require.NotContains(t, w.Body.String(), "canary")
			require.NotContains(t, w.Body.String(), "disk full")
		})
	}
}

// Whatever is sent, a request is one line of the log. The line parses, has no name twice
// and holds nothing of the visitor's.
func TestNothingOfTheVisitorIsLogged(t *testing.T) {
	payloads := []string{
		"canary", "canary\r\n{\"level\":\"fatal\"}", "canary\x1b[2J", "canary\u2028x", "canary\u202ex", `canary","level":"fatal`,
		"canary\x00", "%{canary}", "<canary@x.mx>", strings.Repeat("canary ", 2000),
	}
	keys := []string{"name", "email", "phone", "message", "property_id", "_next", "_language", "_gotcha", "page_url", "utm_source", "x"}
	for _, payload := range payloads {
		for _, key := range keys {
			form := url.Values{"email": {"ana@canary.mx"}, "message": {"x"}, "property_id": {"EB-1"}, key: {payload}, "k" + payload: {"v"}}
			object := map[string]string{}
			for name := range form {
				object[name] = form.Get(name)
			}
			asJSON, err := json.Marshal(object)
			require.NoError(t, err)
			for contentType, body := range map[string]string{formType: form.Encode(), jsonType: string(asJSON)} {
				d := newRelay(t)
				w := d.post(contentType, body, "Referer", "https://casas.mx/?"+url.QueryEscape(payload), "Accept", "application/json")
				require.Contains(t, []int{202, 422}, w.Code)
				requireOneCleanLine(t, d.log.String())
				if w.Code == 422 {
					require.NotContains(t, w.Body.String(), "canary")
				}
				for _, values := range w.Header() {
					require.NotContains(t, strings.Join(values, ""), "canary")
				}
			}
		}
	}
}

func requireOneCleanLine(t *testing.T, log string) {
	t.Helper()
	require.Equal(t, 1, strings.Count(log, "\n"))
	require.NotContains(t, log, "canary")
	names := map[string]bool{}
	lines := json.NewDecoder(bytes.NewReader([]byte(log)))
	_, err := lines.Token()
	require.NoError(t, err)
	for lines.More() {
		name, err := lines.Token()
		require.NoError(t, err)
		require.False(t, names[name.(string)], "%s twice in %s", name, log)
		names[name.(string)] = true
		_, err = lines.Token()
		require.NoError(t, err)
	}
	_, err = lines.Token()
	require.NoError(t, err)
	_, err = lines.Token()
	require.ErrorIs(t, err, io.EOF)
}
