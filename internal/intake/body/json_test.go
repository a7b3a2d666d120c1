package body

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseJSON(t *testing.T) {
	got, err := parseJSON([]byte("\ufeff { \"a\" : \"x\\n\\u00e9\\ud83d\\ude00\" , \"b\":0123456789012345678901}"))
	require.Error(t, err, "no number begins with a zero")
	require.Empty(t, got)

	got, err = parseJSON([]byte("\ufeff { \"a\" : \"x\\n\\u00e9\\ud83d\\ude00\\\\\" ,\t\"b\":90071992547409931 , \"c\" : [ { \"d\" : [ 1 , 2 ] } , \"]\" ] ," +
		"\"e\":true,\"f\":null , \"g\" : -1.50e+3 , \"h\\u0020\" : \"\" , \"\":{ } , \"i\" : [ ] , \"j\":\"\\\"\" }\n"))
	require.NoError(t, err)
	require.Equal(t, []Field{
		{"a", "x\né😀\\", Text},
		{"b", "90071992547409931", Number},
		{"c", "", Nested},
		{"e", "true", Bool},
		{"g", "-1.50e+3", Number},
		{"h ", "", Text},
		{"", "", Nested},
		{"i", "", Nested},
		{"j", `"`, Text},
	}, got)
}

func TestJSONErrorsSayWhereAndNotWhat(t *testing.T) {
	_, err := parseJSON([]byte(`{"email": canary}`))
	require.EqualError(t, err, "the JSON breaks at byte 11")
	_, err = parseJSON([]byte(`{"canary":1,"canary":2}`))
	require.ErrorIs(t, err, errDuplicate)
	require.NotContains(t, err.Error(), "canary")
}

// FuzzJSON compares the walk with the standard library: what we take, it takes
// too, and it reads the same.
func FuzzJSON(f *testing.F) {
	for _, s := range []string{
		`{}`, `{"a":"b"}`, `{"a":1.5e3,"b":[{"c":null}],"d":{"e":{}}}`, `{"a":"\ud83d\ude00\\\""}`, `{"a":1,"A":2}`, "{\"a\":\"\xff\"}", `{"a":"\ud800"}`,
		` { "a" : [ ] , "b" : { } } `, `{"\u0061":1}`, `[1]`, `{"a":"\\u"}`, `{"a":-0}`, strings.Repeat(`{"a":`, 9) + "1" + strings.Repeat("}", 9),
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := parseJSON(body)
		if err != nil {
			return
		}
		var want map[string]json.RawMessage
		require.NoError(t, json.Unmarshal([]byte(strings.TrimPrefix(string(body), "\ufeff")), &want))
		for _, field := range got {
			raw := string(want[field.Name])
			switch field.Kind {
			case Text:
				var s string
				require.NoError(t, json.Unmarshal(want[field.Name], &s))
				require.Equal(t, s, field.Value)
				require.LessOrEqual(t, strings.Count(s, "\ufffd"), strings.Count(raw, "\ufffd")+strings.Count(strings.ToLower(raw), `\ufffd`), "something was mended")
			case Nested:
				require.Contains(t, "{[", raw[:1])
			default:
				require.Equal(t, raw, field.Value)
			}
			delete(want, field.Name)
		}
		for name, raw := range want {
			require.Equal(t, "null", string(raw), "%q was lost", name)
		}
	})
}
