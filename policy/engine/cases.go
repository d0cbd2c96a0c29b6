package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/sttgate/sttgate/policy"
)

// ErrNoCase says that nothing is known of a case: there never was one, or it is too long ago.
var ErrNoCase = errors.New("no such case")

const (
	// keepCase is how long a case can be looked up.
	keepCase = 366 * 24 * time.Hour
	// mostCase is what a note holds.
	mostCase = 4 << 10
)

func caseKey(ref string) string { return "case:" + ref }

// keep writes a case down. What a classifier had to say is left out where there is no room for it.
func (e *Engine) keep(ctx context.Context, ev policy.Event) error {
	if ev.Ref == "" {
		return nil
	}
	b, err := json.Marshal(ev)
	if err == nil && len(b) > mostCase {
		ev.Verdict.Evidence, ev.Verdict.Reasoning = nil, ""
		b, err = json.Marshal(ev)
	}
	if err != nil {
		return err
	}
	return e.Store.Note(ctx, caseKey(ev.Ref), b, keepCase)
}

// Case looks an event up by its reference. The error is ErrNoCase where there is none.
func (e *Engine) Case(ctx context.Context, ref string) (policy.Event, error) {
	if !policy.IsReference(ref) {
		return policy.Event{}, fmt.Errorf("%q: %w", ref, ErrNoCase)
	}
	b, err := e.Store.Noted(ctx, caseKey(ref))
	switch {
	case err != nil:
		return policy.Event{}, err
	case b == nil:
		return policy.Event{}, fmt.Errorf("%s: %w", ref, ErrNoCase)
	}
	var ev policy.Event
	if err := json.Unmarshal(b, &ev); err != nil {
		return policy.Event{}, fmt.Errorf("case %s: %w", ref, err)
	}
	return ev, nil
}
