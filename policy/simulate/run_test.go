package simulate_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sttgate/sttgate/policy"
	"github.com/sttgate/sttgate/policy/simulate"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func noon() time.Time { return time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC) }

func part(user string, after, audio time.Duration) simulate.Part {
	return simulate.Part{User: user, Provider: "deepgram", At: noon().Add(after), Audio: audio.Milliseconds(), Speech: audio.Milliseconds()}
}

// TestTheFastestPathIsThatOfTheGateway: none, warning, throttle, restrict at t0, +24 h and +36 h; then the budget.
func TestTheFastestPathIsThatOfTheGateway(t *testing.T) {
	var parts []simulate.Part
	for h := range 60 {
		parts = append(parts, part("ann", time.Duration(h)*time.Hour, 50*time.Minute))
	}
	got, err := simulate.Run(parts, simulate.Options{Rules: rules(), Budgets: budgets()})
	if err != nil {
		t.Fatal(err)
	}
	var steps []string
	for _, s := range got.Steps {
		steps = append(steps, fmt.Sprintf("%s at +%s", s.To, s.At.Sub(got.Steps[0].At)))
	}
	if s := strings.Join(steps, ", "); s != "warning at +0s, throttle at +24h0m0s, restrict at +36h0m0s" {
		t.Fatal(s)
	}
	if got.Before != got.After+got.Cut || got.CutUsers != 1 || got.Refused == 0 {
		t.Fatalf("%+v", got)
	}
}

func TestWhatRulesDoToRecordedUse(t *testing.T) {
	hours := func(n int) (out []simulate.Part) {
		for h := range n {
			out = append(out, part("ann", time.Duration(h)*time.Hour, 50*time.Minute))
		}
		return out
	}
	daily := func(change func(*policy.Budget)) []policy.Budget {
		b := policy.Budget{Name: "daily", Limit: 2 * time.Hour}.WithDefaults()
		if change != nil {
			change(&b)
		}
		return []policy.Budget{b}
	}
	with := func(change func(*policy.Config)) policy.Config {
		c := rules()
		change(&c)
		return c
	}
	low := policy.Verdict{Score: .3, Type: "podcast"}
	for name, tt := range map[string]struct {
		o      simulate.Options
		cut    time.Duration
		shadow time.Duration
		steps  int
	}{
		"nothing is cut without budgets":                 {o: simulate.Options{Rules: rules()}, steps: 1},
		"a day has its budget":                           {o: simulate.Options{Rules: rules(), Budgets: daily(nil)}, cut: 10*50*time.Minute - 2*time.Hour},
		"a shadow cuts nothing":                          {o: simulate.Options{Rules: rules(), Budgets: daily(func(b *policy.Budget) { b.Shadow = true })}, shadow: 10*50*time.Minute - 2*time.Hour, steps: 1},
		"another plan's budget is another's":             {o: simulate.Options{Rules: rules(), Budgets: daily(func(b *policy.Budget) { b.Plans = []string{"pro"} })}, steps: 1},
		"a rolling hour frees what falls out":            {o: simulate.Options{Rules: rules(), Budgets: daily(func(b *policy.Budget) { b.Window, b.Limit = "30m", 40*time.Minute })}, cut: 10 * 10 * time.Minute, steps: 1},
		"the kill switch lifts own budgets":              {o: simulate.Options{Rules: with(func(c *policy.Config) { c.KillSwitch = true }), Budgets: daily(nil)}},
		"breakers stay":                                  {o: simulate.Options{Rules: with(func(c *policy.Config) { c.KillSwitch = true }), Budgets: daily(func(b *policy.Budget) { b.Per = policy.PerAll })}, cut: 10*50*time.Minute - 2*time.Hour},
		"low scores move nobody":                         {o: simulate.Options{Rules: rules(), Verdict: low}},
		"no caps, no reviews":                            {o: simulate.Options{Rules: with(func(c *policy.Config) { c.Caps = []policy.Cap{} })}},
		"an exempt user is moved by nobody":              {o: simulate.Options{Rules: with(func(c *policy.Config) { c.ExemptUsers = []string{"ann"} }), Budgets: daily(nil)}},
		"words count where the basis is words":           {o: simulate.Options{Rules: with(func(c *policy.Config) { c.Basis = policy.BasisWords })}, steps: 1},
		"a stage that refuses lets nothing pass":         {o: simulate.Options{Rules: with(refusing)}, cut: 7 * 50 * time.Minute, steps: 1},
		"a shadow policy moves, and nothing comes of it": {o: simulate.Options{Rules: with(func(c *policy.Config) { c.Shadow = true; refusing(c) })}, steps: 1},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := simulate.Run(hours(10), tt.o)
			if err != nil {
				t.Fatal(err)
			}
			if got.Cut != tt.cut.Milliseconds() || got.ShadowCut != tt.shadow.Milliseconds() || len(got.Steps) != tt.steps || got.Before != got.After+got.Cut {
				t.Fatalf("cut %v, shadow %v, steps %+v", time.Duration(got.Cut)*time.Millisecond, time.Duration(got.ShadowCut)*time.Millisecond, got.Steps)
			}
		})
	}
}

func refusing(c *policy.Config) {
	w := c.Stages[policy.Warning]
	w.Actions.Refuse = true
	stages := map[policy.Stage]policy.StageRules{policy.Warning: w, policy.Throttle: c.Stages[policy.Throttle], policy.Restrict: c.Stages[policy.Restrict]}
	c.Stages = stages
}

const line = `{"specversion":"1.0","id":"s1:1","source":"/sttgate/a","type":"dev.sttgate.usage.part.v1","subject":"ann","time":"2026-11-23T12:05:00Z","data":{"plan":"pro","provider":"deepgram","to":"2026-11-23T12:05:00Z","audio_ms":300000,"speech_ms":120000,"more":{}}}`

func TestEventsAreReadOnceAndInTime(t *testing.T) {
	later := strings.ReplaceAll(strings.ReplaceAll(line, "12:05", "12:10"), "s1:1", "s1:2")
	step := `{"specversion":"1.0","id":"FU-1","source":"/sttgate","type":"dev.sttgate.policy.step.v1","subject":"ann","data":{"to":"warning"}}`
	refused := func(id, subject string) string {
		return `{"specversion":"1.0","id":"` + id + `","source":"/sttgate/a","type":"dev.sttgate.usage.refusal.v1",` + subject + `"data":{"reason":"budget_exhausted","count":21}}`
	}
	empty := strings.ReplaceAll(strings.ReplaceAll(strings.ReplaceAll(line, "300000", "0"), "120000", "0"), "s1:1", "s2:1")
	unheard := strings.ReplaceAll(strings.ReplaceAll(line, `"speech_ms":120000,`, ""), "s1:1", "s3:1")
	var told int64
	text := strings.Join([]string{later, line, "", line, step, refused("r1", `"subject":"ann",`), refused("r2", ""), refused("r1", `"subject":"ann",`), empty, unheard}, "\n") + "\n"
	got, err := simulate.Read(strings.NewReader(text), func(n int64) { told = n })
	if err != nil {
		t.Fatal(err)
	}
	at := noon().Add(5 * time.Minute)
	want := []simulate.Part{
		{"ann", "pro", "deepgram", at, 300_000, 120_000},
		{"ann", "pro", "deepgram", at, 300_000, 300_000},
		{"ann", "pro", "deepgram", at.Add(5 * time.Minute), 300_000, 120_000},
	}
	if got.Refused != (simulate.Refused{Times: 42, Users: 1}) {
		t.Errorf("refused: %+v", got.Refused)
	}
	if fmt.Sprint(got.Parts) != fmt.Sprint(want) || told != int64(len(text)) {
		t.Fatalf("%v, want %v; %d of %d bytes", got, want, told, len(text))
	}
}

func TestABadEventIsNamedByItsLine(t *testing.T) {
	for name, change := range map[string]func(string) string{
		"no JSON":    func(string) string { return "what" },
		"no id":      func(s string) string { return strings.Replace(s, `"id":"s1:1",`, "", 1) },
		"no subject": func(s string) string { return strings.Replace(s, `"subject":"ann",`, "", 1) },
		"a refusal that never was": func(string) string {
			return `{"id":"r","source":"a","type":"dev.sttgate.usage.refusal.v1","data":{"count":0}}`
		},
		"a refusal without an id": func(string) string { return `{"type":"dev.sttgate.usage.refusal.v1","data":{"count":1}}` },
		"a refusal without data":  func(string) string { return `{"id":"r","type":"dev.sttgate.usage.refusal.v1"}` },
		"negative":                func(s string) string { return strings.Replace(s, `:300000`, ":-1", 1) },
		"no time": func(s string) string {
			return strings.ReplaceAll(strings.Replace(s, `"time":"2026-11-23T12:05:00Z",`, "", 1), `"to":"2026-11-23T12:05:00Z",`, "")
		},
		"a word for a number":           func(s string) string { return strings.Replace(s, `:300000`, `:"1"`, 1) },
		"a number for a word":           func(s string) string { return strings.Replace(s, `"ann"`, "7", 1) },
		"a fraction of a millisecond":   func(s string) string { return strings.Replace(s, `:300000`, ":300000.5", 1) },
		"more than there can be":        func(s string) string { return strings.Replace(s, `:300000`, ":9223372036854775808", 1) },
		"two amounts":                   func(s string) string { return strings.Replace(s, `"audio_ms"`, `"audio_ms":1,"audio_ms"`, 1) },
		"two amounts, one in disguise":  func(s string) string { return strings.Replace(s, `"audio_ms"`, `"\u0061udio_ms":1,"audio_ms"`, 1) },
		"two subjects":                  func(s string) string { return strings.Replace(s, `"subject"`, `"subject":"bob","subject"`, 1) },
		"two kinds of data":             func(s string) string { return strings.Replace(s, `"data"`, `"data":null,"data"`, 1) },
		"two of data before the type":   func(string) string { return `{"data":{},"data":{},"id":"r","type":"dev.sttgate.usage.part.v1"}` },
		"an amount before its type":     func(s string) string { return typeLast(strings.Replace(s, `:300000`, ":-1", 1)) },
		"data that is a list":           func(s string) string { return strings.Replace(s, `"data":`, `"data":[],"more":`, 1) },
		"a list":                        func(s string) string { return "[" + s + "]" },
		"two events on a line":          func(s string) string { return s + s },
		"half an event":                 func(s string) string { return s[:len(s)-1] },
		"half an event of another type": func(string) string { return `{"id":"FU-1","type":"dev.sttgate.policy.step.v1","data":{"to":` },
		"a time of day":                 func(s string) string { return strings.Replace(s, `"to":"2026-11-23T12:05:00Z"`, `"to":"12:05"`, 1) },
		"endless":                       func(s string) string { return s + strings.Repeat(" ", 2<<20) },
	} {
		t.Run(name, func(t *testing.T) {
			_, err := simulate.Read(strings.NewReader(line+"\n"+change(line)+"\n"), nil)
			if err == nil || !strings.Contains(err.Error(), "line 2") && !strings.Contains(err.Error(), "after line 1") {
				t.Fatal(err)
			}
		})
	}
}

// typeLast is the line with its type at the end: JSON has no order.
func typeLast(line string) string {
	const typ = `"type":"dev.sttgate.usage.part.v1",`
	return strings.TrimSuffix(strings.Replace(line, typ, "", 1), "}") + "," + strings.TrimSuffix(typ, ",") + "}"
}

func TestHowAnEventIsWrittenDoesNotMatter(t *testing.T) {
	want, err := simulate.Read(strings.NewReader(line), nil)
	if err != nil || len(want.Parts) != 1 {
		t.Fatal(want, err)
	}
	for name, same := range map[string]string{
		"the type last":         typeLast(line),
		"escapes":               strings.NewReplacer(`"ann"`, `"\u0061nn"`, `"plan"`, `"\u0070lan"`, `"id"`, `"i\u0064"`).Replace(line),
		"room":                  strings.NewReplacer(`":`, `" : `, `,"`, ` , "`, "{", "{ ").Replace(line),
		"a member that is null": strings.Replace(line, `"data":{`, `"subject_of":null,"data":{"count":null,`, 1),
		"no data time":          strings.Replace(line, `"to":"2026-11-23T12:05:00Z"`, `"to":null`, 1),
		"another zone":          strings.Replace(line, `"to":"2026-11-23T12:05:00Z"`, `"to":"2026-11-23T13:05:00+01:00"`, 1),
		"what is not read":      strings.Replace(line, `"more":{}`, `"more":{"audio_ms":"x","to":[{"a":1,"a":2}]},"more":[]`, 1),
		"its data's type":       strings.Replace(line, `"more":{}`, `"type":"x","data":{},"id":7`, 1),
	} {
		t.Run(name, func(t *testing.T) {
			got, err := simulate.Read(strings.NewReader(line+"\n"+same), nil) // the same event: it counts once
			if err != nil || len(got.Parts) != 1 {
				t.Fatalf("%v, %v", got, err)
			}
			got, err = simulate.Read(strings.NewReader(same), nil)
			if err != nil || !got.Parts[0].At.Equal(want.Parts[0].At) {
				t.Fatalf("%v, %v", got, err)
			}
			if got.Parts[0].At = want.Parts[0].At; got.Parts[0] != want.Parts[0] {
				t.Fatalf("%v, want %v", got, want)
			}
		})
	}
}

func TestEventsOfOtherTypesMayHoldAnything(t *testing.T) {
	for _, other := range []string{
		`{"id":"FU-1","type":"dev.sttgate.policy.step.v1","data":{"to":"warning"}}`,
		`{"data":{"to":"warning","to":1},"id":"FU-1","type":"dev.sttgate.policy.step.v1"}`,
		`{"type":"com.example.order","data":"text"}`,
		`{"type":"com.example.order","data":[1],"data":2}`,
		`{}`,
	} {
		if got, err := simulate.Read(strings.NewReader(other), nil); err != nil || len(got.Parts) != 0 {
			t.Errorf("%s: %v, %v", other, got, err)
		}
	}
}

// BenchmarkRead is one event as the gateway writes it.
func BenchmarkRead(b *testing.B) {
	text, err := os.ReadFile("../notify/testdata/event_end.json")
	if err != nil {
		b.Fatal(err)
	}
	var line bytes.Buffer
	if err := json.Compact(&line, text); err != nil {
		b.Fatal(err)
	}
	line.WriteByte('\n')
	all := bytes.Repeat(line.Bytes(), 1000)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := simulate.Read(bytes.NewReader(all), nil); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/event")
}

func FuzzRead(f *testing.F) {
	f.Add(line)
	f.Add(`{"id":"r","type":"dev.sttgate.usage.refusal.v1","data":{"count":2}}`)
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		got, err := simulate.Read(strings.NewReader(text), nil)
		if err != nil {
			return
		}
		if _, err := simulate.Run(got.Parts, simulate.Options{Rules: rules(), Budgets: budgets()}); err != nil {
			t.Fatal(err)
		}
	})
}
