package intake_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/intake"
	"leadrelay/internal/lead"
	"leadrelay/internal/site"
)

// These bodies are what form plug-ins, builders, services and CRMs really send, with the
// visitor that a person would find in them. testdata/shapes/README.md has the sources.
func TestRealShapes(t *testing.T) {
	const folder = "testdata/shapes/"
	table, err := os.ReadFile(folder + "shapes.tsv")
	require.NoError(t, err)
	rows := strings.Split(strings.TrimSpace(string(table)), "\n")[1:]
	require.GreaterOrEqual(t, len(rows), 60)
	files, err := os.ReadDir(folder)
	require.NoError(t, err)
	require.Len(t, rows, len(files)-2, "each has a row")
	for _, row := range rows {
		cells := append(strings.Split(row, "\t"), make([]string, 8)...)[:8]
		t.Run(cells[0], func(t *testing.T) {
			body, contentType := shape(t, folder+cells[0])
			l := keptOf(t, ownWords(t, cells[6]), body, contentType)
			require.Equal(t, contact{cells[1], cells[2], cells[3], cells[4]}, contactOf(l))
			require.Equal(t, cells[5], l.PropertyID)
			for value := range strings.SplitSeq(cells[7], "|") {
				kept := value == "" || slices.ContainsFunc(l.Extra, func(p lead.Pair) bool { return strings.Contains(p.Value, value) })
				require.True(t, kept, "%q is not in %v", value, l.Extra)
			}
		})
	}
}

// ownWords parses a site's map: theirs=ours,theirs=ours.
func ownWords(t *testing.T, cell string) map[string]string {
	t.Helper()
	own := map[string]string{}
	for pair := range strings.SplitSeq(cell, ",") {
		if pair == "" {
			continue
		}
		at := strings.LastIndexByte(pair, '=')
		require.Positive(t, at, pair)
		own[pair[:at]] = pair[at+1:]
	}
	return own
}

// keptOf posts a body to a site that requires nothing, and returns the lead.
func keptOf(t *testing.T, own map[string]string, body, contentType string) lead.Lead {
	t.Helper()
	kept := &memoryKeeper{}
	s := site.Site{ID: "casas", Source: "casas.mx", Locale: "es", Fields: own, Tick: lead.Milliseconds}
	w := ask(intake.New([]site.Site{s}, kept, intake.Options{}), "POST", "/f/casas", body, "Content-Type", contentType, "Accept", jsonType)
	require.Equal(t, 202, w.Code, w.Body.String())
	require.Len(t, kept.leads, 1)
	return kept.leads[0]
}

// shape reads a body from a file. A form has one field a line, unescaped.
func shape(t *testing.T, file string) (body, contentType string) {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	if strings.HasSuffix(file, ".json") {
		return string(text), jsonType
	}
	var pairs []string
	for line := range strings.Lines(string(text)) {
		name, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		require.True(t, ok, line)
		pairs = append(pairs, name, value)
	}
	if strings.HasSuffix(file, ".form") {
		return encoded(pairs...), formType
	}
	for i := 0; i < len(pairs); i += 2 {
		pairs[i] = field(pairs[i])
	}
	return parts(pairs...), multiType
}
