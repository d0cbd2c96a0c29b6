package main

import (
	"regexp"
	"strings"
	"testing"
)

// TestTheLinesForSDKsAreThoseThatTheirRunsUse holds the lines of docs/sidecar.md that people copy against the programs that drive the official SDKs
// through the gateway (conformance): every option that the page names is one that they set.
func TestTheLinesForSDKsAreThoseThatTheirRunsUse(t *testing.T) {
	t.Parallel()
	page := readPage(t, "docs/sidecar.md")
	option := regexp.MustCompile(`\b([A-Za-z_]+):(?:[^/]|$)|\{ ([a-z]+) \}|new ([A-Za-z]+)\(`)
	for row, driver := range map[string]string{
		"JavaScript 5":                     "deepgram5.mjs",
		"JavaScript 3, 4":                  "deepgram4.mjs",
		"`@soniox/client`":                 "sonioxclient.mjs",
		"`@soniox/speech-to-text-web`":     "sonioxweb.mjs",
		"`@speechmatics/batch-client`":     "speechmatics.mjs",
		"`@speechmatics/auth`":             "speechmatics.mjs",
		"npm `speechmatics`":               "speechmatics4.mjs",
		"new SonioxNodeClient({\n":         "soniox.mjs",
		"new RealtimeClient({ url: `ws://": "speechmatics.mjs",
	} {
		_, line, found := strings.Cut(page, "\n| "+row+" | ")
		if found {
			line, _, _ = strings.Cut(line, " | ")
		} else {
			for _, b := range blocksOf(t, "docs/sidecar.md") {
				if b.lang == "js" && strings.Contains(b.text, row) {
					line, found = b.text, true
				}
			}
		}
		if !found {
			t.Errorf("docs/sidecar.md has no line for %s", row)
			continue
		}
		program, options := readPage(t, "cmd/sttgate/conformance/testdata/sdk/"+driver), 0
		for _, m := range option.FindAllStringSubmatch(line, -1) {
			for _, name := range m[1:] {
				if name == "" {
					continue
				}
				options++
				if !regexp.MustCompile(`\b` + name + `\b`).MatchString(program) {
					t.Errorf("%s: %s of %q is nothing that %s sets", row, name, line, driver)
				}
			}
		}
		if options == 0 {
			t.Errorf("%s: no option was found in %q", row, line)
		}
	}
}
