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

// The types of the events that are read; others are passed over.
const (
	typePart = "dev.sttgate.usage.part.v1"
	typeEnd  = "dev.sttgate.usage.end.v1"
)

// event is what is read of a line (CloudEvents 1.0, JSON). An end's audio is that since the last part.
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
	} `json:"data"`
}

// maxLine bounds a line: an event has a few hundred bytes.
const maxLine = 1 << 20

// Read reads usage events, one to a line, and returns their parts in time. An event that was written twice counts once.
// progress, where it is not nil, is told of the bytes that were read. An error names the line.
func Read(r io.Reader, progress func(bytes int64)) ([]Part, error) {
	var (
		parts []Part
		seen  = map[string]struct{}{}
		lines = bufio.NewScanner(r)
		n     int
		read  int64
		words = intern{}
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
			return nil, fmt.Errorf("line %d is no usage event: %w", n, err)
		}
		if e.Type != typePart && e.Type != typeEnd {
			continue
		}
		p, err := e.part(words)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		key := e.Source + "\x00" + e.ID
		if _, twice := seen[key]; twice {
			continue
		}
		seen[key] = struct{}{}
		if p.Audio > 0 || p.Speech > 0 {
			parts = append(parts, p)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("after line %d: %w", n, err)
	}
	if progress != nil {
		progress(read)
	}
	slices.SortStableFunc(parts, func(a, b Part) int { return a.At.Compare(b.At) })
	return parts, nil
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
	case e.ID == "":
		return p, errors.New("an event without an id: what is written twice could not be told")
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
