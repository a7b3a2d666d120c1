package main

import (
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// What a page says about the product is shown by a test. This one shows that the
// tests that the pages name are there.
func TestTheTestsThatTheReadmesNameExist(t *testing.T) {
	root := os.DirFS("../..")
	var code strings.Builder
	require.NoError(t, fs.WalkDir(root, ".", func(name string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(name, "_test.go") {
			return err
		}
		text, err := fs.ReadFile(root, name)
		code.Write(text)
		return err
	}))
	named := regexp.MustCompile("`(Test[A-Z][A-Za-z0-9]+)(…?)`")
	for _, page := range markdown(t, root) {
		if page == "CHANGELOG.md" {
			continue // it tells of what was
		}
		all := named.FindAllStringSubmatch(readMarkdown(t, root, page), -1)
		if slices.Contains([]string{"README.md", "internal/README.md", ".github/ASVS.md", ".github/THREATS.md", "deploy/privacidad.md"}, page) {
			require.NotEmpty(t, all, page)
		}
		for _, m := range all {
			end := "("
			if m[2] != "" {
				end = "" // its name goes on
			}
			require.Contains(t, code.String(), "func "+m[1]+end, "%s names %s, which is not there", page, m[1])
		}
	}
}
