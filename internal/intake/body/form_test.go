package body

import (
	"bytes"
	"errors"
	"mime/multipart"
	"net/url"
	"os"
	"slices"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func TestParseURLEncoded(t *testing.T) {
	got, err := parseURLEncoded("a=1&a=2&b=x+y%2B&c&=d&e==f&%C3%A9=%E9&")
	require.NoError(t, err)
	require.Equal(t, []Field{
		{Name: "a", Value: "1"},
		{Name: "a", Value: "2"},
		{Name: "b", Value: "x y+"},
		{Name: "c"},
		{Value: "d"},
		{Name: "e", Value: "=f"},
		{Name: "é", Value: "é"},
	}, got)
}

// A hand-made form escapes nothing (jsbin#1502, rack#520). Web servers read such texts
// as they were typed.
func TestALonePercentAndASemicolonAreThemselves(t *testing.T) {
	got, err := parseURLEncoded("a=Tengo el 20% de enganche; me urge&b=100%&c=%4&d=%zz%41&e%=1;f=2&g=%2B%3b")
	require.NoError(t, err)
	require.Equal(t, []Field{
		{Name: "a", Value: "Tengo el 20% de enganche; me urge"},
		{Name: "b", Value: "100%"},
		{Name: "c", Value: "%4"},
		{Name: "d", Value: "%zzA"},
		{Name: "e%", Value: "1;f=2"},
		{Name: "g", Value: "+;"},
	}, got)
}

// FuzzURLEncoded compares with the standard library. Where that accepts a body, it must
// agree on every value.
func FuzzURLEncoded(f *testing.F) {
	for _, s := range []string{"a=b", "a=b;c=d", "a=%zz", "a=%e9", "&&", "=", "a=b&a=c", "%", "+=+"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, body string) {
		got, err := parseURLEncoded(body)
		if errors.Is(err, errManyFields) {
			return
		}
		require.NoError(t, err)
		want, wantErr := url.ParseQuery(body)
		for _, field := range got {
			require.True(t, utf8.ValidString(field.Name+field.Value))
			if wantErr != nil {
				continue
			}
			same := func(value string) bool { return toUTF8(value) == field.Value }
			if values, ok := want[field.Name]; ok { // it has none if the name is not UTF-8
				require.True(t, slices.ContainsFunc(values, same), "%q is none of %q", field.Value, values)
			}
		}
	})
}

func FuzzMultipart(f *testing.F) {
	f.Add([]byte("--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nb\r\n--x--\r\n"), "x")
	f.Add([]byte("--x\r\n\r\n--x--"), "x")
	f.Add([]byte("--x--"), "x")
	f.Add([]byte("--x\r\nContent-Disposition: form-data; name*=utf-8''%e9\r\n\r\nb\r\n--x--"), "x")
	f.Fuzz(func(t *testing.T, body []byte, boundary string) {
		got, err := parseMultipart(body, boundary)
		require.False(t, err != nil && len(got) > 0)
		require.LessOrEqual(t, len(got), maxFields)
		for _, field := range got {
			require.True(t, utf8.ValidString(field.Name+field.Value))
		}
	})
}

func TestNoPartIsWrittenToDisk(t *testing.T) {
	folder := t.TempDir()
	t.Setenv("TMPDIR", folder)
	var b bytes.Buffer
	m := multipart.NewWriter(&b)
	part, err := m.CreateFormFile("file", "cv.pdf")
	require.NoError(t, err)
	_, err = part.Write(make([]byte, 60<<10))
	require.NoError(t, err)
	require.NoError(t, m.Close())
	_, err = parseMultipart(b.Bytes(), m.Boundary())
	require.ErrorIs(t, err, errFile)
	left, err := os.ReadDir(folder)
	require.NoError(t, err)
	require.Empty(t, left)
}
