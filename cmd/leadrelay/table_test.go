package main

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func TestATableFitsIntoTheTerminal(t *testing.T) {
	ana := []string{"28286153604", "2026-11-28 05:18", "confirmed", "default", "EB-AB1234", "Ana Sofía García", "ana.sofia@inmobiliaria.mx", "+525512345678", ""}
	luz := []string{"28286153605", "2026-11-28 05:19", "failed", "default", "EB-404", "Luz", "luz@e.mx", "", "EasyBroker refused it: 404"}
	lofts := []string{"28286153606", "2026-11-28 05:20", "queued", "lofts", "EB-1", "Beto", "beto@e.mx", "", ""}
	const plenty = 200
	tests := map[string]struct {
		width int
		rows  [][]string
		head  string
		whole string // what stands in it uncut
		cut   string
	}{
		"no terminal":                       {0, [][]string{ana}, "FOLIO RECEIVED (CST) STATE SITE PROPERTY NAME EMAIL PHONE REASON", "ana.sofia@inmobiliaria.mx", ""},
		"wide enough":                       {plenty, [][]string{ana, luz}, "FOLIO RECEIVED (CST) STATE SITE PROPERTY NAME EMAIL PHONE REASON", "ana.sofia@inmobiliaria.mx", ""},
		"what is empty is left out first":   {125, [][]string{ana}, "FOLIO RECEIVED (CST) STATE SITE PROPERTY NAME EMAIL PHONE", "ana.sofia@inmobiliaria.mx", ""},
		"then the one site":                 {114, [][]string{ana}, "FOLIO RECEIVED (CST) STATE PROPERTY NAME EMAIL PHONE", "ana.sofia@inmobiliaria.mx", ""},
		"then what is longest is cut":       {100, [][]string{ana}, "FOLIO RECEIVED (CST) STATE PROPERTY NAME EMAIL PHONE", "+525512345678", "Ana Sofía Garc…  ana.sofia@inmo…"},
		"a reason stays, and so do sites":   {120, [][]string{ana, luz, lofts}, "FOLIO RECEIVED (CST) STATE SITE PROPERTY NAME EMAIL PHONE REASON", "+525512345678", "…"},
		"no folio, state or phone is cut":   {20, [][]string{ana}, "FOLIO RECEIVED (CST) STATE PROPERTY NAME EMAIL PHONE", "+525512345678", "Ana Sof…"},
		"nothing found on a terminal":       {80, nil, "FOLIO RECEIVED (CST) STATE SITE PROPERTY NAME EMAIL PHONE REASON", "FOLIO", ""},
		"nothing found where there is none": {0, nil, "FOLIO RECEIVED (CST) STATE SITE PROPERTY NAME EMAIL PHONE REASON", "FOLIO", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			list := leadTable(&out, "CST")
			list.width = tt.width
			require.NoError(t, list.page(tt.rows))
			lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
			require.Equal(t, tt.head, strings.Join(strings.Fields(lines[0]), " "))
			require.Contains(t, out.String(), tt.whole)
			require.Contains(t, out.String(), tt.cut)
			require.Equal(t, tt.cut != "", strings.Contains(out.String(), "…"))
			require.Len(t, lines, 1+len(tt.rows))
			if tt.width >= 100 {
				for _, line := range lines {
					require.LessOrEqual(t, utf8.RuneCountInString(line), tt.width, line)
				}
			}
		})
	}
}

// A later page may need other columns; its rows never stand below wrong names.
func TestEachPageHasItsColumns(t *testing.T) {
	row := func(reason string) [][]string {
		return [][]string{{"28286153604", "2026-11-28 05:18", "failed", "default", "EB-AB1234", "Ana", "ana@ejemplo.mx", "+525512345678", reason}}
	}
	var out bytes.Buffer
	list := leadTable(&out, "CST")
	list.width = 96
	for _, reason := range []string{"", "", "refused"} {
		require.NoError(t, list.page(row(reason)))
	}
	require.Equal(t, 2, strings.Count(out.String(), "FOLIO"))
	require.Equal(t, 1, strings.Count(out.String(), "REASON"))
	require.Contains(t, out.String(), "refused")
}
