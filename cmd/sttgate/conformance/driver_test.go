package conformance

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// job is what a driver gets on its standard input.
type job struct {
	URL   string `json:"url"`   // the gateway's
	Key   string `json:"key"`   // for the SDK's credential slot
	User  string `json:"user"`  // to be named by this peer; "" where the key is a caller token
	Token bool   `json:"token"` // mint a temporary key and use it
	Mode  string `json:"mode"`
	Audio string `json:"audio"` // a file
	Rate  int    `json:"rate"`
	Chunk int    `json:"chunk"` // bytes of a frame
	Every int    `json:"every"` // ms between frames
}

// event is a line of a driver: what the SDK's user saw.
type event struct {
	Saw        string
	Name       string
	Code       any
	Status     any
	StatusCode any
	Type       string
	Message    string
	Reason     string
	Text       string
	Attempt    int
	Raw        []string // not compared, but searched
}

// String is an event as the table has it.
func (e event) String() string {
	words := []string{e.Saw}
	if e.Attempt > 0 {
		words = append(words, fmt.Sprint(e.Attempt))
	}
	for _, w := range []any{e.Name, e.Type, e.Code, e.Status, e.StatusCode} {
		if s := fmt.Sprint(w); w != nil && s != "" && s != words[len(words)-1] {
			words = append(words, s)
		}
	}
	for _, s := range []string{e.Message, e.Reason, e.Text} {
		if s = fmt.Sprintf("%q", plain(s)); s != `""` && s != words[len(words)-1] {
			words = append(words, s)
		}
	}
	return strings.Join(words, " ")
}

// plain leaves out what is another word in each run.
func plain(s string) string {
	for _, r := range []struct{ find, put string }{
		{`(?s)\{.*"err_msg":\s*"([^"]*)".*\}`, "{… $1 …}"}, // a whole body in an SDK's message
		{`\s+`, " "},
		{`\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b`, "ID"},
		{`comes back in [0-9dhms.]+`, "comes back in TIME"},
		{`127\.0\.0\.1:\d+`, "GATEWAY"},
		{`\bu-[0-9a-z-]+\b`, "USER"},
	} {
		s = regexp.MustCompile(r.find).ReplaceAllString(s, r.put)
	}
	return s
}

// drive starts the SDK's program.
func drive(t *testing.T, s sdk, j job) *process {
	t.Helper()
	cmd := exec.Command("node", s.driver) //nolint:noctx // ends ends it
	cmd.Dir = sdkDir
	// The SDKs read the environment; this machine's is not part of the test.
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}
	if s.driver == "" {
		self, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		cmd = exec.Command(self) //nolint:noctx // as above
		cmd.Env = []string{asDriver + "=1", "HOME=" + t.TempDir()}
	}
	in, err := json.Marshal(j)
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdin = bytes.NewReader(in)
	p, err := launch(cmd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.kill()
		p.wait()
		if t.Failed() {
			out, errs, _ := p.said()
			t.Logf("driver:\n%s\n%s", out, errs)
		}
	})
	return p
}

// ends waits for the program to end by itself; hung says that it does not.
func ends(p *process) (code int, hung bool) {
	done := make(chan int, 1)
	go func() { done <- p.wait() }()
	ctx, cancel := context.WithTimeout(context.Background(), guard)
	defer cancel()
	select {
	case code = <-done:
		return code, false
	case <-ctx.Done():
		p.kill()
		return <-done, true
	}
}

// events is what a driver told.
func events(out []byte) ([]event, error) {
	var all []event
	for l := range bytes.Lines(out) {
		var e event
		if err := json.Unmarshal(l, &e); err != nil {
			return nil, fmt.Errorf("driver: %w: %s", err, l)
		}
		all = append(all, e)
	}
	return all, nil
}

// chance is what of a run is another in each, though nothing is wrong.
type chance struct {
	// lost says that even the first results may have been destroyed on their way.
	lost bool
	// late says that the first results may come behind the gateway's word that audio is dropped: it is
	// said while the vendor still works on what was forwarded. They are told as if they came before.
	late bool
}

// seen is what the user saw, in order; what comes many times is said once. How many results
// come, and which of them before an error, is chance.
func seen(all []event, c chance) string {
	results := []string{"Results", "TurnInfo", "result", "AudioAdded", "AddTranscript"}
	var out []string
	for _, e := range all {
		s := e.String()
		last := len(out) - 1
		switch result := slices.Contains(results, s); {
		case result && (c.lost || slices.Contains(out, s)):
		case last >= 0 && out[last] == s:
		case result && c.late && last >= 0 && strings.Contains(out[last], "budget daily of user"):
			out = slices.Insert(out, last, s)
		default:
			out = append(out, s)
		}
	}
	return strings.Join(out, " → ")
}
