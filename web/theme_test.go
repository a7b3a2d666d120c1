package web

import (
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

var hexColor = regexp.MustCompile(`#[0-9a-f]{6}`)

// Pages are readable with any color, on the card and on a phone, where the page is the
// card.
func TestEveryThemeCanBeRead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		color := rapid.StringMatching(`#[0-9a-fA-F]{6}`).Draw(t, "color")
		all := hexColor.FindAllString(string(Theme(color)), -1)
		require.Len(t, all, 4)
		for i, scheme := range [][]rgb{backgrounds(t, 0), backgrounds(t, 1)} {
			accent, text := mustColor(all[2*i]), mustColor(all[2*i+1])
			for _, background := range scheme {
				require.GreaterOrEqual(t, contrast(accent, background), 4.5)
			}
			require.GreaterOrEqual(t, contrast(text, accent), 4.5)
		}
	})
}

var background = regexp.MustCompile(`--paper: (#[0-9a-f]{6}); --card: (#[0-9a-f]{6});`)

// backgrounds returns the paper and the card of the style sheet, light at 0 and dark at 1.
func backgrounds(t require.TestingT, scheme int) []rgb {
	sheet, err := Files.ReadFile("static/tokens.css")
	require.NoError(t, err)
	found := background.FindAllStringSubmatch(string(sheet), -1)
	require.Len(t, found, 2)
	return []rgb{mustColor(found[scheme][1]), mustColor(found[scheme][2])}
}

func TestThemes(t *testing.T) {
	require.Equal(t, ":root { --accent: #0e6657; --on-accent: #ffffff }\n"+
		"@media (prefers-color-scheme: dark) { :root { --accent: #519186; --on-accent: #000000 } }\n", string(Theme("#0e6657")))
	for _, wrong := range []string{"", "red", "#fff", "#12345g", "#1234567", "0e66570", "#0e665;", "#+e6657"} {
		require.Empty(t, Theme(wrong), wrong)
	}
}
