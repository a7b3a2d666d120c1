// Package web has what browsers get: page templates, style sheets and scripts, all
// embedded in the binary.
package web

import "embed"

// Files are the templates and assets in this folder.
//
//go:embed static pages console demo fakebroker
var Files embed.FS
