package browser

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/e2e/relaytest"
)

// recipe is a block of README.md or web/README.md, as somebody copies it who changes nothing but
// the relay's address and the property.
func recipe(t *testing.T, name, relay, property string) string {
	t.Helper()
	_, rest, ok := strings.Cut(readme(t), "<!-- recipe: "+name+" -->\n```")
	require.True(t, ok, "no README has the recipe %s", name)
	_, rest, _ = strings.Cut(rest, "\n")
	block, _, ok := strings.Cut(rest, "\n```\n")
	require.True(t, ok)
	return strings.NewReplacer("https://leads.casas.mx", relay, "EB-AB1234", property).Replace(block)
}

// readme is the text of all pages that have recipes.
func readme(t *testing.T) string {
	t.Helper()
	var all []byte
	for _, page := range []string{"../../../README.md", "../../../web/README.md"} {
		text, err := os.ReadFile(page)
		require.NoError(t, err)
		all = append(all, text...)
	}
	return string(all)
}

// A block that a page could copy and that no test runs would be wrong one day.
func TestEveryRecipeIsRun(t *testing.T) {
	block := regexp.MustCompile("(?:<!-- recipe: (.*) -->\n)?```(?:html|jsx)\n")
	var names []string
	for _, m := range block.FindAllStringSubmatch(readme(t), -1) {
		names = append(names, m[1])
	}
	require.Equal(t, []string{"arranque", "etiqueta", "formulario", "prueba", "local", "widget", "widget-place", "html", "fetch", "react", "webflow"}, names)
}

// What the plug-ins send is understood with the names that the recipe maps.
func TestTheWordPressRecipe(t *testing.T) {
	t.Parallel()
	env := relaytest.SettingsWith(t, relaytest.FreeAddr(t), recipe(t, "wordpress", "", ""))
	delete(env, "LEADRELAY_SOURCE")
	p := relaytest.Start(t, env, "serve").Started()

	files, err := filepath.Glob("../../../internal/intake/testdata/webhooks/[a-z]*")
	require.NoError(t, err)
	require.Len(t, files, 7)
	for i, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			property := "EB-WP" + strconv.Itoa(i)
			postWebhook(t, p, file, property)
			kept := p.About(property)
			require.Len(t, kept, 1)
			require.Equal(t, new("Ana López"), kept[0].Name)
			require.Equal(t, new("ana@ejemplo.mx"), kept[0].Email)
			require.NotNil(t, kept[0].Phone)
			require.Equal(t, new("¿Sigue disponible?"), kept[0].Message)
		})
	}
}

// postWebhook posts a plug-in's body as WordPress does, which follows redirects:
// Elementor takes nothing but a 200 in the end.
func postWebhook(t *testing.T, p *relaytest.Process, file, property string) {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	body, kind, want := strings.ReplaceAll(string(text), "EB-AB1234", property), "application/json", http.StatusAccepted
	if strings.HasSuffix(file, ".form") {
		body, kind, want = urlencoded(body), "application/x-www-form-urlencoded", http.StatusOK
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+p.Public+"/f/casas", strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", kind)
	req.Header.Set("Accept", "*/*")
	client := relaytest.NewClient(t)
	client.CheckRedirect = nil
	resp, err := client.Do(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, want, resp.StatusCode)
}

// urlencoded is a body that has one field a line.
func urlencoded(lines string) string {
	var pairs []string
	for line := range strings.Lines(lines) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		pairs = append(pairs, url.QueryEscape(name)+"="+url.QueryEscape(value))
	}
	return strings.Join(pairs, "&")
}

// The types are for those who write pages in TypeScript: what they say is so,
// and what they refuse is wrong.
func TestTheWidgetsTypes(t *testing.T) {
	t.Parallel()
	dir := installed(t, "testdata/recipes")
	types, err := os.ReadFile("../../../web/widget/widget.d.ts")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "widget.d.ts"), types, 0o600))
	runIn(t, dir, "", filepath.Join(dir, "node_modules/.bin/tsc"), "--noEmit", "--strict", "--target", "es2022", "page.ts")

	// A name in one and not in the other would be a lie.
	script, err := os.ReadFile("../../../web/widget/widget.js")
	require.NoError(t, err)
	for _, part := range []string{"inquiry.js", "captcha.js"} {
		text, err := os.ReadFile("../../../web/widget/" + part)
		require.NoError(t, err)
		script = append(script, text...)
	}
	for _, m := range regexp.MustCompile(`(?m)^  (\w+)\??: |"(leadrelay:\w+)"`).FindAllStringSubmatch(string(types), -1) {
		require.Contains(t, string(script), strings.TrimPrefix(m[1]+m[2], "leadrelay:"))
	}
}
