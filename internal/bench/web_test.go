package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOnlyWhatOurScriptsDoCounts(t *testing.T) {
	const script = "https://leads.example/widget.js"
	at := func(name string, at, took float64, url string) task {
		t := task{Name: name, At: at, Took: took, Computed: took / 2} // the rest it waited
		t.Args.Data.URL = url
		return t
	}
	all, longest := busy([]task{
		at("UpdateLayoutTree", 0, 900, ""),
		at("EvaluateScript", 1_000, 800, "https://casas.mx/site.js"),
		at("v8.parseOnBackground", 1_000, 30_000, script),
		at("EvaluateScript", 2_000, 6_000, script),
		at("v8.compile", 2_000, 500, script),
		at("FunctionCall", 3_000, 1_000, script), // within its first run
		at("FunctionCall", 9_000, 250, script),
		at("EvaluateScript", 12_000, 1_000, "https://leads.example/inquiry.0123456789abcdef.js"), // which the script loaded
	}, script)
	require.InDelta(t, 3.625, all, 1e-9)
	require.InDelta(t, 3, longest, 1e-9)
}
