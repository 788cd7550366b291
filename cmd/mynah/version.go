package main

import (
	"runtime"
	"runtime/debug"
)

// version is set by make build; otherwise it is what go install knows.
var version string

type versionCmd struct{}

type versionLine struct {
	Version  string `json:"version"`
	Commit   string `json:"commit,omitempty"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

// Run prints what the program was built from.
func (versionCmd) Run(o *output) error {
	v := versionLine{Version: "unknown", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	if info, ok := debug.ReadBuildInfo(); ok {
		v.Version = info.Main.Version
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				v.Commit = s.Value
			}
		}
	}
	if version != "" {
		v.Version = version
	}
	return o.result(v, "mynah %s (%s, %s)", v.Version, v.Go, v.Platform)
}
