package review

import (
	"time"

	"github.com/sttgate/sttgate/policy"
)

const (
	// EvidenceSessions is how many sessions are evidence: the newest ones.
	EvidenceSessions = 30
	// EvidenceWindow is how far they reach back.
	EvidenceWindow = 7 * 24 * time.Hour

	evidenceVersion = 1
)

// Evidence is what a classifier is shown of a user; docs/classifier.md is its contract. It is facts and arithmetic, and no judgement.
type Evidence struct {
	Version int       `json:"version"`
	Case    string    `json:"case,omitempty"`
	User    string    `json:"user,omitempty"`
	Plan    string    `json:"plan,omitempty"`
	At      time.Time `json:"at"`
	// Exceeded are the soft caps that the user is over, with the numbers.
	Exceeded []policy.Trigger `json:"exceeded"`
	Summary  Summary          `json:"summary"`
	Shapes   []Shape          `json:"shapes"`
	Sessions []Session        `json:"sessions"` // the newest first
}

// Subject is whom evidence is about, and why.
type Subject struct {
	User, Plan string
	Case       string
	Exceeded   []policy.Trigger
	At         time.Time
}

// NewEvidence makes evidence of a user's stored sessions, which the ledger gives with the newest first. What cannot be read, such as a newer
// gateway's, is passed over and counted.
func NewEvidence(who Subject, entries [][]byte) Evidence {
	e := Evidence{
		Version: evidenceVersion, Case: who.Case, User: who.User, Plan: who.Plan, At: who.At.UTC().Truncate(time.Second),
		Exceeded: append([]policy.Trigger{}, who.Exceeded...), Sessions: []Session{},
	}
	unreadable, oldest := 0, who.At.Add(-EvidenceWindow)
	var heard []Session
	for _, raw := range entries {
		if len(e.Sessions) == EvidenceSessions {
			break
		}
		s, err := DecodeSession(raw)
		switch {
		case err != nil:
			unreadable++
		case s.end().Before(oldest):
		default:
			e.Sessions = append(e.Sessions, s)
			if s.Audio > 0 {
				heard = append(heard, s)
			}
		}
	}
	e.Summary, e.Shapes = summarize(e.Sessions, heard, unreadable), shapes(heard)
	return e
}

// Anonymous is the evidence without the names of the user, their plan and their case: for a classifier that is somebody else's.
func (e Evidence) Anonymous() Evidence {
	e.User, e.Plan, e.Case = "", "", ""
	return e
}

func (s Session) end() time.Time { return s.Start.Add(time.Duration(s.Length) * time.Millisecond) }
