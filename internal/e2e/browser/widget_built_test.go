package browser

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// The scripts that go out are those that lie beside them, but shorter. With
// LEADRELAY_BUILD=1, as make widget has it, they are written anew.
func TestTheWidgetIsBuilt(t *testing.T) {
	t.Parallel()
	dir := installed(t, "testdata/recipes")
	for name, args := range map[string][]string{
		"widget":  {"--banner:js=//# allFunctionsCalledOnLoad"}, // it lets a browser compile beside the page, not in its way
		"inquiry": {"--bundle", "--format=esm"},
	} {
		from, to := filepath.Join("..", "..", "..", "web", "widget", name+".js"), filepath.Join("..", "..", "..", "web", "widget", name+".min.js")
		source, err := filepath.Abs(from)
		require.NoError(t, err)
		built := runIn(t, dir, "", filepath.Join(dir, "node_modules/.bin/esbuild"), append(args, source, "--minify", "--charset=utf8")...)
		if os.Getenv("LEADRELAY_BUILD") != "" {
			require.NoError(t, os.WriteFile(to, []byte(built), 0o600))
		}
		served, err := os.ReadFile(to)
		require.NoError(t, err)
		require.Equal(t, built, string(served), "%s has changed: run make widget", from)
	}
}
