package compose

import (
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// TestTheHouseAtWork goes the way of docs/laptop.md: everything comes up, three people speak, one of them is restricted and stopped, Redis goes
// and comes back; and Prometheus has seen all of it.
func TestTheHouseAtWork(t *testing.T) {
	h := build(t)
	h.up("prometheus") // and all that it waits for
	prom := asked{t, h.at["prometheus:9090"]}

	until(t, "Prometheus does not reach everybody", func() error { return prom.targetsAreUp(2) })
	until(t, "Prometheus does not evaluate the chart's rules", func() error { return prom.rulesAreEvaluated(rules(t)) })

	everyCountIsThereBeforeItBegins(t, prom)
	quiet := h.traffic()
	h.restricts("ann", prom)
	quiet()

	until(t, "the dashboard is not what it should be", func() error { return everyPanelIsAnswered(t, prom) })
	h.offers(prom)
	h.losesRedis(prom)

	if s := h.stop("gateway"); s.ExitCode() != 0 {
		t.Errorf("the gateway does not stop as it should: %v", s)
	}
}

// everyCountIsThereBeforeItBegins looks for what the alerts take a rate of, on a gateway that has seen nothing yet: a series that appears with its first
// count hides that one from every rate, and where one is already too many the alert would stay quiet.
func everyCountIsThereBeforeItBegins(t *testing.T, prom asked) {
	t.Helper()
	counts := regexp.MustCompile(`(?:increase|rate)\((sttgate_\w+(?:\{[^}]*\})?)\[`).FindAllStringSubmatch(contents(t, files+"/alerts.yaml"), -1)
	if len(counts) < 20 {
		t.Fatalf("the alerts count %d things", len(counts))
	}
	for _, m := range counts {
		if strings.HasPrefix(m[1], "sttgate_audio_seconds_total") {
			continue // of seconds, of which the first few do not matter
		}
		until(t, "hides its first count", func() error {
			if n, err := prom.most("count(" + m[1] + ")"); err != nil || n == 0 {
				return fmt.Errorf("%s: none (%w)", m[1], err)
			}
			return nil
		})
	}
}

// traffic lets everybody of the profile speak again and again, as an engine does that restarts them; four times as fast. What it returns ends that.
func (h *house) traffic() (quiet func()) {
	h.t.Helper()
	enough := make(chan struct{})
	var speaking sync.WaitGroup
	quiet = sync.OnceFunc(func() {
		close(enough)
		speaking.Wait()
	})
	h.t.Cleanup(quiet) // while the gateway still runs
	for name, s := range h.project.Services {
		if !slices.Contains(s.Profiles, "traffic") || name == "ann" { // she is the one who is restricted
			continue
		}
		speaking.Go(func() {
			for {
				if out, err := h.speak(name, "4"); err != nil {
					h.t.Errorf("%s: %v\n%s", name, err, out)
					return
				}
				select {
				case <-enough:
					return
				default:
				}
			}
		})
	}
	return quiet
}

func (h *house) speak(name, speed string) (string, error) {
	cmd := h.command(name)
	cmd.Args = append(cmd.Args, "--speed", speed)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// restricts does what the page does: its first command moves somebody. Half a minute of speech later they are refused, and keep trying until
// Prometheus has seen it. Then come the page's other commands.
func (h *house) restricts(user string, prom asked) {
	h.t.Helper()
	page := inside(h.t)
	if want := []string{"/sttgate", "user", "stage", user, "restrict"}; !slices.Equal(page[0][:len(want)], want) {
		h.t.Fatalf("the page begins with %v", page[0])
	}
	h.does(page[0])
	refused := false
	until(h.t, "no refusal is seen", func() error {
		out, err := h.speak(user, "max")
		if ended := (*exec.ExitError)(nil); err != nil && !errors.As(err, &ended) {
			return err
		}
		refused = refused || err != nil && strings.Contains(out, "budget")
		if !refused {
			return fmt.Errorf("was let in, or for another reason not: %w\n%s", err, out)
		}
		for _, seen := range []string{`rate(sttgate_streams_total{result="budget_exhausted"}[20s])`, `rate(sttgate_streams_total{result="ok",provider="soniox"}[20s])`} {
			if most, err := prom.most(seen); err != nil || most == 0 {
				return fmt.Errorf("%s: nothing (%w)", seen, err)
			}
		}
		return nil
	})
	for _, line := range page[1:] {
		h.does(line)
	}
	if out, err := h.speak(user, "max"); err != nil {
		h.t.Errorf("has been given more, and is not let in: %v\n%s", err, out)
	}
}

func (h *house) does(line []string) {
	h.t.Helper()
	if out, err := h.run("gateway", slices.Clone(line)...); err != nil {
		h.t.Errorf("%v: %v\n%s", line, err, out)
	}
}

// central are the panels that show something as soon as there is traffic. What the others show is trouble, or comes after hours.
func central() []string {
	return []string{
		"Streams now", "Audio forwarded, seconds per second", "How streams and requests end", "Audio charged, seconds per second", "What the budgets say",
		"Refused and ended by us", "Handshake, dialling to answer", "How the time of streams is found, per hour",
		"Gateways whose store takes writes", "Calls", "How long it takes", "Gateways, by version", "Configs in force", "Took their last config", "Processor", "Memory", "Open files, of what is allowed",
	}
}

// everyPanelIsAnswered asks what the dashboard asks, and wants data where there has to be some.
func everyPanelIsAnswered(t *testing.T, prom asked) error {
	t.Helper()
	shows := map[string]bool{}
	for _, p := range panels(t) {
		most, err := prom.most(chosen(t, p.expr))
		if err != nil {
			return fmt.Errorf("%s: %w\n%s", p.title, err, p.expr)
		}
		shows[p.title] = shows[p.title] || most > 0
	}
	for _, title := range central() {
		if there, ok := shows[title]; !ok || !there {
			return fmt.Errorf("%s shows nothing", title)
		}
	}
	t.Logf("%d queries; %d panels of %d have data", len(panels(t)), count(shows), len(shows))
	return nil
}

// offers asks for what a reader may choose.
func (h *house) offers(prom asked) {
	h.t.Helper()
	var d struct {
		Templating struct {
			List []struct{ Name, Type, Query string }
		}
	}
	if err := json.Unmarshal([]byte(contents(h.t, files+"/dashboard.json")), &d); err != nil {
		h.t.Fatal(err)
	}
	for _, v := range d.Templating.List {
		if v.Type != "query" {
			continue
		}
		got, err := prom.choices(chosen(h.t, v.Query))
		if err != nil || len(got) == 0 || v.Name == "job" && !slices.Equal(got, []string{"sttgate"}) {
			h.t.Errorf("%s: offers %v (%v)", v.Name, got, err)
		}
	}
}

func count(m map[string]bool) (n int) {
	for _, yes := range m {
		if yes {
			n++
		}
	}
	return n
}

// losesRedis is for the alert that the page makes fire.
func (h *house) losesRedis(prom asked) {
	h.t.Helper()
	const alert = "SttgateStoreDown"
	if on, err := prom.fires(alert); err != nil || on {
		h.t.Errorf("%s fires already (%v)", alert, err)
	}
	h.stop("redis")
	until(h.t, alert+" does not fire", func() error {
		if on, err := prom.fires(alert); err != nil || !on {
			return fmt.Errorf("fires: %v, %w", on, err)
		}
		return nil
	})
	h.up("redis")
	until(h.t, alert+" does not end", func() error {
		if on, err := prom.fires(alert); err != nil || on {
			return fmt.Errorf("fires: %v, %w", on, err)
		}
		return nil
	})
}
