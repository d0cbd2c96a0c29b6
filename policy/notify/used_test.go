package notify

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/sttgate/sttgate/policy"
)

func at(seconds int) time.Time { return time.Date(2026, 11, 23, 12, 0, seconds, 0, time.UTC) }

// tales are one event of each type, with every field.
func tales() map[string]tale {
	part := Used{
		Stream: "019ab3c0-7e2f-7c4b-9d54-0c6c0f5f9a11", Seq: 1, Request: "5f0c", User: "ann", Plan: "pro", Provider: "deepgram", Variant: "v1", Model: "nova-3",
		Mode: "stream", From: at(0), To: at(300), Figures: Figures{Audio: 299_980, Speech: new(int64(120_400)), Connection: 300_000, Charged: 299_980},
		Basis: "audio", Stage: "none",
		Budgets: []Touched{{Budget: "deepgram-daily", Window: "day", Limit: 1_800_000, Used: 305_000, Remaining: 1_495_000, Resets: at(12 * 3600)}},
	}
	end := part
	end.Seq, end.From, end.To, end.Final, end.Result, end.Method = 2, at(300), at(312), true, "ok", "length"
	end.Figures = Figures{Audio: 11_000, Speech: new(int64(4_600)), Dropped: 500, Connection: 12_000, Reported: new(int64(310_990)), Charged: 11_000}
	end.Total = &Figures{Audio: 310_980, Speech: new(int64(125_000)), Dropped: 500, Connection: 312_000, Reported: new(int64(310_990)), Charged: 310_980}
	end.Budgets = []Touched{{Budget: "everybody", Window: "24h0m0s", Limit: 360_000_000, Used: 310_980, Remaining: 359_689_020, Shadow: true}}
	job := part
	job.Mode, job.Reserved, job.Figures, job.Budgets = "job", 60_000, Figures{Connection: 240}, nil
	return map[string]tale{
		"part": part, "end": end, "job": job,
		"refusal": Refused{
			Stream: part.Stream, Request: "5f0c", User: "ann", Plan: "pro", Provider: "deepgram", Mode: "stream", Where: "stream", Reason: "budget_exhausted", Status: 429,
			Budgets: []string{"deepgram-daily"}, Retry: 10 * time.Hour, Count: 1, From: at(312), To: at(312), id: "Q4ZTB5PPVBKDRAVJ6KVGYDRI7O",
		},
		"step": step{policy.Event{
			Ref: "FU-0123456789AB", At: at(312), User: "ann", Plan: "pro", Cause: policy.ByCap, From: policy.None, To: policy.Warning, Outcome: policy.OutcomeStepped,
			Rule: "score 1 is at or over 0.7, and warning needs no earlier violations", Verdict: policy.Verdict{Score: 1, Type: "cap"},
		}},
	}
}

// TestEachTypeIsAsItsGolden holds the form that consumers rely on.
func TestEachTypeIsAsItsGolden(t *testing.T) {
	u := &Usage{UsageOptions: UsageOptions{Sinks: []string{ToFile, ToHTTP}}, from: "gate-1"}
	doc, err := os.ReadFile("../../docs/events.md")
	if err != nil {
		t.Fatal(err)
	}
	for name, e := range tales() {
		ms, err := u.messages(e)
		if err != nil {
			t.Fatal(err)
		}
		if len(ms) != 2 || ms[0].To != ToFile || ms[1].To != ToHTTP || !bytes.Equal(ms[0].Body, ms[1].Body) || bytes.ContainsAny(ms[0].Body, "\n") {
			t.Errorf("%s: %+v", name, ms)
		}
		var read event.Event
		if err := json.Unmarshal(ms[0].Body, &read); err != nil || read.Validate() != nil || read.SpecVersion() != "1.0" || read.ID() != ms[0].ID {
			t.Errorf("%s is no CloudEvent: %v %v", name, err, read.Validate())
		}
		var got bytes.Buffer
		if err := json.Indent(&got, ms[0].Body, "", "  "); err != nil {
			t.Fatal(err)
		}
		got.WriteByte('\n')
		file := filepath.Join("testdata", "event_"+name+".json")
		if *update {
			if err := os.WriteFile(file, got.Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if got.String() != string(want) {
			t.Errorf("%s is another; -update writes it:\n%s", name, got.String())
		}
		if name == "part" && !bytes.Contains(doc, got.Bytes()) {
			t.Errorf("the example of docs/events.md is another:\n%s", got.String())
		}
	}
}

// TestEveryFieldIsDocumented holds the tables of docs/events.md against the structs.
func TestEveryFieldIsDocumented(t *testing.T) {
	doc, err := os.ReadFile("../../docs/events.md")
	if err != nil {
		t.Fatal(err)
	}
	var fields func(reflect.Type) []string
	fields = func(s reflect.Type) (out []string) {
		for f := range s.Fields() {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			switch {
			case f.Anonymous:
				out = append(out, fields(f.Type)...)
			case name != "-" && f.IsExported():
				out = append(out, name)
			}
		}
		return out
	}
	for _, s := range []any{Used{}, Touched{}, Refused{}} {
		for _, name := range fields(reflect.TypeOf(s)) {
			if !bytes.Contains(doc, []byte("| `"+name+"` |")) {
				t.Errorf("`%s` of %T is not documented", name, s)
			}
		}
	}
	for _, typ := range []string{TypePart, TypeEnd, TypeRefusal, TypeStep} {
		if !bytes.Contains(doc, []byte("`"+typ+"`")) {
			t.Errorf("%s is not documented", typ)
		}
	}
}

func TestAnEventHasOneIdentityWhoeverTellsIt(t *testing.T) {
	late := Used{Stream: "s", Seq: 2, User: "ann", To: at(0), Final: true, Anywhere: true}
	for name, e := range map[string]tale{"a job's end": late, "a step": tales()["step"]} {
		a, err := e.event("gate-1")
		if err != nil {
			t.Fatal(err)
		}
		b, _ := e.event("gate-2")
		if a.ID() != b.ID() || a.Source() != b.Source() || a.Source() != "/sttgate" {
			t.Errorf("%s: %s %s, %s %s", name, a.Source(), a.ID(), b.Source(), b.ID())
		}
	}
}

func TestARefusalOfNobodyHasNoSubject(t *testing.T) {
	e, err := Refused{Reason: "unauthenticated", From: at(0), To: at(0), id: "x"}.event("gate 1")
	if err != nil || e.Subject() != "" {
		t.Errorf("%v, subject %q", err, e.Subject())
	}
}
