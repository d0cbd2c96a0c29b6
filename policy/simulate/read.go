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

// maxLine bounds a line: an event has a few hundred bytes.
const maxLine = 1 << 20

// reading is a Record that grows.
type reading struct {
	Record
	seen  map[[sha256.Size]byte]struct{} // of source and id: a million of these hold nothing that the collector has to look at
	users map[string]struct{}            // that were refused
	named []byte                         // source and id of the event at hand
}

// Read reads usage events, one to a line. An event that was written twice counts once.
// progress, where it is not nil, is told of the bytes that were read. An error names the line.
func Read(r io.Reader, progress func(bytes int64)) (Record, error) {
	var (
		all    = reading{seen: map[[sha256.Size]byte]struct{}{}, users: map[string]struct{}{}}
		events = newEventReader()
		lines  = bufio.NewScanner(r)
		n      int
		read   int64
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
		e, err := events.line(line)
		if err != nil {
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
func (a *reading) take(e *event) error {
	if !wanted(e.typ) {
		return nil
	}
	var p Part
	var err error
	switch {
	case len(e.id) == 0:
		err = errors.New("an event without an id: what is written twice could not be told")
	case e.typ != typeRefusal:
		p, err = e.part()
	case e.count < 1:
		err = errors.New("a refusal that never was: count is below 1")
	}
	if err != nil || a.again(e) {
		return err
	}
	switch {
	case e.typ != typeRefusal:
		if p.Audio > 0 || p.Speech > 0 {
			a.Parts = append(a.Parts, p)
		}
		return nil
	case e.user != "":
		a.users[e.user] = struct{}{}
	}
	a.Refused.Times += int(e.count)
	return nil
}

// again reports whether an event was taken in before.
func (a *reading) again(e *event) bool {
	a.named = append(append(append(a.named[:0], e.source...), 0), e.id...)
	key := sha256.Sum256(a.named)
	_, twice := a.seen[key]
	a.seen[key] = struct{}{}
	return twice
}

func (e *event) part() (Part, error) {
	p := Part{User: e.user, Plan: e.plan, Provider: e.provider, At: e.to, Audio: e.audio, Speech: e.audio}
	if p.At.IsZero() {
		p.At = e.at
	}
	if e.heard {
		p.Speech = e.speech
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
