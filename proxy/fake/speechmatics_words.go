package fake

import "fmt"

type speechmaticsResult struct {
	Type         string                    `json:"type"`
	Start        float64                   `json:"start_time"`
	End          float64                   `json:"end_time"`
	EOS          bool                      `json:"is_eos,omitempty"`
	Alternatives []speechmaticsAlternative `json:"alternatives"`
}

type speechmaticsAlternative struct {
	Content    string  `json:"content"`
	Confidence float64 `json:"confidence"`
	Language   string  `json:"language"`
}

type speechmaticsTranscript struct {
	Message  string `json:"message"`
	Format   string `json:"format"`
	Channel  string `json:"channel,omitempty"`
	Forced   bool   `json:"forced,omitempty"`
	Metadata struct {
		Start      float64 `json:"start_time"`
		End        float64 `json:"end_time"`
		Transcript string  `json:"transcript"`
	} `json:"metadata"`
	Results []speechmaticsResult `json:"results"`
}

// transcribe sends what is due: a partial transcript at each half step where asked, a
// final one at each step.
func (d *speechmaticsDialect) transcribe(l *speechmaticsLane) {
	half := d.s.timing.bytes(d.s.c.o.Step / 2)
	for ; half > 0 && l.next*half <= l.bytes; l.next++ {
		switch at := l.next * half; {
		case l.next%2 == 0:
			d.say(l, "AddTranscript", at, false)
			l.final = at
		case d.partials:
			d.say(l, "AddPartialTranscript", at, false)
		}
	}
}

// flush makes all of a channel's audio final.
func (d *speechmaticsDialect) flush(l *speechmaticsLane, forced bool) {
	if d.s.timing.bps == 0 {
		return
	}
	if forced || l.bytes > l.final {
		d.say(l, "AddTranscript", l.bytes, forced)
		l.final = l.bytes
	}
	if forced {
		end := d.s.timing.seconds(l.bytes)
		d.s.send(map[string]any{"message": "EndOfUtterance", "metadata": map[string]float64{"start_time": end, "end_time": end}})
	}
}

// say tells the audio from the last final transcript to here.
func (d *speechmaticsDialect) say(l *speechmaticsLane, kind string, to int64, forced bool) {
	m := speechmaticsTranscript{Message: kind, Format: "2.9", Channel: l.channel, Forced: forced}
	m.Metadata.Start, m.Metadata.End = d.s.timing.seconds(l.final), d.s.timing.seconds(to)
	m.Metadata.Transcript, m.Results = speechmaticsSaid(m.Metadata.Start, m.Metadata.End)
	d.s.send(m)
}

// speechmaticsSaid is the placeholder for a transcript: how much audio was heard by its end.
func speechmaticsSaid(from, to float64) (string, []speechmaticsResult) {
	if to <= from {
		return "", []speechmaticsResult{}
	}
	words := []string{fmt.Sprintf("%.1f", to), "seconds", "heard"}
	part := (to - from) / float64(len(words))
	var out []speechmaticsResult
	for i, w := range words {
		out = append(out, speechmaticsResult{
			Type: "word", Start: from + part*float64(i), End: from + part*float64(i+1),
			Alternatives: []speechmaticsAlternative{{w, 0.99, "en"}},
		})
	}
	return words[0] + " seconds heard", append(out, speechmaticsResult{
		Type: "punctuation", Start: to, End: to, EOS: true, Alternatives: []speechmaticsAlternative{{".", 1, "en"}},
	})
}
