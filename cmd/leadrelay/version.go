package main

import (
	"encoding/json"
	"runtime"
	"runtime/debug"
)

// release is set by the build: -X main.release=v1.2.3.
var release string

func version() string {
	if release != "" {
		return release
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "dev"
}

type versionCmd struct {
	JSON bool `name:"json" help:"Print JSON."`
}

// Run prints the version and how it was built.
func (c versionCmd) Run(p *program) error {
	if c.JSON {
		return json.NewEncoder(p.stdout).Encode(map[string]string{
			"version": version(), "go": runtime.Version(), "os": runtime.GOOS, "arch": runtime.GOARCH,
		})
	}
	p.printf("leadrelay %s (%s, %s/%s)\n", version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return nil
}
