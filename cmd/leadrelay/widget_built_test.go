package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// mangled are the names in the widget that nobody outside of it needs. None of
// them may be one of the browser's, of an option, or of what is stored or
// answered.
const mangled = "^(controls|button|tell|fields|recall|restore|mend|mendAll|keep|check|refuse|setBusy|label|succeed|answered|arrived|" +
	"leave|clean|park|moveTo|kept|safe|marks|mark|thanks|rest|isBusy|words|to|property|" +
	"optional|either|sample|sending|slow|again|consent|missing|badEmail|failed|done|stays|options|texts|fill|call)$"

// The scripts that go out are those that lie beside them, but shorter. With
// LEADRELAY_BUILD=1, as make widget has it, they are written anew.
func TestTheWidgetIsBuilt(t *testing.T) {
	dir := installed(t, "testdata/recipes")
	for name, args := range map[string][]string{
		"widget": {"--banner:js=//# allFunctionsCalledOnLoad", "--mangle-props=" + mangled}, // it lets a browser compile beside the page, not in its way
		"helper": {"--format=esm"},
	} {
		from, to := filepath.Join("..", "..", "web", "widget", name+".js"), filepath.Join("..", "..", "web", "widget", name+".min.js")
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
