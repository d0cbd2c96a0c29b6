package main

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/sttgate/sttgate/config/secret/secrettest"
	"github.com/sttgate/sttgate/meter/ledger/ledgertest"
	"github.com/sttgate/sttgate/proxy/fake"
)

// canaryWorld is everything that a gateway with every feature speaks to, each with a credential of its own.
type canaryWorld struct {
	t     *testing.T
	dir   string
	words map[string]string // what must not be found, by what it is
	redis *ledgertest.RedisServer
	file  string   // the config
	env   []string // that it refers to

	mu    sync.Mutex
	seen  map[string]string // credentials, by who was shown them
	heard map[string][]byte // bodies, by who was sent them
}

// The words that no line of a gateway may have: fake vendors answer the one, the audio is made of the other.
const (
	canarySaid  = "seconds heard"
	canaryAudio = "canaryaudio-0123456789-"
)

// newCanaryWorld opens the vendors, the services and the store, and writes the config.
func newCanaryWorld(t *testing.T) *canaryWorld {
	t.Helper()
	w := &canaryWorld{t: t, dir: t.TempDir(), words: map[string]string{"what was said": canarySaid, "audio": canaryAudio}, seen: map[string]string{}, heard: map[string][]byte{}}
	for _, name := range []string{"deepgram", "soniox", "speechmatics", "admin", "look", "peer", "tokens", "judge", "credits", "events", "redis", "client", "guess", "stray"} {
		w.words[name] = secrettest.Word(name) + `+/&<="%` // what JSON, URLs and quotes each write in another way
	}
	w.words["webhook"] = base64.StdEncoding.EncodeToString([]byte(secrettest.Word("hook")))
	w.redis = ledgertest.StartRedis(t, "--requirepass", w.words["redis"], "--rdbcompression", "no")
	w.config(w.serve(w.vendors()), w.serve(http.HandlerFunc(w.service)))
	return w
}

func (w *canaryWorld) serve(h http.Handler) string {
	s := httptest.NewServer(h)
	w.t.Cleanup(s.Close)
	return s.URL
}

// vendors are stand-ins that note which key they were shown.
func (w *canaryWorld) vendors() http.Handler {
	v := &vendors{by: map[string]standIn{
		"deepgram":     fake.NewDeepgram(fake.Options{Clock: vendorClock}.Patient(procHang)),
		"soniox":       fake.NewSoniox(fake.Options{Clock: vendorClock}.Patient(procHang)),
		"speechmatics": fake.NewSpeechmatics(fake.Options{Clock: vendorClock}.Patient(procHang)),
	}}
	w.t.Cleanup(func() {
		for _, one := range v.by {
			one.Close()
		}
	})
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.shown(pathOwner(r.URL.Path), r.Header.Get("Authorization")+" "+r.Header.Get("Sec-WebSocket-Protocol"))
		v.ServeHTTP(rw, r)
	})
}

func (w *canaryWorld) shown(who, credential string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen[who] += credential + "\n"
}

// told says whether somebody was sent a body with a word.
func (w *canaryWorld) told(who, word string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return bytes.Contains(w.heard[who], []byte(word))
}

// service is whom the gateway asks and tells: the classifier, the credits, the webhook, the receiver of events, the collector of traces.
func (w *canaryWorld) service(rw http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body) // what is cut off is looked at as far as it came
	if r.Header.Get("Content-Encoding") == "gzip" {
		if z, err := gzip.NewReader(bytes.NewReader(body)); err == nil {
			body, _ = io.ReadAll(z)
		}
	}
	who := strings.Split(r.URL.Path, "/")[1]
	w.shown(who, r.Header.Get("Authorization"))
	w.mu.Lock()
	w.heard[who] = append(append(w.heard[who], body...), '\n')
	w.mu.Unlock()
	switch who {
	case "judge":
		_, _ = io.WriteString(rw, `{"misuse_score":0.9,"usage_type":"prerecorded","confidence":0.5,"evidence":["one"],"reasoning":"two"}`)
	case "credits":
		_, _ = io.WriteString(rw, `{"exhausted":false}`)
	case "events":
		rw.WriteHeader(http.StatusServiceUnavailable) // so that they are in the outbox at the end
	case "v1":
		rw.Header().Set("Content-Type", "application/x-protobuf")
	}
}

// config writes the file. Secrets stand in it, in files beside it and in the environment.
func (w *canaryWorld) config(vendor, service string) {
	ws, beside := strings.Replace(vendor, "http", "ws", 1), w.put("tokens", w.words["tokens"]+"\n")
	w.env = []string{
		"CANARY_DEEPGRAM=" + w.words["deepgram"], "CANARY_HOOK=whsec_" + w.words["webhook"],
		"CANARY_REDIS=redis://:" + url.QueryEscape(w.words["redis"]) + "@" + w.redis.Addr() + "/0",
		"STTGATE_EVENTS_TOKEN=" + w.words["events"],
	}
	w.file = w.put("sttgate.yaml", fmt.Sprintf(`listen: 127.0.0.1:0
admin: {listen: 127.0.0.1:0, token: %q, read_token: %q, audit_file: %q}
providers:
  deepgram: {url: %[4]q, key: env:CANARY_DEEPGRAM}
  soniox: {url: %[4]q, realtime_url: %[5]q, key: %[6]q, charge: audio}
  speechmatics: {url: %[4]q, realtime_url: %[7]q, key: %[8]q}
identity: {peer_secret: %[9]q, tokens: {secret: "file:%[10]s"}}
ledger: {store: redis, path: %[11]q, slice: 1s, redis: {url: env:CANARY_REDIS, timeout: 5s}}
budgets: [{name: daily, providers: [deepgram], window: day, limit: 8s, on_connect: refuse}]
policy:
  check_interval: 1s
  caps: [{name: little, window: 24h, limit: 1s}]
  stages: {throttle: {enter_after: 32}, restrict: {enter_after: 32}}
  review:
    cooldown: 1s
    classifier: {type: http, url: "%[12]s/judge", key: %[13]q}
    credits: {type: http, url: "%[12]s/credits/{user}", key: %[14]q, timeout: 60s}
notify: {webhook: {url: "%[12]s/hook", secret: env:CANARY_HOOK}}
events: {file: %[15]q, url: "%[12]s/events", interval: 1s}
tracing: {otlp_endpoint: %[12]q}
limits: {dial_timeout: 1m, header_timeout: 1m}
drain: {grace: 100ms, hard: 1m}
log: {level: debug}
`, w.words["admin"], w.words["look"], filepath.Join(w.dir, "audit.jsonl"), vendor, ws+"/transcribe-websocket", w.words["soniox"], ws+"/v2", w.words["speechmatics"],
		w.words["peer"], beside, filepath.Join(w.dir, "ledger"), service, w.words["judge"], w.words["credits"], filepath.Join(w.dir, "events.jsonl")))
}

// put writes a file as a whole.
func (w *canaryWorld) put(name, text string) (path string) {
	w.t.Helper()
	path = filepath.Join(w.dir, name)
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		w.t.Fatal(err)
	}
	return path
}

// broken are files with a fault in the place of a secret, or beside one: each is refused, and what is said of it must not show the secret.
// Not among them is a secret behind env: or file:, which makes it a name: names are shown, or nobody could mend them.
func (w *canaryWorld) broken() map[string]string {
	w.t.Helper()
	good, err := os.ReadFile(w.file)
	if err != nil {
		w.t.Fatal(err)
	}
	stray, all := w.words["stray"], map[string]string{}
	for name, edit := range map[string][2]string{
		"a list":                 {"key: env:CANARY_DEEPGRAM", fmt.Sprintf("key: [%q, x]", stray)},
		"a mapping":              {"key: env:CANARY_DEEPGRAM", fmt.Sprintf("key: {%q: 1}", stray)},
		"a misspelt key":         {"key: env:CANARY_DEEPGRAM", fmt.Sprintf("kye: %q", stray)},
		"what no header carries": {"key: env:CANARY_DEEPGRAM", fmt.Sprintf("key: %q", stray+"\n"+stray)},
		"a quote that is open":   {"key: env:CANARY_DEEPGRAM", `key: "` + stray},
		"an anchor":              {"key: env:CANARY_DEEPGRAM", "key: *" + stray},
		"a tag":                  {"key: env:CANARY_DEEPGRAM", "key: !" + stray + " x"},
		"twice":                  {"key: env:CANARY_DEEPGRAM", fmt.Sprintf("key: %q, key: %q", stray, stray)},
		"too short":              {`secret: "file:`, fmt.Sprintf("secret: %q, issuer: \"", stray[:24])},
		"no webhook secret":      {"secret: env:CANARY_HOOK", fmt.Sprintf("secret: %q", stray)},
		"half a webhook secret":  {"secret: env:CANARY_HOOK", fmt.Sprintf("secret: %q", "whsec_"+stray)},
		"a password and no port": {"url: env:CANARY_REDIS", fmt.Sprintf("url: %q", "redis://:"+stray+"@127.0.0.1:no/0")},
		"a password raw":         {"url: env:CANARY_REDIS", fmt.Sprintf("url: %q", "redis://user:"+stray+"@[127.0.0.1")},
		"a password elsewhere":   {"otlp_endpoint: ", fmt.Sprintf("otlp_endpoint: %q, sample: ", "http://user:"+url.QueryEscape(stray)+"@127.0.0.1:4318")},
		"behind the end":         {"log: {level: debug}", "log: {level: debug}\n---\nadmin: {token: " + fmt.Sprintf("%q", stray) + "}"},
	} {
		if !bytes.Contains(good, []byte(edit[0])) {
			w.t.Fatalf("%s: the config has no %q", name, edit[0])
		}
		all[name] = strings.Replace(string(good), edit[0], edit[1], 1)
	}
	return all
}
