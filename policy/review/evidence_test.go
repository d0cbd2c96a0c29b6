package review

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"reflect"
	"testing"
	"time"

	"github.com/sttgate/sttgate/policy"
)

var update = flag.Bool("update", false, "write the golden files")

// stored are sessions as a ledger gives them.
func stored(t *testing.T, all ...Session) (out [][]byte) {
	t.Helper()
	for _, s := range all {
		b, err := s.Encode()
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, b)
	}
	return out
}

// of makes sessions of so many minutes of audio, each a day's hours before the one in front of it.
func of(minutes ...int64) (out []Session) {
	for i, m := range minutes {
		out = append(out, Session{
			Start: noon.Add(-time.Duration(i+1) * 5 * time.Hour), Length: m * 60_000, Audio: m * 60_000,
			Vendor: "deepgram", Model: "nova-3", Mode: "stream", Result: "ok",
		})
	}
	return out
}

func times(n int, minutes int64) (out []int64) {
	for range n {
		out = append(out, minutes)
	}
	return out
}

func TestShapesBeginWhereTheyAreSaidTo(t *testing.T) {
	kinds := func(n int, models ...string) []Session {
		all := of(times(n, 1)...)
		for i := range all {
			all[i].Model, all[i].Audio = models[i%len(models)], int64(i*i*1000+1)
		}
		return all
	}
	for name, c := range map[string]struct {
		all  []Session
		want []Shape
	}{
		"none":                               {nil, []Shape{}},
		"two long ones":                      {of(61, 200), []Shape{}},
		"three of an hour":                   {of(60, 60, 60), []Shape{}},
		"three of more than an hour":         {of(61, 91, 200), []Shape{ShapeAudiobook}},
		"four alike":                         {of(10, 10, 10, 10), []Shape{}},
		"five alike":                         {of(10, 10, 10, 10, 11), []Shape{ShapePrerecorded}},
		"five that vary by 0.3 and more":     {of(7, 13, 7, 13, 10, 7, 13, 7, 13), []Shape{ShapePrerecorded}},
		"five that vary":                     {of(1, 10, 2, 20, 5), []Shape{}},
		"five episodes":                      {of(25, 90, 26, 40, 89), []Shape{ShapePodcast}},
		"five that are nearly episodes":      {of(24, 91, 25, 40, 10), []Shape{}},
		"four episodes":                      {of(25, 90, 26, 40), []Shape{}},
		"five episodes of over an hour":      {of(70, 70, 70, 70, 70), []Shape{ShapeAudiobook, ShapePrerecorded, ShapePodcast}},
		"twenty of three kinds":              {kinds(20, "a", "b", "c"), []Shape{ShapeCommercial}},
		"twenty of four kinds":               {kinds(20, "a", "b", "c", "d"), []Shape{}},
		"nineteen of one kind":               {kinds(19, "a"), []Shape{}},
		"five alike without audio":           {of(0, 0, 0, 0, 0), []Shape{}},
		"four alike and one without audio":   {of(10, 10, 10, 10, 0), []Shape{}},
		"five alike and many without audio":  {of(0, 10, 0, 10, 0, 10, 0, 10, 0, 10), []Shape{ShapePrerecorded}},
		"equally long to the variation 0.3":  {variationOf(t, 0.3), []Shape{}},
		"equally long below a variation 0.3": {variationOf(t, 0.299), []Shape{ShapePrerecorded}},
	} {
		t.Run(name, func(t *testing.T) {
			e := NewEvidence(Subject{At: noon}, stored(t, c.all...))
			if !reflect.DeepEqual(e.Shapes, c.want) {
				t.Errorf("shapes %v, want %v (%+v)", e.Shapes, c.want, e.Summary)
			}
		})
	}
}

// variationOf makes eight sessions around 10000 ms whose coefficient of variation is v.
func variationOf(t *testing.T, v float64) []Session {
	t.Helper()
	all := of(times(8, 1)...)
	for i := range all {
		all[i].Audio = 10_000 + int64(v*10_000)*int64(i%2*2-1)
	}
	return all
}

func TestEvidenceIsOfTheNewestThirtySessionsOfAWeek(t *testing.T) {
	fresh := of(times(40, 1)...)
	for i := range fresh {
		fresh[i].Start = noon.Add(-time.Duration(i) * time.Minute)
	}
	if e := NewEvidence(Subject{At: noon}, stored(t, fresh...)); len(e.Sessions) != 30 || e.Summary.Sessions != 30 || e.Summary.Audio != 30*60_000 || !e.Sessions[29].Start.Equal(fresh[29].Start) {
		t.Errorf("%d sessions, %+v", len(e.Sessions), e.Summary)
	}
	old := of(1, 1, 1)
	old[1].Start = noon.Add(-EvidenceWindow - time.Minute) // ends exactly a week ago
	old[2].Start = noon.Add(-EvidenceWindow - time.Minute - time.Millisecond)
	broken := [][]byte{[]byte("{"), []byte(`{"v":2}`)}
	if e := NewEvidence(Subject{At: noon}, append(broken, stored(t, old...)...)); len(e.Sessions) != 2 || e.Summary.Unreadable != 2 {
		t.Errorf("%d sessions, %+v", len(e.Sessions), e.Summary)
	}
}

func TestTheSummaryAddsUp(t *testing.T) {
	all := of(10, 20, 0)
	all[0].Speech, all[0].Gaps = new(int64(300_000)), Gaps{1, 5000, 5000}
	all[1].Gaps = Gaps{2, 20_000, 15_000}
	all[1].Start = all[0].Start.Add(9 * time.Minute) // a minute beside it
	all[2].Start, all[2].Length = all[0].Start.Add(10*time.Minute), 1000
	got := NewEvidence(Subject{At: noon}, stored(t, all...)).Summary
	half, third := 0.5, 0.333
	want := Summary{
		Sessions: 3, Length: 31*60_000 - 59_000, Audio: 30 * 60_000, Longest: 20 * 60_000, SpeechShare: &half, Variation: &third,
		Gaps: Gaps{3, 25_000, 15_000}, AtOnce: 2,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v (%v, %v)\nwant %+v", got, *got.SpeechShare, *got.Variation, want)
	}
	all[0].Speech = new(int64(100 * 60_000)) // words that overlap their audio are no more than it
	if got := NewEvidence(Subject{At: noon}, stored(t, all...)).Summary; *got.SpeechShare != 1 {
		t.Errorf("share %v", *got.SpeechShare)
	}
	if got := NewEvidence(Subject{At: noon}, nil).Summary; !reflect.DeepEqual(got, Summary{}) {
		t.Errorf("of nothing: %+v", got)
	}
}

// example is the evidence in docs/classifier.md.
func example(t *testing.T) Evidence {
	t.Helper()
	all := of(62, 61, 63)
	for i := range all {
		all[i].Speech = new(all[i].Audio * 96 / 100)
	}
	all[1].Gaps = Gaps{1, 7000, 7000}
	all[2].Vendor, all[2].Model, all[2].Mode, all[2].Speech, all[2].Length = "speechmatics", "enhanced", "upload", nil, 41_200
	return NewEvidence(Subject{
		User: "user-1", Plan: "free", Case: "FU-0123456789AB", At: noon,
		Exceeded: []policy.Trigger{{Cap: "daily", Window: 86_400_000, Sum: 11_160_000, Limit: 7_200_000}},
	}, stored(t, all...))
}

func TestTheContractIsWhatTheDocumentationShows(t *testing.T) {
	var got bytes.Buffer
	enc := json.NewEncoder(&got)
	enc.SetIndent("", "  ")
	if err := enc.Encode(example(t)); err != nil {
		t.Fatal(err)
	}
	const golden = "testdata/evidence.json"
	if *update {
		if err := os.WriteFile(golden, got.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Bytes(), want) {
		t.Errorf("the evidence has changed; -update writes it, docs/classifier.md has to follow:\n%s", &got)
	}
	doc, err := os.ReadFile("../../docs/classifier.md")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(doc, want) {
		t.Error("docs/classifier.md shows other evidence than " + golden)
	}
}

func TestAnonymousEvidenceHasNoNames(t *testing.T) {
	b, err := encode(example(t).Anonymous())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"user-1", "free", "FU-"} {
		if bytes.Contains(b, []byte(name)) {
			t.Errorf("%s is in %s", name, b)
		}
	}
}
