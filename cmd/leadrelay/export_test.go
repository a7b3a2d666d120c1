package main

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/e2e/relaytest"
)

// A file has its name when it is whole: one that was there stays until then.
func TestNoHalfFileHasTheName(t *testing.T) {
	folder := t.TempDir()
	name := filepath.Join(folder, "leads.csv")
	write := func(text string, err error) error {
		return writeWhole(name, func(w io.Writer) error {
			_, _ = io.WriteString(w, text)
			return err
		})
	}
	require.NoError(t, write("old", nil))
	broken := errors.New("broken off")
	require.ErrorIs(t, write("half", broken), broken)
	got, err := os.ReadFile(name)
	require.NoError(t, err)
	require.Equal(t, "old", string(got))
	require.NoError(t, write("new", nil))
	got, err = os.ReadFile(name)
	require.NoError(t, err)
	require.Equal(t, "new", string(got))
	all, err := os.ReadDir(folder)
	require.NoError(t, err)
	require.Len(t, all, 1, "nothing is left beside it")
	info, err := all[0].Info()
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode())

	require.NoError(t, os.Symlink(name, filepath.Join(folder, "link")))
	require.ErrorContains(t, writeWhole(filepath.Join(folder, "link"), nil), "no regular file")
	require.Error(t, writeWhole(filepath.Join(folder, "nowhere", "leads.csv"), nil))
}

// An export that breaks off fails, and so does what is no export.
func TestAnExportThatBreaksOff(t *testing.T) {
	for name, tt := range map[string]struct {
		answer func(w http.ResponseWriter)
		want   string
	}{
		"whole": {func(w http.ResponseWriter) {
			w.Header().Set("Content-Disposition", "attachment")
			_, _ = io.WriteString(w, "remote_id\n7\n")
		}, ""},
		"broken off": {func(w http.ResponseWriter) {
			w.Header().Set("Content-Disposition", "attachment")
			_, _ = io.WriteString(w, "remote_id\n")
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}, "the export broke off, and what has come is not whole"},
		"a page of another program": {func(w http.ResponseWriter) { _, _ = io.WriteString(w, "<html>") }, "is no relay's operator's door"},
		"refused":                   {func(w http.ResponseWriter) { w.WriteHeader(http.StatusBadRequest) }, "is no relay's operator's door"},
	} {
		t.Run(name, func(t *testing.T) {
			door := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { tt.answer(w) }))
			t.Cleanup(door.Close)
			env := relaytest.Settings(t, "127.0.0.1:1")
			env["LEADRELAY_OPERATOR_ADDR"] = strings.TrimPrefix(door.URL, "http://")
			file := filepath.Join(t.TempDir(), "leads.csv")
			var out, complaint bytes.Buffer
			code := run(t.Context(), []string{"leads", "export", "-o", file}, env, &out, &complaint)
			if tt.want == "" {
				require.Zero(t, code, complaint.String())
				require.FileExists(t, file)
				return
			}
			require.Equal(t, exitFailure, code)
			require.Contains(t, complaint.String(), tt.want)
			require.NoFileExists(t, file)
		})
	}
}

func TestAScreenIsNotCommanded(t *testing.T) {
	for given, want := range map[string]string{
		"Ana\tHola\n":                      "Ana\tHola\n",
		"a\x1b[2Jb\x07\x7f\rc":             "a[2Jbc",
		"a\u009b31mb":                      "a31mb",
		"a\u202egro.live\u202c":            "agro.live",
		"a\u2066b\u2069\u200e\u200f\ufeff": "ab",
		"¿Qué tal? 🏡 👩‍👩‍👧":                "¿Qué tal? 🏡 👩‍👩‍👧",
		"a\xff\xfeb":                       "a\uFFFDb",
	} {
		safe, cut := visible([]byte(given))
		require.Empty(t, cut)
		require.Equal(t, want, safe, "%q", given)
		for i := range len(given) { // in two pieces
			first, cut := visible([]byte(given[:i]))
			second, _ := visible(append(cut, given[i:]...))
			require.Equal(t, strings.ReplaceAll(want, "\uFFFD", ""), strings.ReplaceAll(first+second, "\uFFFD", ""), "%q", given)
		}
	}
}
