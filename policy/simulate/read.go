package simulate

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
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

// event is what is read of a line (CloudEvents 1.0, JSON). What data is depends on the type.
type event struct {
	ID      string          `json:"id"`
	Source  string          `json:"source"`
	Type    string          `json:"type"`
	Subject string          `json:"subject"`
	Time    time.Time       `json:"time"`
	Data    json.RawMessage `json:"data"`
}

// used is the data of a part or an end. An end's audio is that since the last part.
type used struct {
	Plan     string    `json:"plan"`
	Provider string    `json:"provider"`
	To       time.Time `json:"to"`
	Audio    int64     `json:"audio_ms"`
	Speech   *int64    `json:"speech_ms"`
}

// refused is the data of a refusal: it may stand for some.
type refused struct {
	Count int `json:"count"`
}

// maxLine bounds a line: an event has a few hundred bytes.
const maxLine = 1 << 20

// reading is a Record that grows.
type reading struct {
	Record
	seen  map[string]struct{}
	users map[string]struct{} // that were refused
	words intern
}

// Read reads usage events, one to a line. An event that was written twice counts once.
// progress, where it is not nil, is told of the bytes that were read. An error names the line.
func Read(r io.Reader, progress func(bytes int64)) (Record, error) {
	var (
		all   = reading{seen: map[string]struct{}{}, users: map[string]struct{}{}, words: intern{}}
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
		if err := json.Unmarshal(line, &e); err != nil {
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

// take takes one event in.
func (a *reading) take(e event) error {
	var p Part
	var r refused
	var err error
	switch e.Type {
	case typePart, typeEnd:
		p, err = e.part(a.words)
	case typeRefusal:
		r, err = e.refused()
	default:
		return nil
	}
	if err != nil {
		return err
	}
	key := e.Source + "\x00" + e.ID
	if _, twice := a.seen[key]; twice {
		return nil
	}
	a.seen[key] = struct{}{}
	if p.Audio > 0 || p.Speech > 0 {
		a.Parts = append(a.Parts, p)
	}
	if a.Refused.Times += r.Count; r.Count > 0 && e.Subject != "" {
		a.users[a.words.of(e.Subject)] = struct{}{}
	}
	return nil
}

func (e event) refused() (r refused, err error) {
	if err := json.Unmarshal(e.Data, &r); err != nil {
		return r, fmt.Errorf("the data of a refusal: %w", err)
	}
	switch {
	case e.ID == "":
		return r, errNoID
	case r.Count < 1:
		return r, errors.New("a refusal that never was: count is below 1")
	}
	return r, nil
}

var errNoID = errors.New("an event without an id: what is written twice could not be told")

func (e event) part(words intern) (Part, error) {
	var d used
	if err := json.Unmarshal(e.Data, &d); err != nil {
		return Part{}, fmt.Errorf("the data of a part: %w", err)
	}
	p := Part{User: words.of(e.Subject), Plan: words.of(d.Plan), Provider: words.of(d.Provider), At: d.To, Audio: d.Audio, Speech: d.Audio}
	if p.At.IsZero() {
		p.At = e.Time
	}
	if d.Speech != nil {
		p.Speech = *d.Speech
	}
	switch {
	case e.ID == "":
		return p, errNoID
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
