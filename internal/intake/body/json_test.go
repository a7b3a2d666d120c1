package body

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseJSON(t *testing.T) {
	got, _, err := parseJSON([]byte("\ufeff { \"a\" : \"x\\n\\u00e9\\ud83d\\ude00\" , \"b\":0123456789012345678901}"))
	require.Error(t, err, "no number begins with a zero")
	require.Empty(t, got)

	got, _, err = parseJSON([]byte("\ufeff { \"a\" : \"x\\n\\u00e9\\ud83d\\ude00\\\\\" ,\t\"b\":90071992547409931 , \"c\" : [ { \"d\" : [ 1 , 2 ] } , \"]\" ] ," +
		"\"e\":true,\"f\":null , \"g\" : -1.50e+3 , \"h\\u0020\" : \"\" , \"\":{ } , \"i\" : [ ] , \"j\":\"\\\"\" }\n"))
	require.NoError(t, err)
	require.Equal(t, []Field{
		{"a", "x\né😀\\", Text},
		{"b", "90071992547409931", Number},
		{"c", "", Nested},
		{"c[0][d]", "", Nested},
		{"c[0][d][0]", "1", Number},
		{"c[0][d][1]", "2", Number},
		{"c[1]", "]", Text},
		{"e", "true", Bool},
		{"g", "-1.50e+3", Number},
		{"h ", "", Text},
		{"", "", Nested},
		{"i", "", Nested},
		{"j", `"`, Text},
	}, got)
}

func TestJSONErrorsSayWhereAndNotWhat(t *testing.T) {
	_, _, err := parseJSON([]byte(`{"email": canary}`))
	require.EqualError(t, err, "the JSON breaks at byte 11")
	_, _, err = parseJSON([]byte(`{"canary":1,"canary":2}`))
	require.ErrorIs(t, err, errDuplicate)
	require.NotContains(t, err.Error(), "canary")
}

// Values in lists and objects become fields, down to the greatest depth that is read.
func TestNested(t *testing.T) {
	text := func(name, value string) Field { return Field{name, value, Text} }
	lump := func(name string) Field { return Field{name, "", Nested} }
	many := func(n int, f string) string { return strings.TrimSuffix(strings.Repeat(f+",", n), ",") }
	tests := map[string]struct {
		json string
		want []Field
	}{
		"an object":                  {`{"contact":{"phone":"55","n":1}}`, []Field{text("contact[phone]", "55"), {"contact[n]", "1", Number}}},
		"a list":                     {`{"zonas":["Roma","Condesa"]}`, []Field{lump("zonas"), text("zonas[0]", "Roma"), text("zonas[1]", "Condesa")}},
		"a list of objects":          {`{"f":[{"name":"email","value":"a"}]}`, []Field{lump("f"), text("f[0][name]", "email"), text("f[0][value]", "a")}},
		"an object in an object":     {`{"f":{"email":{"value":"a"}}}`, []Field{text("f[email][value]", "a")}},
		"six names deep":             {`{"a":{"b":{"c":{"d":{"e":{"f":"x"}}}}}}`, []Field{text("a[b][c][d][e][f]", "x")}},
		"one more stays as it is":    {`{"a":{"b":{"c":{"d":{"e":{"f": {"g" : "x"}}}}}}}`, []Field{{"a[b][c][d][e][f]", `{"g":"x"}`, Nested}}},
		"a list there stays, too":    {`{"a":{"b":{"c":{"d":{"e":{"f":["x"]}}}}}}`, []Field{{"a[b][c][d][e][f]", `["x"]`, Nested}}},
		"and an empty one is none":   {`{"a":{"b":{"c":{"d":{"e":{"f":{}}}}}}}`, []Field{lump("a[b][c][d][e][f]")}},
		"an empty object":            {`{"a":{}}`, []Field{lump("a")}},
		"null is nothing":            {`{"a":{"b":null},"c":[null]}`, []Field{lump("c")}},
		"a name with a bracket":      {`{"a":{"b]":"x"}}`, []Field{text("a[b]]", "x")}},
		"a long name":                {`{"` + strings.Repeat("a", 257) + `":{"b":"x"}}`, []Field{{strings.Repeat("a", 257), `{"b":"x"}`, Nested}}},
		"one name in two objects":    {`{"a":{"x":"1"},"b":{"x":"2"}}`, []Field{text("a[x]", "1"), text("b[x]", "2")}},
		"what comes after, all same": {`{"a":[` + many(9000, "1") + `],"email":"a"}`, nil},
		"what is in what comes then": {`{"a":[` + many(9000, "[]") + `],"email":"a"}`, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, _, err := parseJSON([]byte(tt.json))
			require.NoError(t, err)
			if tt.want != nil {
				require.Equal(t, tt.want, got)
				return
			}
			require.Len(t, got, maxLeaves+2)
			require.Equal(t, text("email", "a"), got[len(got)-1])
		})
	}
	for _, twice := range []string{`{"a":{"b":1,"b":2}}`, `{"a":[{"b":1,"b":2}]}`, `{"a":{"b":{"c":{"d":1,"d":2}}}}`} {
		_, _, err := parseJSON([]byte(twice))
		require.ErrorIs(t, err, errDuplicate)
	}
	_, _, err := parseJSON([]byte(`{"a":` + strings.Repeat("[", 8) + strings.Repeat("]", 8) + "}"))
	require.ErrorIs(t, err, errDeep)
	_, _, err = parseJSON([]byte(`{"a":{"b":1e400}}`))
	require.ErrorIs(t, err, errNumber)
}

// FuzzJSON compares the cursor with the standard library. Whatever we accept, it
// accepts, too, and reads the same.
func FuzzJSON(f *testing.F) {
	for _, s := range []string{
		`{}`, `{"a":"b"}`, `{"a":1.5e3,"b":[{"c":null}],"d":{"e":{}}}`, `{"a":"\ud83d\ude00\\\""}`, `{"a":1,"A":2}`, "{\"a\":\"\xff\"}", `{"a":"\ud800"}`,
		` { "a" : [ ] , "b" : { } } `, `{"\u0061":1}`, `[1]`, `{"a":"\\u"}`, `{"a":-0}`, strings.Repeat(`{"a":`, 9) + "1" + strings.Repeat("}", 9),
		`{"f":[{"name":"email","value":"a"}],"c":{"d":{"e":["x"]}}}`, `{"a[b]":1,"a":{"b":2}}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		got, _, err := parseJSON(body)
		if err != nil {
			return
		}
		var want map[string]json.RawMessage
		require.NoError(t, json.Unmarshal([]byte(strings.TrimPrefix(string(body), "\ufeff")), &want))
		theirs := map[Field]bool{}
		for name, raw := range want {
			spread(t, name, raw, theirs)
		}
		ours := map[Field]bool{}
		for _, field := range got {
			if field.Kind == Nested && field.Value != "" {
				require.True(t, json.Valid([]byte(field.Value)))
				field.Value = ""
			}
			require.True(t, theirs[field], "%+v is not there", field)
			require.NotEqual(t, null, field.Kind)
			ours[field] = true
		}
		if len(got) >= maxLeaves {
			return // some may be left out
		}
		for field := range theirs {
			inside := strings.ContainsAny(field.Name, "[]") // perhaps too far
			require.True(t, ours[field] || inside || field.Kind == Nested || field.Kind == null, "%+v was lost", field)
		}
	})
}

// spread returns every value in raw, at any depth, under its path.
func spread(t *testing.T, path string, raw json.RawMessage, into map[Field]bool) {
	var s string
	switch raw[0] {
	case '"':
		require.NoError(t, json.Unmarshal(raw, &s))
		require.LessOrEqual(t, strings.Count(s, "\ufffd"), strings.Count(string(raw), "\ufffd")+strings.Count(strings.ToLower(string(raw)), `\ufffd`), "something was mended")
		into[Field{path, s, Text}] = true
	case '{':
		var members map[string]json.RawMessage
		require.NoError(t, json.Unmarshal(raw, &members))
		into[Field{path, "", Nested}] = true
		for name, value := range members {
			spread(t, path+"["+name+"]", value, into)
		}
	case '[':
		var elements []json.RawMessage
		require.NoError(t, json.Unmarshal(raw, &elements))
		into[Field{path, "", Nested}] = true
		for i, value := range elements {
			spread(t, path+"["+strconv.Itoa(i)+"]", value, into)
		}
	case 't', 'f':
		into[Field{path, string(raw), Bool}] = true
	case 'n':
		into[Field{path, "", null}] = true
	default:
		into[Field{path, string(raw), Number}] = true
	}
}
