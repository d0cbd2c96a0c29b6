package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// stage is where the lines of a page are played: a directory of its own, vendors that are not real, and a gateway before
// them, or the addresses of one that the page starts by itself.
type stage struct {
	t       *testing.T
	dir     string
	gate    string            // where clients connect
	admin   string            // and operators
	vendors *vendors          // behind it
	fake    string            // where a page's own vendors listen
	env     map[string]string // of the lines
	words   []string          // what a reader's machine has and what it is here: pairs
	names   map[string]string // what stands for a name of the reader's, in capitals, and which it is here
}

// stageRules are the config of a stage's gateway.
const stageRules = `budgets:
  - {name: deepgram-daily, providers: [deepgram], stages: [restrict], window: day, limit: 30m}
identity: {tokens: {secret: "0123456789abcdef0123456789abcdef"}}
`

// newStage has no gateway.
func newStage(t *testing.T) *stage {
	t.Helper()
	v, err := startVendors(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = v.stop() }) // nobody asks what they heard
	return (&stage{t: t, gate: reserve(t), admin: reserve(t), vendors: v}).furnish(v.environ())
}

// newStageWith has one, with rules as its config file.
func newStageWith(t *testing.T, rules string) *stage {
	t.Helper()
	h := newHouse(t, rules)
	s := (&stage{t: t, gate: h.gateway.DataAddr(), admin: h.gateway.AdminAddr(), vendors: h.vendors}).furnish(h.environ())
	if err := os.Symlink(filepath.Join(h.dir, "sttgate.yaml"), filepath.Join(s.dir, "gate.yaml")); err != nil {
		t.Fatal(err)
	}
	return s
}

// furnish puts there what the pages take for granted: the program where make build leaves it, a recording, a key of the vendor's.
func (s *stage) furnish(environ []string) *stage {
	s.t.Helper()
	s.dir, s.fake = s.t.TempDir(), reserve(s.t)
	program, err := exec.LookPath("sttgate")
	if err != nil {
		s.t.Fatal(err)
	}
	for _, dir := range []string{"bin", "run/secrets", "var/lib/sttgate"} {
		if err := os.MkdirAll(filepath.Join(s.dir, dir), 0o700); err != nil {
			s.t.Fatal(err)
		}
	}
	if err := os.Symlink(program, filepath.Join(s.dir, "bin/sttgate")); err != nil {
		s.t.Fatal(err)
	}
	meter, err := filepath.Abs(filepath.Join(repository, "meter"))
	if err != nil {
		s.t.Fatal(err)
	}
	if err := os.Symlink(meter, filepath.Join(s.dir, "meter")); err != nil {
		s.t.Fatal(err)
	}
	s.put("talk.wav", string(wave(6)))
	s.put("run/secrets/deepgram", "deepgram-key\n")
	s.put(".curlrc", "silent\nshow-error\nfail-with-body\n") // an answer of 4xx or 5xx is a failure of the line
	s.env = map[string]string{"PATH": os.Getenv("PATH"), "HOME": s.dir, "DEEPGRAM_API_KEY": "deepgram-key", "TMPDIR": s.dir}
	for _, e := range environ {
		name, value, _ := strings.Cut(e, "=")
		s.env[name] = value
	}
	s.env["STTGATE_LISTEN"], s.env["STTGATE_ADMIN_LISTEN"] = s.gate, s.admin
	s.env["STTGATE_IDENTITY_TOKENS_SECRET"] = "0123456789abcdef0123456789abcdef"
	// What a reader's machine has at the documented addresses. Everything else of a line is run as it is written.
	s.words = []string{
		"127.0.0.1:8080", s.gate, "127.0.0.1:9090", s.admin, "localhost:9090", s.admin,
		"http://127.0.0.1:8089", s.vendors.url(), "https://api.deepgram.com", s.vendors.url(),
		"/var/lib/sttgate", filepath.Join(s.dir, "var/lib/sttgate"), "/run/secrets", filepath.Join(s.dir, "run/secrets"),
		"go run ./cmd/sttgate", "sttgate",
		"sttgate send ", "sttgate send --speed 20 --url ws://" + s.gate + " ",
		"sttgate fake", "sttgate fake --listen " + s.fake,
	}
	return s
}

func (s *stage) put(name, text string) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// script is what a shell is given of a page: parts, each with an output of its own.
type script struct {
	parts []string
	names []string // where each part is from
}

func (s *script) add(from, text string) {
	s.parts, s.names = append(s.parts, text), append(s.names, from)
}

// prologue makes a line that fails the end of all. What the lines have left running ends with the shell.
const prologue = `set -Eeuo pipefail
trap 'echo "exit $?: $BASH_COMMAND"' ERR
trap 'for j in $(jobs -p); do kill $j; kill -CONT $j; done 2>/dev/null; wait' EXIT
ready() {
	while ! curl "$1" >ready 2>&1; do
		kill -0 $!
		sleep 0.05
	done
}
`

// stays matches what runs until it is ended: it is left in the background, and a gateway is waited for.
var stays = regexp.MustCompile(`^(?:[A-Z_]+=\S* )*(?:bin/)?sttgate (serve|fake)\b[^#]*`)

// capitals are words that may stand for a name; those of variables have a $ before them, or a line below.
var capitals = regexp.MustCompile(`\b[A-Z]{2,}\b`)

// asRun is a line as it is run here. fails are what lines that begin so are expected to end with.
func (s *stage) asRun(line string, fails map[string]int) string {
	run := capitals.ReplaceAllStringFunc(strings.NewReplacer(s.words...).Replace(line), func(w string) string { return cmp.Or(s.names[w], w) })
	if m := stays.FindStringSubmatch(line); m != nil {
		run = stays.FindString(run) + "&"
		return run + "\nready " + map[string]string{"serve": "http://" + s.admin + "/readyz", "fake": "http://" + s.fake + "/fake/totals"}[m[1]]
	}
	for begins, code := range fails {
		if strings.HasPrefix(line, begins) {
			return fmt.Sprintf("got=0; { %s\n} || got=$?; [ $got = %d ]", run, code)
		}
	}
	return run
}

// play runs a script and returns the output of each part. One that fails ends the test with what it said.
func (s *stage) play(what script) (out []string) {
	s.t.Helper()
	var text strings.Builder
	text.WriteString(prologue)
	dir := s.t.TempDir()
	for i, part := range what.parts {
		fmt.Fprintf(&text, "exec >%q 2>&1\n%s\n", filepath.Join(dir, strconv.Itoa(i)), part)
	}
	ctx, cancel := context.WithTimeout(s.t.Context(), 2*procHang)
	defer cancel()
	c := exec.CommandContext(ctx, "bash", "-c", text.String())
	c.Dir = s.dir
	for _, name := range slices.Sorted(maps.Keys(s.env)) {
		c.Env = append(c.Env, name+"="+s.env[name])
	}
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // what the shell has begun ends with it
	c.Cancel = func() error { return syscall.Kill(-c.Process.Pid, syscall.SIGKILL) }
	var said bytes.Buffer
	c.Stdout, c.Stderr = &said, &said
	err := c.Run()
	for i := range what.parts {
		b, missing := os.ReadFile(filepath.Join(dir, strconv.Itoa(i)))
		if missing != nil {
			break // the one before has failed
		}
		out = append(out, string(b))
	}
	if err != nil {
		last := len(out) - 1
		s.t.Fatalf("%s does not do what it says: %v\n%s%s\nthis was run:\n%s", what.names[last], err, out[last], said.String(), what.parts[last])
	}
	return out
}

// speaks lets a user speak, at the pace of a person, until the stream ends or the test does, and returns the stream's id.
func (s *stage) speaks(user string) string {
	s.t.Helper()
	c, resp, err := websocket.DefaultDialer.DialContext(s.t.Context(), "ws://"+s.gate+"/v1/listen?encoding=linear16&sample_rate=16000", http.Header{userHeader: {user}, "Authorization": {"Token " + placeholder}})
	if err != nil {
		s.t.Fatalf("connect: %v %v", err, resp)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		pace := time.NewTicker(100 * time.Millisecond)
		defer pace.Stop()
		for c.WriteMessage(websocket.BinaryMessage, make([]byte, 3200)) == nil {
			<-pace.C
		}
	}()
	heard := make(chan struct{})
	go func() {
		defer close(heard)
		for {
			if _, _, err := c.ReadMessage(); err != nil {
				return
			}
		}
	}()
	s.t.Cleanup(func() {
		_ = c.Close()
		<-done
		<-heard
	})
	look := time.NewTicker(10 * time.Millisecond) // the client hears of the upgrade a moment before operators do
	defer look.Stop()
	for end := time.Now().Add(procHang); time.Now().Before(end); <-look.C {
		var all struct {
			Streams []struct{ ID string }
		}
		(&process{t: s.t, admin: s.admin}).call(http.MethodGet, "/admin/v1/streams?user="+user, "", &all)
		if len(all.Streams) == 1 {
			return all.Streams[0].ID
		}
	}
	s.t.Fatalf("%s does not speak", user)
	return ""
}

// wave is a WAV file of the recording, n times over.
func wave(n int) []byte {
	samples := strings.Repeat(speech, n)
	var b bytes.Buffer
	b.WriteString("RIFF")
	le := func(v any) { _ = binary.Write(&b, binary.LittleEndian, v) } // a buffer takes all
	le(uint32(36 + len(samples)))
	b.WriteString("WAVEfmt ")
	for _, v := range []any{uint32(16), uint16(waveMulaw), uint16(1), uint32(8000), uint32(8000), uint16(1), uint16(8)} {
		le(v)
	}
	b.WriteString("data")
	le(uint32(len(samples)))
	b.WriteString(samples)
	return b.Bytes()
}
