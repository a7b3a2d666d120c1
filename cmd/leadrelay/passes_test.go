package main

import (
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
)

// `make test` runs the tests twice: with the race detector and -short, and then what
// that leaves out. No test may fall between the two.
func TestWhatShortLeavesOutRunsAfterIt(t *testing.T) {
	packages, helpers := shortened(t, os.DirFS("../.."))
	require.Empty(t, helpers, "from there, -short could shorten the tests of any package")
	makefile, err := os.ReadFile("../../Makefile")
	require.NoError(t, err)
	for _, line := range []string{
		"\tGORACE=atexit_sleep_ms=50 $(GO) test $(RACE) -short $(TEST) $$($(GO) list ./... | grep -v /internal/e2e/) ./internal/e2e/torture\n",
		"\tLEADRELAY_RACE=1 $(GO) test $(TEST) ./internal/e2e/... $(SHORTENED)\n",
		"SHORTENED := ./" + strings.Join(packages, " ./") + "\n",
		"TEST := -vet=off -shuffle=on -timeout 30m\n",
	} {
		require.Contains(t, string(makefile), line)
	}
}

// The rule is worth nothing unless it sees who makes use of -short.
func TestWhoMakesUseOfShortIsSeen(t *testing.T) {
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	packages, helpers := shortened(t, fstest.MapFS{
		"internal/a/a.go":                  file("package a // Short(1)"),
		"internal/a/a_test.go":             file("package a\n\nfunc f() { if testing.Short() {} }\n"),
		"internal/a/more_test.go":          file("package a\n\nfunc f() { if !testing.Short () {} }\n"),
		"internal/b/b_test.go":             file("//go:build linux && !race\n\npackage b\n"),
		"internal/c/c_test.go":             file("//go:build linux\n\npackage c // the race is on\n"),
		"internal/c/ctest/c.go":            file("package ctest\n\nvar IsShort = testing.Short\n"),
		"internal/d/d_test.go":             file("package d\n\nvar short = flag.Lookup(\"test.short\")\n"),
		"internal/e2e/process/run_test.go": file("package process\n\nfunc f() { if testing.Short() {} }\n"),
	})
	require.Equal(t, []string{"internal/a", "internal/b", "internal/d"}, packages)
	require.Equal(t, []string{"internal/c/ctest/c.go"}, helpers)
}

// usesShort matches a file whose tests are others with -short, or with the race detector.
var usesShort = regexp.MustCompile(`\btesting\s*\.\s*Short\b|\btest\.short\b|(?m:^//go:build .*\brace\b)`)

// shortened returns the packages whose tests are others with -short or the race
// detector, but for those of the whole, which run without them besides. Helpers are
// files that are no tests, and make the tests of others so.
func shortened(t *testing.T, module fs.FS) (packages, helpers []string) {
	t.Helper()
	require.NoError(t, fs.WalkDir(module, ".", func(file string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(file, ".go") || strings.HasPrefix(file, "internal/e2e/") {
			return err
		}
		text, err := fs.ReadFile(module, file)
		if err != nil || !usesShort.Match(text) || file == "cmd/leadrelay/passes_test.go" {
			return err
		}
		if !strings.HasSuffix(file, "_test.go") {
			helpers = append(helpers, file)
			return nil
		}
		packages = append(packages, path.Dir(file))
		return nil
	}))
	slices.Sort(packages)
	return slices.Compact(packages), helpers
}
