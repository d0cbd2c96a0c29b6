package chart

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// What the example is for, without a cluster: its gateway's container as it is rendered, beside a backend that has the
// environment that is rendered and uses Deepgram's own SDK. Only the ports, the vendor's address and the cluster's Secrets are the test's.
func TestTheSidecarServesABackendWithAnOfficialSDK(t *testing.T) {
	vendor := startVendor(t)
	p := examplePod(t, vendor.url, map[string]map[string]string{"sttgate": {"deepgram": vendorKey, "redis-url": startRedis(t)}})
	gate := create(t, p, "sttgate")
	gate.start()
	app := startApp(t, p)

	const seconds = 3
	if got, want := app.transcribe(t, "ann", bytes.NewReader(make([]byte, seconds*bytesPerSecond))), "3.0 seconds heard"; !strings.HasSuffix(got, want) {
		t.Errorf("the backend's user gets %q, wanted %q", got, want)
	}
	if got := vendor.credentials(); len(got) != 1 || got[0] != "Token "+vendorKey {
		t.Errorf("the vendor is shown %q: wanted its own key, which is in a Secret", got)
	}
	if out := runNode(t, p); !strings.Contains(out, `"text":"heard 37658 bytes`) {
		t.Errorf("Deepgram's SDK for JavaScript, pointed at STT_BASE_URL, says %s", out)
	}

	// A changed ConfigMap is in force without a restart.
	gate.exec(entrypoint, "user", "stage", "ann", "restrict", "--reason", "test", "--config", "/etc/sttgate/config.yaml")
	config := p.configMaps["gate-sttgate"]
	config["config.yaml"] = strings.Replace(config["config.yaml"], "limit: 30m", "limit: 31m", 1)
	swap(t, filepath.Join(gate.root, "etc", "sttgate"), config, 0o644)
	until(t, "the changed budget", func() error {
		if b := gate.budget("ann"); b.Limit != (31 * time.Minute).Milliseconds() {
			return fmt.Errorf("the budget is %d ms", b.Limit)
		}
		return nil
	})

	// One that is wrong is not, and has no probe fail: the gateway would be restarted, into what is wrong.
	right := config["config.yaml"]
	config["config.yaml"] = "limits: {steams: 5}\n"
	swap(t, filepath.Join(gate.root, "etc", "sttgate"), config, 0o644)
	until(t, "a word of the wrong config", func() error { return gate.says("config refused") })
	for _, probe := range []*corev1.Probe{gate.spec.StartupProbe, gate.spec.ReadinessProbe, gate.spec.LivenessProbe} {
		if err := gate.probe(probe); err != nil {
			t.Errorf("with a wrong config: %v", err)
		}
	}
	config["config.yaml"] = right
	swap(t, filepath.Join(gate.root, "etc", "sttgate"), config, 0o644)

	// The pod is deleted in the middle of a stream. The app has the pod's whole grace and does not end in it, so that nothing is left
	// for the gateway: SIGTERM and SIGKILL at once.
	before := vendor.heard(t)
	spent := gate.budget("ann").Used
	talk := app.talk("ann")
	until(t, "audio of the stream at the vendor", func() error {
		if ms := vendor.heard(t) - before; ms < 1500 {
			return fmt.Errorf("it has heard %d ms", ms)
		}
		return nil
	})
	must(t, app.cmd.Process.Signal(syscall.SIGTERM))
	must(t, app.cmd.Process.Kill())
	must(t, gate.cmd.Process.Signal(syscall.SIGTERM))
	gate.kill()
	app.kill()
	talk.end()
	vendor.settled(t)

	next := create(t, p, "sttgate") // another pod: of the first one nothing is left but what is on Redis
	next.start()
	heard, charged := vendor.heard(t)-before, next.budget("ann").Used-spent
	t.Logf("the vendor heard %d ms of the stream that was killed, charged are %d", heard, charged)
	if charged < heard || charged > heard+slice.Milliseconds() {
		t.Errorf("the vendor heard %d ms and %d are charged: wanted at most a slice of %s more", heard, charged, slice)
	}

	// With nothing to see off, both end well.
	app = startApp(t, p)
	if got := app.transcribe(t, "ann", bytes.NewReader(make([]byte, bytesPerSecond))); !strings.HasSuffix(got, "1.0 seconds heard") {
		t.Errorf("the next pod's user gets %q", got)
	}
	until(t, "the second that the next pod has forwarded", func() error {
		if more := next.budget("ann").Used - spent - charged; more != 1000 {
			return fmt.Errorf("%d ms more are charged", more)
		}
		return nil
	})
	stop(t, "the app", app.cmd)
	if err := next.probe(next.spec.ReadinessProbe); err != nil {
		t.Errorf("the gateway is not there to the app's end: %v", err)
	}
	stop(t, "the gateway", next.cmd)
}

const (
	vendorKey      = "key-of-the-vendor"
	bytesPerSecond = 32000
	slice          = 5 * time.Second // ledger.slice, unless it is set
)

// tool is a file that .ci/chart hands in.
func tool(t *testing.T, name string) string {
	t.Helper()
	file := flag.Lookup(name).Value.String()
	if file == "" {
		t.Fatalf("-%s names no file: run make chart", name)
	}
	return file
}

// balance is a user's of the one budget.
type balance struct {
	Limit int64 `json:"limit_ms"`
	Used  int64 `json:"used_ms"`
}

func (c *container) budget(user string) balance {
	c.t.Helper()
	var u struct{ Budgets []balance }
	must(c.t, json.Unmarshal([]byte(c.exec(entrypoint, "user", "show", user, "--json", "--config", "/etc/sttgate/config.yaml")), &u))
	if len(u.Budgets) != 1 {
		c.t.Fatalf("%d budgets apply to %s", len(u.Budgets), user)
	}
	return u.Budgets[0]
}
