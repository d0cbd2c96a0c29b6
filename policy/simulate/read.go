package simulate

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
)

// Part is a stretch of use, as it was recorded.
type Part struct {
	User, Plan, Provider string
	At                   time.Time // its end
	Audio, Speech        int64     // ms
}

// Record is what was read.
type Record struct {
	Parts   []Part // in time
	Refused Refused
}

// Refused is what users did not get then.
type Refused struct {
	Times int `json:"times"`
	Users int `json:"users"` // that are known
}

// The types of the events that are read; others are passed over.
const (
	typePart    = "dev.sttgate.usage.part.v1"
	typeEnd     = "dev.sttgate.usage.end.v1"
	typeRefusal = "dev.sttgate.usage.refusal.v1"
)

// event is what is read of a line (CloudEvents 1.0, JSON). An end's audio is that since the last part. A refusal has a count: it
// may stand for some.
type event struct {
	ID      string    `json:"id"`
	Source  string    `json:"source"`
	Type    string    `json:"type"`
	Subject string    `json:"subject"`
	Time    time.Time `json:"time"`
	Data    struct {
		Plan     string    `json:"plan"`
		Provider string    `json:"provider"`
		To       time.Time `json:"to"`
		Audio    int64     `json:"audio_ms"`
		Speech   *int64    `json:"speech_ms"`
		Count    int       `json:"count"`
	} `json:"data"`
}

// Lines are read with what is to be the standard library's second JSON package (github.com/go-json-experiment/json; the release
// was three weeks old when it was chosen). The first goes over each line twice, which is most of a simulation's time, and takes a name
// that stands twice.

// maxLine bounds a line: an event has a few hundred bytes.
const maxLine = 1 << 20

// reading is a Record that grows.
type reading struct {
	Record
	seen  map[[sha256.Size]byte]struct{} // of source and id: a million of these hold nothing that the collector has to look at
	users map[string]struct{}            // that were refused
	words intern
}

// Read reads usage events, one to a line. An event that was written twice counts once.
// progress, where it is not nil, is told of the bytes that were read. An error names the line.
func Read(r io.Reader, progress func(bytes int64)) (Record, error) {
	var (
		all   = reading{seen: map[[sha256.Size]byte]struct{}{}, users: map[string]struct{}{}, words: intern{}}
		lines = bufio.NewScanner(r)
		n     int
		read  int64
	)
	lines.Buffer(make([]byte, 64<<10), maxLine)
	for lines.Scan() {
		n++
		if read += int64(len(lines.Bytes())) + 1; progress != nil && n%1000 == 0 {
			progress(read)
		}
		line := bytes.TrimSpace(lines.Bytes())
		if len(line) == 0 {
			continue
		}
		var e event
		if err := json.Unmarshal(line, &e); err != nil && !another(line) {
			return Record{}, fmt.Errorf("line %d is no usage event: %w", n, err)
		}
		if err := all.take(e); err != nil {
			return Record{}, fmt.Errorf("line %d: %w", n, err)
		}
	}
	if err := lines.Err(); err != nil {
		return Record{}, fmt.Errorf("after line %d: %w", n, err)
	}
	if progress != nil {
		progress(read)
	}
	slices.SortStableFunc(all.Parts, func(a, b Part) int { return a.At.Compare(b.At) })
	all.Refused.Users = len(all.users)
	return all.Record, nil
}

// another reports whether a line is an event of a type that is not read: its data has a form of its own, in which "to" may be a stage.
func another(line []byte) bool {
	var e struct {
		Type string `json:"type"`
	}
	return json.Unmarshal(line, &e) == nil && e.Type != "" && !wanted(e.Type)
}

func wanted(typ string) bool { return typ == typePart || typ == typeEnd || typ == typeRefusal }

// take takes one event in.
func (a *reading) take(e event) error {
	if !wanted(e.Type) {
		return nil
	}
	var p Part
	var err error
	switch {
	case e.ID == "":
		err = errors.New("an event without an id: what is written twice could not be told")
	case e.Type != typeRefusal:
		p, err = e.part(a.words)
	case e.Data.Count < 1:
		err = errors.New("a refusal that never was: count is below 1")
	}
	if err != nil {
		return err
	}
	key := sha256.Sum256([]byte(e.Source + "\x00" + e.ID))
	if _, twice := a.seen[key]; twice {
		return nil
	}
	a.seen[key] = struct{}{}
	switch {
	case e.Type != typeRefusal:
		if p.Audio > 0 || p.Speech > 0 {
			a.Parts = append(a.Parts, p)
		}
		return nil
	case e.Subject != "":
		a.users[a.words.of(e.Subject)] = struct{}{}
	}
	a.Refused.Times += e.Data.Count
	return nil
}

func (e event) part(words intern) (Part, error) {
	p := Part{User: words.of(e.Subject), Plan: words.of(e.Data.Plan), Provider: words.of(e.Data.Provider), At: e.Data.To, Audio: e.Data.Audio, Speech: e.Data.Audio}
	if p.At.IsZero() {
		p.At = e.Time
	}
	if e.Data.Speech != nil {
		p.Speech = *e.Data.Speech
	}
	switch {
	case p.User == "":
		return p, errors.New("an event without a subject: whose use is it")
	case p.At.IsZero():
		return p, errors.New("an event without a time")
	case p.Audio < 0 || p.Speech < 0:
		return p, errors.New("a negative amount of audio")
	}
	return p, nil
}

// intern keeps one copy of each word: a million events have few of them.
type intern map[string]string

func (w intern) of(s string) string {
	if have, ok := w[s]; ok {
		return have
	}
	w[s] = s
	return s
}
