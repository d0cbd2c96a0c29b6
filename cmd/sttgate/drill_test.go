package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/sttgate/sttgate/config"
	"github.com/sttgate/sttgate/meter/ledger/ledgertest"
)

// graces are how long a pod of the chart's takes to go.
type graces struct {
	preStop, grace, hard, kill time.Duration
}

// chartGraces are those of the chart's rendering with Redis.
func chartGraces(t *testing.T) graces {
	t.Helper()
	const file = renderings + "/redis.yaml"
	text, _ := readRendering(t, file)
	conf := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, _, err := config.Load(conf, []string{"STTGATE_ADMIN_TOKEN=0123456789abcdef0123456789abcdef"})
	if err != nil {
		t.Fatal(err)
	}
	g := graces{grace: c.Proxy.Drain.Grace, hard: c.Proxy.Drain.Hard}
	all, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for doc := range strings.SplitSeq(string(all), "\n---\n") {
		var pod struct {
			Spec struct {
				Template struct {
					Spec struct {
						Kill       int `yaml:"terminationGracePeriodSeconds"`
						Containers []struct {
							Lifecycle struct {
								PreStop struct{ Sleep struct{ Seconds int } } `yaml:"preStop"`
							}
						}
					}
				}
			}
		}
		if !strings.Contains(doc, "\nkind: Deployment\n") {
			continue
		}
		if err := yaml.Unmarshal([]byte(doc), &pod); err != nil {
			t.Fatal(err)
		}
		g.kill = time.Duration(pod.Spec.Template.Spec.Kill) * time.Second
		g.preStop = time.Duration(pod.Spec.Template.Spec.Containers[0].Lifecycle.PreStop.Sleep.Seconds) * time.Second
	}
	if g.preStop <= 0 || g.grace <= 0 || g.hard <= g.grace || g.kill <= g.preStop+g.hard {
		t.Fatalf("the chart's pod has no time to go in: %+v", g)
	}
	return g
}

// scaled makes the grace so long, and the sleep before it as much shorter. Those are times of waiting. What is left between
// the grace and the hard end, and between that and the kill, is for work, which is done no faster here: it stays as it is.
func (g graces) scaled(grace time.Duration) graces {
	preStop := time.Duration(float64(g.preStop) * float64(grace) / float64(g.grace))
	hard := grace + g.hard - g.grace
	return graces{preStop: preStop, grace: grace, hard: hard, kill: g.kill - g.preStop - g.hard + preStop + hard}
}

// drill is a rollout: gateways in three places behind HAProxy, two at work.
type drill struct {
	*world
	*ingress

	graces graces
	places map[string]place
	calls  *calls
	served int // sums of what gateways that are gone have said, in ms
	cost   int
}

// place is where a gateway may run: a server of HAProxy's.
type place struct{ data, admin, file string }

func newDrill(t *testing.T) *drill {
	t.Helper()
	d := &drill{world: newWorld(t, ""), graces: chartGraces(t).scaled(8 * time.Second), places: map[string]place{}}
	redis := ledgertest.StartRedis(t)
	var servers strings.Builder
	for i := range 3 {
		p := place{data: reserve(t), admin: reserve(t)}
		p.file = d.redisFile(redis.URL(), "sttgate:", "mode: deny", "{name: daily, providers: [deepgram], window: 168h, limit: 100h}")
		text, err := os.ReadFile(p.file)
		if err != nil {
			t.Fatal(err)
		}
		at := strings.NewReplacer("listen: 127.0.0.1:0\n", "listen: "+p.data+"\n", "{listen: 127.0.0.1:0}", "{listen: "+p.admin+"}").Replace(string(text))
		at += fmt.Sprintf("drain: {grace: %s, hard: %s}\n", d.graces.grace, d.graces.hard)
		if err := os.WriteFile(p.file, []byte(at), 0o600); err != nil {
			t.Fatal(err)
		}
		name := fmt.Sprintf("gate%d", i+1)
		d.places[name] = p
		fmt.Fprintf(&servers, "    server %s %s check port %s\n", name, p.data, p.admin[strings.LastIndexByte(p.admin, ':')+1:])
	}
	backend := replaced(t, ingressBlock(t, "haproxy: the gateways"), "    server gate1 10.0.0.11:8080 check port 9090\n", servers.String(),
		"    server gate2 10.0.0.12:8080 check port 9090\n", "")
	d.ingress = startHAProxy(t, ingressBlock(t, "haproxy: the front"), backend+"    http-response set-header X-Drill-Gateway %s\n")
	d.calls = newCalls(t, d.addr)
	return d
}

// begin starts a gateway and waits until HAProxy sends it streams.
func (d *drill) begin(name string) *process {
	d.world.t.Helper()
	p := serveProcess(d.world.t, d.places[name].file)
	p.send(http.MethodGet, "/readyz", http.StatusOK)
	d.becomes(name, true)
	return p
}

func (d *drill) becomes(name string, up bool) {
	d.world.t.Helper()
	d.ingress.until(fmt.Sprintf("HAProxy finds %s up: %t", name, up), func() bool { return d.isUp(name) == up })
}

// replace is one step of a rollout: the next gateway is ready before the last one is told to go.
func (d *drill) replace(last *process, name, next string) *process {
	t := d.world.t
	t.Helper()
	p := d.begin(next)
	kill := time.AfterFunc(d.graces.kill, func() { _ = last.cmd.Process.Kill() }) // as the kubelet would; the exit code tells
	defer kill.Stop()
	<-time.After(d.graces.preStop) // the chart's
	last.send(http.MethodGet, "/readyz", http.StatusOK)
	term := time.Now()
	last.signal(syscall.SIGTERM)
	last.says("draining")
	last.send(http.MethodGet, "/readyz", http.StatusServiceUnavailable)
	last.send(http.MethodGet, "/livez", http.StatusOK)
	d.calls.more(10) // HAProxy may not know yet
	for gate := range d.places {
		d.becomes(gate, gate != name)
	}
	if code := last.wait(); code != 0 {
		t.Errorf("%s: exit code %d", name, code)
	}
	d.gone(last)
	d.ingress.until("its clients have been told", func() bool { return d.calls.at(name) == 0 })
	n, spread := d.calls.check(name, term, d.graces.grace)
	t.Logf("%s: %d streams ended politely %s after SIGTERM, over %s, and came back", name, n, d.graces.grace, spread.Round(time.Millisecond))
	if n == 0 {
		t.Errorf("%s had no streams", name)
	}
	return p
}

// gone adds up what a gateway that has ended said of its streams.
func (d *drill) gone(p *process) {
	d.world.t.Helper()
	for line := range strings.Lines(p.lines.String()) {
		var said struct {
			Msg     string
			Result  string
			Audio   int `json:"audio_ms"`
			Charged int `json:"charged_ms"`
		}
		if json.Unmarshal([]byte(line), &said) == nil && said.Msg == "stream ended" {
			d.served, d.cost = d.served+said.Audio, d.cost+said.Charged
			if said.Result != "ok" && said.Result != "draining" {
				d.world.t.Errorf("a stream ended with %s", said.Result)
			}
		}
	}
}

// used is what all users have used, as a gateway says.
func (d *drill) used(p *process) (ms int64) {
	for i := range drillUsers {
		ms += p.used(drillUser(i))
	}
	return ms
}

// TestARolloutCutsNoStreamBeforeItsGraceAndAccountsForAll is a rolling restart without a cluster: two gateways on one Redis
// behind a real HAProxy with the documentation's config, a hundred streams, the graces of the chart's rendering. The chart's
// grace is an hour; here it is eight seconds, and its other times of waiting are shorter by the same factor.
func TestARolloutCutsNoStreamBeforeItsGraceAndAccountsForAll(t *testing.T) {
	t.Parallel() // it mostly waits
	d := newDrill(t)
	first, second := d.begin("gate1"), d.begin("gate2")
	d.calls.more(100)
	third := d.replace(first, "gate1", "gate3")
	fourth := d.replace(second, "gate2", "gate1")
	d.calls.hangUp()

	// What is in hand counts as used until a stream is settled, a moment after its client has gone.
	d.ingress.until("what is used is what was heard", func() bool { return d.used(third) == d.heard() })
	for _, p := range []*process{third, fourth} {
		p.signal(syscall.SIGTERM)
		if code := p.wait(); code != 0 {
			t.Errorf("exit code %d", code)
		}
		d.gone(p)
	}
	heard := int(d.heard())
	t.Logf("the vendor heard %d ms; gateways forwarded %d and charged %d", heard, d.served, d.cost)
	if d.served != heard || d.cost != heard {
		t.Error("usage is not accounted for to the millisecond")
	}
	for _, s := range d.vendor.Streams() {
		if r := s.Record(); r.CloseCode == 1006 || r.SentCode != 1000 {
			t.Errorf("a stream did not end politely at the vendor: peer's code %d, vendor's %d", r.CloseCode, r.SentCode)
		}
	}
}

// A native sidecar whose app used up the pod's grace is sent both signals at once.
func TestASIGTERMThatIsFollowedBySIGKILLAtOnceGivesNothingAway(t *testing.T) {
	w := newWorld(t, "")
	url := ledgertest.StartRedis(t).URL()
	file := func() string {
		return w.redisFile(url, "sttgate:", "mode: deny", "{name: daily, providers: [deepgram], window: 168h, limit: 100h}")
	}
	p, other := serveProcess(t, file()), serveProcess(t, file())
	const streams = 50
	all := flood(t, p, streams)
	w.until(0, streams*700)
	p.signal(syscall.SIGTERM)
	p.signal(syscall.SIGKILL)
	p.wait()
	all.Wait()
	if _, err := w.vendor.Wait(t.Context(), streams); err != nil {
		t.Fatal(err)
	}
	heard, used := w.heard(), other.used("bob")
	t.Logf("the vendor heard %d ms, charged are %d", heard, used)
	if over := used - heard; over < 0 || over > streams*redisSlice.Milliseconds() {
		t.Errorf("charged are %d ms more than the vendor heard: 0 to %s for each of %d streams may be", over, redisSlice, streams)
	}
}
