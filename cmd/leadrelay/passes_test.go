package main

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
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
	left := shortened(t, os.DirFS("../.."))
	require.Empty(t, left.unknown, "from there, -short could shorten any test")
	makefile, err := os.ReadFile("../../Makefile")
	require.NoError(t, err)
	for _, line := range []string{
		"\tGORACE=atexit_sleep_ms=50 $(GO) test $(RACE) -short $(TEST) $(LONGEST) $$($(GO) list ./... | grep -vE '$(subst $(space),|,$(WHOLE))')\n",
		"\nLONGEST := ./internal/store ./internal/courier ./internal/e2e/torture\n",
		"\t$(GO) build $(RACE) -o bin/race/leadrelay ./cmd/leadrelay\n",
		"\t$(STATIC) build -trimpath -ldflags '-s -w' -o bin/plain/leadrelay ./cmd/leadrelay\n",
		"\tLEADRELAY_BIN=$(CURDIR)/bin LEADRELAY_KILL_ROUNDS=30 $(STATIC) test -trimpath $(TEST) ./internal/e2e/process $(addsuffix /...,$(addprefix .,$(WHOLE)))\n",
		"\nWHOLE := /internal/e2e /internal/bench /deploy/imagetest\n",
		"\t$(STATIC) test -trimpath $(TEST) -run '^($(subst $(space),|,$(LEFT_OUT)))$$' $(SHORTENED)\n",
		"\nSHORTENED := ./" + strings.Join(left.packages, " ./") + "\n",
		"\nTEST := -vet=off -shuffle=on -timeout 30m\n",
	} {
		require.Contains(t, string(makefile), line)
	}
	_, names, _ := strings.Cut(strings.ReplaceAll(string(makefile), "\\\n", " "), "\nLEFT_OUT := ")
	names, _, _ = strings.Cut(names, "\n")
	require.ElementsMatch(t, left.tests, strings.Fields(names))
}

// What has a longer form has it in `make torture`, and with the detector what -short leaves
// out of the first pass.
func TestWhatIsThinnedOutRunsInFull(t *testing.T) {
	makefile, err := os.ReadFile("../../Makefile")
	require.NoError(t, err)
	text := strings.ReplaceAll(string(makefile), "\\\n", "")
	for _, line := range []string{
		"\nIN_FULL := LEADRELAY_TORTURE=full LEADRELAY_SEEDS=10000 LEADRELAY_KILL_ROUNDS=300 $(GO) test -count=1 -p 1 -timeout 3h -v\n",
		"\t$(IN_FULL) ./internal/e2e/torture\n",
		"\t$(GO) test $(RACE) -count=1 -p 1 -timeout 1h ./internal/e2e/... ./internal/courier/... ./internal/notify ./internal/store ./internal/console\n",
	} {
		require.Contains(t, text, line)
	}
	found := regexp.MustCompile(`\t\$\(IN_FULL\) -run '(.*?)'(.*)\n`).FindStringSubmatch(text)
	require.NotNil(t, found)
	pattern, packages := regexp.MustCompile(found[1]), strings.Fields(found[2])
	all := longer(t, os.DirFS("../.."))
	require.NotEmpty(t, all["internal/e2e/torture"], "of which all run")
	delete(all, "internal/e2e/torture")
	for folder, tests := range all {
		require.Contains(t, packages, "./"+folder)
		for _, test := range tests {
			require.Regexp(t, pattern, test, folder)
		}
	}
}

func TestWhoHasALongerFormIsSeen(t *testing.T) {
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	require.Equal(t, map[string][]string{"internal/a": {"TestA", "TestB"}, "internal/b": {"TestD"}}, longer(t, fstest.MapFS{
		"internal/a/a_test.go":    file("package a\n\nfunc TestA() { if relaytest.InFull() {} }\n\nfunc TestC() { relaytest.Beside() }\n"),
		"internal/a/more_test.go": file("package a\n\nfunc TestB() { visitor{}.walk() }\n\nfunc (v visitor) walk() { v.n = rounds() }\n\nfunc rounds() int { return len(os.Getenv(\"LEADRELAY_SEEDS\")) }\n"),
		"internal/b/b_test.go":    file("package b\n\nfunc TestD() { rounds(os.Getenv(\"LEADRELAY_TORTURE\")) }\n\nfunc TestE() { rounds(1) }\n"),
	}))
}

var asksForMore = regexp.MustCompile(`\bInFull\(\)|"LEADRELAY_(TORTURE|SEEDS|KILL_ROUNDS)"`)

// longer returns the tests, by their folders, that have a longer form, or call what has
// one: a function, or any method of that name.
func longer(t *testing.T, module fs.FS) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	for folder, files := range testFiles(t, module) {
		if !slices.ContainsFunc(files, func(text []byte) bool { return asksForMore.Match(text) }) {
			continue
		}
		calls, isLonger := map[string][]string{}, map[string]bool{}
		for _, text := range files {
			parsed, err := parser.ParseFile(token.NewFileSet(), "", text, parser.SkipObjectResolution)
			require.NoError(t, err)
			for _, decl := range parsed.Decls {
				if f, isFunc := decl.(*ast.FuncDecl); isFunc {
					name := f.Name.Name
					if f.Recv != nil {
						name = "." + name
					}
					calls[name] = append(calls[name], called(f)...)
					isLonger[name] = isLonger[name] || asksForMore.Match(text[f.Pos()-1:f.End()-1])
				}
			}
		}
		spread(calls, isLonger)
		for name := range calls {
			if isLonger[name] && strings.HasPrefix(name, "Test") {
				all[folder] = append(all[folder], name)
			}
		}
		slices.Sort(all[folder])
	}
	return all
}

// testFiles returns the texts of the tests' files, by their folders.
func testFiles(t *testing.T, module fs.FS) map[string][][]byte {
	t.Helper()
	all := map[string][][]byte{}
	require.NoError(t, fs.WalkDir(module, ".", func(file string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(file, "_test.go") || file == "cmd/leadrelay/passes_test.go" {
			return err
		}
		text, err := fs.ReadFile(module, file)
		all[path.Dir(file)] = append(all[path.Dir(file)], text)
		return err
	}))
	return all
}

// spread marks the callers of what is longer.
func spread(calls map[string][]string, isLonger map[string]bool) {
	for more := true; more; {
		more = false
		for name, callees := range calls {
			if !isLonger[name] && slices.ContainsFunc(callees, func(callee string) bool { return isLonger[callee] }) {
				isLonger[name], more = true, true
			}
		}
	}
}

// called returns the names of what a function calls, which may be in its own package; those
// of methods begin with a period.
func called(f *ast.FuncDecl) (names []string) {
	ast.Inspect(f, func(n ast.Node) bool {
		if call, isCall := n.(*ast.CallExpr); isCall {
			switch fun := call.Fun.(type) {
			case *ast.Ident:
				names = append(names, fun.Name)
			case *ast.SelectorExpr:
				names = append(names, "."+fun.Sel.Name)
			}
		}
		return true
	})
	return names
}

// The rule is worth nothing unless it sees who makes use of -short.
func TestWhoMakesUseOfShortIsSeen(t *testing.T) {
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	require.Equal(t, leftOut{
		packages: []string{"internal/a", "internal/b"},
		tests:    []string{"TestA", "TestB", "TestNotA", "TestNotB"},
		unknown:  []string{"internal/a/help_test.go", "internal/c/ctest/c.go", "internal/d/d_test.go"},
	}, shortened(t, fstest.MapFS{
		"internal/a/a.go":                  file("package a // Short(1)"),
		"internal/a/a_test.go":             file("package a\n\nfunc TestA() { if testing.Short() {} }\n\nfunc TestWhole() {}\n"),
		"internal/a/help_test.go":          file("package a\n\nfunc f() { if testing.Short() {} }\n"),
		"internal/a/more_test.go":          file("package a\n\nfunc TestNotA() { if !testing.Short () {} }\n"),
		"internal/b/b_test.go":             file("//go:build linux && !race\n\npackage b\n\nfunc TestB() {}\n\nfunc TestNotB() {}\n"),
		"internal/c/c_test.go":             file("//go:build linux\n\npackage c // the race is on\n"),
		"internal/c/ctest/c.go":            file("package ctest\n\nvar IsShort = testing.Short\n"),
		"internal/d/d_test.go":             file("package d\n\nvar short = flag.Lookup(\"test.short\")\n"),
		"internal/e2e/process/run_test.go": file("package process\n\nfunc f() { if testing.Short() {} }\n"),
	}))
}

var (
	usesShort = regexp.MustCompile(`\btesting\s*\.\s*Short\b|\btest\.short\b`)
	usesRace  = regexp.MustCompile(`(?m)^//go:build .*\brace\b`)
)

// leftOut is what is other with -short or the race detector: tests, their packages,
// and files in which it cannot be told whose tests are.
type leftOut struct{ packages, tests, unknown []string }

// shortened looks through a module, but for the tests of the whole, which run without
// either besides.
func shortened(t *testing.T, module fs.FS) (all leftOut) {
	t.Helper()
	require.NoError(t, fs.WalkDir(module, ".", func(file string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(file, ".go") || strings.HasPrefix(file, "internal/e2e/") || file == "cmd/leadrelay/passes_test.go" {
			return err
		}
		text, err := fs.ReadFile(module, file)
		if err != nil || !mayBeShorter(text) || !usesShort.Match(text) && !usesRace.Match(text) {
			return err
		}
		tests, rest := testsWithShort(t, string(text))
		if !strings.HasSuffix(file, "_test.go") || rest {
			all.unknown = append(all.unknown, file)
			return nil
		}
		all.tests = append(all.tests, tests...)
		all.packages = append(all.packages, path.Dir(file))
		return nil
	}))
	slices.Sort(all.tests)
	slices.Sort(all.packages)
	all.packages = slices.Compact(all.packages)
	return all
}

// mayBeShorter is quicker than the patterns, which are slow with the race detector.
func mayBeShorter(text []byte) bool {
	return bytes.Contains(text, []byte("Short")) || bytes.Contains(text, []byte("test.short")) || bytes.Contains(text, []byte("//go:build"))
}

// testsWithShort returns the tests that make use of -short, or all where the file is
// none with the race detector. The rest is whether anything else does.
func testsWithShort(t *testing.T, text string) (tests []string, rest bool) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "", text, parser.SkipObjectResolution)
	require.NoError(t, err)
	outside := text
	for _, decl := range file.Decls {
		f, isFunc := decl.(*ast.FuncDecl)
		if !isFunc || f.Recv != nil || !strings.HasPrefix(f.Name.Name, "Test") {
			continue
		}
		body := text[f.Pos()-1 : f.End()-1]
		outside = strings.Replace(outside, body, "", 1)
		if usesRace.MatchString(text) || usesShort.MatchString(body) {
			tests = append(tests, f.Name.Name)
		}
	}
	return tests, usesShort.MatchString(outside)
}
