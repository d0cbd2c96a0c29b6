package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/sttgate/sttgate/config/secret/secrettest"
)

// TestNothingThatAProcessWritesHoldsASecret runs one gateway with every feature, in which every secret is a word that occurs nowhere else,
// through everything that makes it write: streams, uploads, refusals, wrong tokens, reloads of broken files whose fault is the secret, calls of
// operators. Then it looks for each word, in every form, in everything that was written: the log, answers, metrics, files, the store, what was
// sent to others. What was said and heard is a word, too.
func TestNothingThatAProcessWritesHoldsASecret(t *testing.T) {
	t.Parallel()
	w := newCanaryWorld(t)
	d := startCanary(w)
	d.speaks()
	d.isRefused()
	d.operates()
	d.reloadsWhatIsBroken()
	d.stop()
	surfaces := d.surfaces()
	w.isNotBlind(surfaces)
	for _, found := range secrettest.Find(surfaces, w.words) {
		t.Errorf("a secret shows in %s", found)
	}
	for _, s := range surfaces {
		if secrettest.Token(s.Text) {
			t.Errorf("a caller token shows in %s", s.Name)
		}
	}
}

// surfaces are all that was written.
func (d *canaryDriver) surfaces() []secrettest.Surface {
	w := d.w
	w.mu.Lock()
	defer w.mu.Unlock()
	all := append(slices.Clone(d.answers), secrettest.Surface{Name: "stdout", Text: []byte(d.out.String())}, secrettest.Surface{Name: "the log", Text: []byte(d.errs.String())})
	for who, body := range w.heard {
		all = append(all, secrettest.Surface{Name: "what was sent to " + who, Text: body})
	}
	err := filepath.WalkDir(w.dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || path == w.file || path == d.speech || e.Name() == "tokens" {
			return err
		}
		text, err := os.ReadFile(path)
		name, _ := filepath.Rel(w.dir, path) // it was found there
		all = append(all, secrettest.Surface{Name: name, Text: text})
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return append(all, d.stored())
}

// isNotBlind shows that a scan of these surfaces would have found something: the secrets were in use, each surface has what it is for, and
// every word is found in every form that is planted there.
func (w *canaryWorld) isNotBlind(surfaces []secrettest.Surface) {
	w.t.Helper()
	for who, word := range map[string]string{
		"deepgram": "deepgram", "speechmatics": "speechmatics", "judge": "judge", "credits": "credits", "events": "events",
	} {
		if !strings.Contains(w.seen[who], w.words[word]) {
			w.t.Errorf("%s was shown %q, and never its key", who, w.seen[who])
		}
	}
	text := map[string]string{}
	for _, s := range surfaces {
		text[s.Name] += string(s.Text)
	}
	for name, has := range map[string][]string{
		"the log":               {`"stream ended"`, `"upload ended"`, `"refused"`, `"audit"`, `"config refused; the old one stays in force"`, `"msg":"stopped"`},
		"audit.jsonl":           {`"what":"config.reload","result":"refused"`, `"what":"user.stage"`, `"what":"token.mint"`},
		"events.jsonl":          {"dev.sttgate.usage.end.v1", "dev.sttgate.usage.refusal.v1"},
		"ledger/outbox.db":      {"ann"},
		"what redis has":        {"ann", "daily"},
		"what was sent to v1":   {"deepgram stream", "lease", "settle", "review"},
		"what was sent to hook": {"ann"}, "what was sent to judge": {"ann"}, "what was sent to events": {"dev.sttgate"},
		"GET /metrics":         {"sttgate_streams_total"},
		"GET /admin/v1/config": {`"key":"providers.deepgram.key","value":"***"`},
		"sttgate check":        {"***"},
		"sttgate check: twice": {"key"},
	} {
		for _, word := range has {
			if !strings.Contains(text[name], word) {
				w.t.Errorf("%s has no %s: there is nothing to be scanned\n%.2000s", name, word, text[name])
			}
		}
	}
	for name, word := range w.words {
		for form, write := range secrettest.Forms() {
			planted := []secrettest.Surface{{Name: "planted", Text: fmt.Appendf(nil, `{"msg":"x","error":"%s"}`, write(word))}}
			if found := secrettest.Find(planted, w.words); !slices.Contains(found, "planted: "+name) {
				w.t.Errorf("%s, %s: is not found where it is", name, form)
			}
		}
	}
}

// reloadsWhatIsBroken gives the gateway each broken file in every way there is, and sttgate check with it.
func (d *canaryDriver) reloadsWhatIsBroken() {
	w := d.w
	good, err := os.ReadFile(w.file)
	if err != nil {
		w.t.Fatal(err)
	}
	for name, text := range w.broken() {
		d.admin(http.MethodPost, "/admin/v1/config/validate", w.words["admin"], text, http.StatusOK)
		w.put("sttgate.yaml", text)
		d.admin(http.MethodPost, "/admin/v1/config/reload", w.words["admin"], "", http.StatusUnprocessableEntity)
		d.cli("sttgate check: "+name, 1, "check", "--config", w.file)
		if name == "twice" {
			d.cli("sttgate check --json: "+name, 1, "check", "--json", "--config", w.file)
			d.signal(syscall.SIGHUP)
		}
	}
	d.admin(http.MethodGet, "/admin/v1/overview", w.words["look"], "", http.StatusOK)
	d.admin(http.MethodGet, "/admin/v1/config", w.words["look"], "", http.StatusOK)
	w.put("sttgate.yaml", string(good)+"# another\n")
	d.admin(http.MethodPost, "/admin/v1/config/reload", w.words["admin"], "", http.StatusOK)
	// A secret that is another one is a change, and no more is said of it.
	w.put("sttgate.yaml", string(bytes.ReplaceAll(good, []byte("key: env:CANARY_DEEPGRAM"), fmt.Appendf(nil, "key: %q", w.words["stray"]))))
	d.admin(http.MethodPost, "/admin/v1/config/reload", w.words["admin"], "", http.StatusOK)
	d.cli("sttgate check", 0, "check", "--config", w.file)
	d.cli("sttgate check --json", 0, "check", "--json", "--config", w.file)
}
