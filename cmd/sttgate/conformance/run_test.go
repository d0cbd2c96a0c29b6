package conformance

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sttgate/sttgate/config/secret/secrettest"
)

// run is one SDK in one scene, with a gateway and a vendor of its own.
type run struct {
	t *testing.T
	sdk
	scene
	material
	secrets
	user    string
	vendor  *vendor
	till    *vendor // a Deepgram where the budget is spent beforehand
	gateway *gateway
	skip    int // uploads that the vendor heard before the SDK came
}

// outcome is what came of it.
type outcome struct {
	sees     string
	hung     bool
	connects int
	log      []string
	charged  int64
	bytes    int64 // that the vendor heard
	ms       int64
	sums     []string
	audio    int64 // ms that the gateway counted as forwarded
}

// play runs it.
func (r *run) play() outcome {
	t := r.t
	r.secrets, r.user = newSecrets(), "u-"+strings.ToLower(strings.NewReplacer(" ", "-", "/", "-").Replace(r.scene.name))
	r.mintCaller()
	stall := int64(0)
	if r.vanishes && r.job == "upload" {
		stall = 64 << 10
	}
	r.vendor = newVendor(r.sdk.vendor, r.trouble[r.sdk.vendor], stall)
	t.Cleanup(r.vendor.close)
	addresses := map[string]string{r.sdk.vendor: r.vendor.server.URL}
	if r.spent && r.sdk.vendor != "deepgram" {
		r.till = newVendor("deepgram", trouble{}, 0)
		t.Cleanup(r.till.close)
		addresses["deepgram"] = r.till.server.URL
	}
	r.gateway = serve(t, addresses, r.secrets, r.config())
	if r.spent {
		r.gateway.spend(r.user, r.limit)
		r.skip = len(r.vendor.Uploads())
	}
	return r.session()
}

// config is the budget.
func (r *run) config() string {
	limit, exhausted := r.limit, r.exhausted
	if limit == 0 {
		limit = time.Hour
	}
	if exhausted == "" {
		exhausted = "auto"
	}
	return fmt.Sprintf("budgets: [{name: daily, window: 168h, limit: %s, on_exhausted: %s}]\n", limit, exhausted)
}

// mintCaller makes the caller token with the program's own command.
func (r *run) mintCaller() {
	cmd := exec.Command(*gatewayFile, "token", "mint", "--user", r.user, "--ttl", "1h") //nolint:noctx // it ends by itself
	cmd.Env = []string{"STTGATE_IDENTITY_TOKENS_SECRET=" + r.tokenSecret}
	out, err := cmd.Output()
	if err != nil {
		r.t.Fatalf("mint a caller token: %v", err)
	}
	r.callerToken = strings.TrimSpace(string(out))
}

// session is the SDK's life, and the books behind it.
func (r *run) session() outcome {
	t, g := r.t, r.gateway
	before := len(connects(g.await("speak", func([]line) bool { return true })))
	d := drive(t, r.sdk, r.order())
	if r.vanishes {
		r.untilMiddle()
		d.kill()
		r.vendor.resume()
	}
	var o outcome
	var code int
	if code, o.hung = ends(d); code > 0 {
		t.Errorf("the SDK's program ends with code %d", code)
	}
	g.await("settle what the SDK began", func(all []line) bool {
		return len(connects(all)) > before && len(named(all, "stream started", "upload started")) == len(named(all, "stream ended", "upload ended"))
	})
	out, errs, _ := d.said()
	told, err := events(out)
	if err != nil {
		t.Fatal(err)
	}
	o.bytes, o.ms, o.sums = r.vendor.heard(r.skip)
	used := g.used(r.user) - r.paidBefore()
	g.look()
	g.stop()
	all := g.log() // whole only now: the SDK knows of its last refusal before the line of it is read
	o.connects = len(connects(all)) - before
	for _, l := range all {
		r.count(&o, l)
	}
	// A stream that is ok goes on behind its budget's end.
	if o.sees = seen(told, chance{lost: r.money == forwarded, late: r.money == budget && counted(o.log) == "stream ok"}); r.vanishes {
		o.sees = "" // it is killed at any moment
	}
	if used != o.charged {
		t.Errorf("the log says that %d ms were charged, the ledger %d", o.charged, used)
	}
	r.scan(out, errs)
	return o
}

// order is the driver's job.
func (r *run) order() job {
	j := job{
		URL: "http://" + r.gateway.data, Key: r.callerToken, Token: r.mints, Mode: r.job, Audio: r.talkFile,
		Rate: rate, Chunk: frameBytes, Every: 4,
	}
	if r.money == whole {
		j.Audio = r.rawFile
	}
	if r.named {
		j.Key, j.User = r.clientKey, r.user
	}
	if r.job == "upload" {
		j.Audio = r.wavFile
	}
	if r.vanishes {
		j.Every = 20
		if r.job == "upload" {
			j.Audio = r.longFile
		}
	}
	return j
}

// untilMiddle waits until the vendor has heard a part.
func (r *run) untilMiddle() {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), guard)
	defer cancel()
	if r.job == "upload" {
		select {
		case <-r.vendor.stuck:
		case <-ctx.Done():
			r.t.Fatal("the vendor hears nothing of the upload")
		}
		return
	}
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	for {
		if _, ms, _ := r.vendor.heard(0); ms >= 500 {
			return
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			r.t.Fatal("the vendor hears nothing of the stream")
		}
	}
}

// connects are the lines of what clients began, or were refused.
func connects(all []line) []line {
	return named(all, "stream started", "upload started", "refused")
}

// paidBefore is what was spent before the SDK came.
func (r *run) paidBefore() int64 {
	if r.spent {
		return r.limit.Milliseconds()
	}
	return 0
}

// count enters a line of the log.
func (r *run) count(o *outcome, l line) {
	switch l.Msg {
	case "stream ended", "upload ended", "job settled", "refused":
	default:
		return
	}
	if r.spent && l.Msg == "upload ended" && l.Result == "ok" && l.Provider == "deepgram" && l.Charged == r.limit.Milliseconds() {
		return // what was spent beforehand
	}
	word := strings.TrimSpace(strings.TrimSuffix(l.Msg, " ended") + " " + l.Result)
	o.log = append(o.log, word)
	o.charged += l.Charged
	o.audio += l.Audio
}

// counted joins words; those that follow themselves are counted.
// Refusals come last: the line of a stream's end may be written behind that of the next attempt.
func counted(words []string) string {
	words = slices.Clone(words)
	slices.SortStableFunc(words, func(a, b string) int {
		return strings.Index(a, "refused ") - strings.Index(b, "refused ")
	})
	var out []string
	for i := 0; i < len(words); {
		n := 1
		for i+n < len(words) && words[i+n] == words[i] {
			n++
		}
		w := words[i]
		if n > 1 {
			w = fmt.Sprintf("%s ×%d", w, n)
		}
		out, i = append(out, w), i+n
	}
	return strings.Join(out, ", ")
}

// scan looks for credentials where none may be, and at the vendor for those of others.
func (r *run) scan(out, errs []byte) {
	gout, gerrs, _ := r.gateway.said()
	surfaces := append([]surface{
		{"the gateway's standard output", gout}, {"the gateway's log", gerrs}, {"what the SDK's user sees", out}, {"the SDK's own log", errs},
	}, r.gateway.answers...)
	found := r.find(surfaces)
	for _, v := range []*vendor{r.vendor, r.till} {
		if v == nil {
			continue
		}
		asked := []byte(strings.Join(v.asked(), "\n"))
		var texts []string
		for _, s := range v.Streams() {
			for _, e := range s.Record().Events {
				texts = append(texts, e.Text)
			}
		}
		found = append(found, r.find([]surface{{"what the vendor was asked", asked}, {"what the vendor was told", []byte(strings.Join(texts, "\n"))}}, "the vendor's key")...)
		if len(asked) > 0 && !secrettest.Shows(asked, r.vendorKey) {
			r.t.Error("the vendor was not shown the gateway's own key: the scan sees nothing")
		}
	}
	for _, f := range found {
		r.t.Errorf("a credential shows: %s", f)
	}
}

// check holds the money and the bytes against each other.
func (r *run) check(o outcome) {
	t := r.t
	sent := r.talk
	if r.job == "upload" {
		sent = r.wav
	}
	identical := func(n int64) {
		sum := sha256.Sum256(sent[:n])
		if !slices.Equal(o.sums, []string{hex.EncodeToString(sum[:])}) {
			t.Errorf("the vendor did not hear the first %d bytes as they were sent: %d bytes, %v", n, o.bytes, o.sums)
		}
	}
	want := func(what string, got, want int64) {
		if got != want {
			t.Errorf("%s: %d ms, want %d", what, got, want)
		}
	}
	switch r.money {
	case whole:
		want("charged", o.charged, sessionMS)
		if r.job != "upload" {
			sent = r.raw
		}
		identical(int64(len(sent)))
	case nothing:
		want("charged", o.charged, 0)
		want("heard", o.bytes, 0)
	case budget:
		want("charged", o.charged, r.limit.Milliseconds())
		want("heard", o.ms, r.limit.Milliseconds())
	case asHeard:
		want("charged", o.charged, o.ms)
		want("forwarded", o.audio, o.ms)
		if o.ms == 0 {
			t.Error("nothing was heard")
		}
	case forwarded:
		want("charged", o.charged, o.audio)
		if o.ms == 0 || o.ms > o.audio {
			t.Errorf("heard %d ms of %d forwarded", o.ms, o.audio)
		}
	case inTime:
		want("charged", o.charged, o.audio)
		if o.audio > talkMS/2 {
			t.Errorf("%d ms were forwarded to a vendor that had refused", o.audio)
		}
	case free:
		want("charged", o.charged, 0)
	case answered:
		paid := int64(0)
		if strings.Contains(o.sees, "transcript") {
			paid = sessionMS
		}
		want("charged", o.charged, paid)
	}
	if slices.Contains([]money{budget, asHeard, forwarded}, r.money) && len(o.sums) == 1 && r.job != "upload" {
		identical(o.bytes)
	}
}
