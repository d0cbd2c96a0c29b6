package conformance

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const sdkDir = "testdata/sdk"

// sdk is one way to use an official SDK.
type sdk struct {
	name    string // of its package
	mode    string // for readers: live, Flux, files …
	vendor  string
	driver  string // the script; "" for Deepgram's Go SDK
	job     string // what the driver does
	scenes  []scene
	without string          // names of scenes that it does not know, with a space around each
	want    map[string]want // by scene
}

// want is what has to come of a scene.
type want struct {
	sees     string // what the SDK's user sees, in order, repetitions left out
	connects int    // streams, uploads and refusals that the gateway saw
	log      string // its words for them
}

// sdks are the rows of the matrix.
func sdks() []sdk {
	live, files := scenes(), uploads()
	return []sdk{
		{"deepgram-go-sdk/v3", "live", "deepgram", "", "live", live, " minted ", deepgramGoLive()},
		{"deepgram-go-sdk/v3", "pre-recorded", "deepgram", "", "upload", files, " minted job fails ", deepgramGoFiles()},
		{"@deepgram/sdk", "live", "deepgram", "deepgram5.mjs", "live", live, "", deepgram5Live()},
		{"@deepgram/sdk", "Flux", "deepgram", "deepgram5.mjs", "flux", live, " dropped ", deepgram5Flux()},
		{"@deepgram/sdk", "pre-recorded", "deepgram", "deepgram5.mjs", "upload", files, " job fails ", deepgram5Files()},
		{"deepgram-sdk-4", "live", "deepgram", "deepgram4.mjs", "live", live, "", deepgram4Live()},
		{"deepgram-sdk-4", "pre-recorded", "deepgram", "deepgram4.mjs", "upload", files, " job fails ", deepgram4Files()},
		{"@soniox/node", "live", "soniox", "soniox.mjs", "live", live, " dropped closed ", sonioxNodeLive()},
		{"@soniox/node", "files", "soniox", "soniox.mjs", "upload", files, "", sonioxNodeFiles()},
		{"@soniox/client", "recording, `auto_reconnect`", "soniox", "sonioxclient.mjs", "live", live, " peer dropped closed ", sonioxClient()},
		{"@soniox/speech-to-text-web", "recording", "soniox", "sonioxweb.mjs", "live", live, " peer dropped closed ", sonioxWeb()},
		{"@speechmatics/real-time-client", "live", "speechmatics", "speechmatics.mjs", "live", live, " closed ", speechmaticsLive()},
		{"@speechmatics/batch-client", "jobs", "speechmatics", "speechmatics.mjs", "upload", files, " peer ", speechmaticsFiles()},
		{"speechmatics", "live", "speechmatics", "speechmatics4.mjs", "live", live, " minted closed ", speechmatics4Live()},
		{"speechmatics", "jobs", "speechmatics", "speechmatics4.mjs", "upload", files, " peer minted ", speechmatics4Files()},
	}
}

// knows reports whether a scene means something to the SDK.
func (s sdk) knows(sc scene) bool { return !strings.Contains(s.without, " "+sc.name+" ") }

// version is the one that the lock file, or go.mod, pins, with the package's real name.
func (s sdk) version(t *testing.T) (name, version string) {
	t.Helper()
	if s.driver == "" {
		mod, err := os.ReadFile("../../../go.mod")
		if err != nil {
			t.Fatal(err)
		}
		for l := range strings.Lines(string(mod)) {
			if path, v, ok := strings.Cut(strings.TrimSpace(l), " "); ok && strings.HasSuffix(path, s.name) {
				return "github.com/deepgram/" + s.name, strings.TrimPrefix(v, "v")
			}
		}
		t.Fatalf("%s is not in go.mod", s.name)
	}
	var lock struct {
		Packages map[string]struct{ Name, Version string }
	}
	b, err := os.ReadFile(filepath.Join(sdkDir, "package-lock.json"))
	if err == nil {
		err = json.Unmarshal(b, &lock)
	}
	p := lock.Packages["node_modules/"+s.name]
	if err != nil || p.Version == "" {
		t.Fatalf("%s is not in package-lock.json: %v", s.name, err)
	}
	if p.Name != "" { // an alias
		return p.Name, p.Version
	}
	return s.name, p.Version
}
