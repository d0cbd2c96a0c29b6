package main

import (
	"context"
	"encoding/json"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// build says which program this is.
type build struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"`
	Modified bool   `json:"modified,omitempty"`
	Built    string `json:"commit_time,omitempty"` // RFC 3339
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

// thisBuild prefers what the linker was told, then the module's version, which
// `go install module@v1` sets, then "devel".
func thisBuild() build {
	b := build{Version: version, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = &debug.BuildInfo{}
	}
	if b.Version == "" {
		b.Version = info.Main.Version
	}
	if b.Version == "" || b.Version == "(devel)" {
		b.Version = "devel"
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Revision = s.Value
		case "vcs.time":
			b.Built = s.Value
		case "vcs.modified":
			b.Modified = s.Value == "true"
		}
	}
	return b
}

func (p *program) versionCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:     "version",
		Short:   "Print which build this is",
		Example: "  sttgate version\n  sttgate version --json",
		Args:    cobra.NoArgs,
		RunE: body(func(context.Context, []string) error {
			b := thisBuild()
			if asJSON {
				return p.printJSON(b)
			}
			rev := b.Revision
			if rev != "" {
				rev = " (" + rev[:min(len(rev), 12)] + ")"
			}
			return p.print("sttgate %s%s %s %s\n", b.Version, rev, b.Go, b.Platform)
		}),
	}
	jsonFlag(c, &asJSON)
	return c
}

// jsonFlag adds --json.
func jsonFlag(c *cobra.Command, to *bool) {
	c.Flags().BoolVar(to, "json", false, "print JSON, for programs")
}

// printJSON writes one indented document to stdout.
func (p *program) printJSON(v any) error {
	e := json.NewEncoder(p.stdout)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
