package notify

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sttgate/sttgate/policy"
)

// Notices makes the messages of the webhook: what people are told, and the figures behind it.
type Notices struct{ texts templates }

// NewNotices reads the texts of a config.
func NewNotices(t Texts) (Notices, error) {
	var f faults
	parsed := t.WithDefaults().parse(&f)
	return Notices{parsed}, errors.Join(f...)
}

// notice is the body of a message, in the form that Standard Webhooks recommends.
type notice struct {
	Type      string    `json:"type"`
	Timestamp time.Time `json:"timestamp"`
	Data      any       `json:"data"`
}

// stepData is an event with the words for its user.
type stepData struct {
	Text string `json:"text"`
	policy.Event
}

// Step makes the message of a step, if there is to be one: the stage's actions say so, and somebody feels it. On the way up it is the stage
// that is entered which says so, on the way down the one that is left: who was told of a limit is told of its end.
func (n Notices) Step(e policy.Event, c policy.Config) (Message, bool, error) {
	up := slices.Index(policy.Stages(), e.To) > slices.Index(policy.Stages(), e.From)
	says := e.From
	if up {
		says = e.To
	}
	if e.Shadow || !e.Moved() || !c.Stages[says].Actions.Notify {
		return Message{}, false, nil
	}
	key := "restored"
	switch {
	case up && e.Cause == policy.FreeExhausted:
		key = "free_exhausted"
	case up:
		key = "step"
	}
	text, err := n.texts.say(key, StepText{
		User: e.User, Plan: e.Plan, Case: e.Ref, Cause: string(e.Cause), From: string(e.From), To: string(e.To), Reason: e.Reason, At: e.At,
	})
	if err != nil {
		return Message{}, false, err
	}
	m, err := toWebhook(e.ID(), notice{"policy." + key, e.At.UTC(), stepData{text, e}})
	return m, err == nil, err
}

// budgetData is a budget with the words for its user.
type budgetData struct {
	Text      string    `json:"text"`
	User      string    `json:"user"`
	Plan      string    `json:"plan,omitempty"`
	Budget    string    `json:"budget"`
	Limit     int64     `json:"limit_ms"`
	Granted   int64     `json:"granted_ms,omitempty"` // beside the limit, in this window
	Used      int64     `json:"used_ms"`
	Remaining int64     `json:"remaining_ms"`
	Resets    time.Time `json:"resets,omitzero"`
	Free      bool      `json:"free,omitempty"` // the budget no longer holds for the user
}

// budget makes the message of a budget; key is that of its text.
func (n Notices) budget(id, key string, s Standing) (Message, error) {
	text, err := n.texts.say(key, BudgetText{
		User: s.User, Plan: s.Plan, Budget: s.Budget, Percent: percentOf(s), Limit: span(s.Limit + s.Granted), Left: span(s.Remaining), Resets: s.Resets, Within: Span(s.Rolling), Free: s.Gone,
	})
	if err != nil {
		return Message{}, err
	}
	data := budgetData{text, s.User, s.Plan, s.Budget, s.Limit, s.Granted, s.Used, s.Remaining, s.Resets.UTC(), s.Gone}
	return toWebhook(id, notice{"budget." + strings.TrimPrefix(key, "budget_"), s.At.UTC(), data})
}

func span(ms int64) Span { return Span(time.Duration(ms) * time.Millisecond) }

func toWebhook(id string, n notice) (Message, error) {
	body, err := json.Marshal(n)
	if err != nil {
		return Message{}, fmt.Errorf("message %s: %w", id, err)
	}
	return Message{To: ToWebhook, ID: id, At: n.Timestamp, Body: body}, nil
}
