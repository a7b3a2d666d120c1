// Package web holds what browsers get: page templates, style sheets and
// scripts, all in the binary.
package web

import "embed"

// Files are the templates and assets as they lie in this folder.
//
//go:embed static pages console demo fakebroker
var Files embed.FS
