package review

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/sttgate/sttgate/policy"
)

// chat asks anything with an OpenAI-compatible chat endpoint. The evidence goes without the names of the user, their plan and
// their case: the model has no use for them.
type chat struct {
	caller
	model string
}

type chatRequest struct {
	Model       string        `json:"model"`
	Temperature float64       `json:"temperature"`
	Format      chatFormat    `json:"response_format"`
	Messages    []chatMessage `json:"messages"`
}

type chatFormat struct {
	Type string `json:"type"`
}

type chatMessage struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

func (c chat) ask(ctx context.Context, e Evidence) (policy.Verdict, error) {
	shown, err := encode(e.Anonymous())
	if err != nil {
		return policy.Verdict{}, err
	}
	body, err := encode(chatRequest{
		Model: c.model, Format: chatFormat{"json_object"},
		Messages: []chatMessage{{"system", prompt(e.Shapes)}, {"user", string(shown)}},
	})
	if err != nil {
		return policy.Verdict{}, err
	}
	answer, err := c.post(ctx, body)
	if err != nil {
		return policy.Verdict{}, err
	}
	content, err := chatContent(answer)
	if err != nil {
		return policy.Verdict{}, fmt.Errorf("%w: %w", policy.ErrAnswer, err)
	}
	return ParseVerdict([]byte(unfenced(content)))
}

// completions is the address of the chat endpoint below a base.
func completions(base string) string {
	u, err := url.Parse(base)
	if err != nil { // it was valid before
		return base
	}
	return u.JoinPath("chat/completions").String()
}

// chatContent is what the model has said: all of it, and not the half that fitted into a limit.
func chatContent(answer []byte) (string, error) {
	top, err := members(answer, "choices")
	if err != nil {
		return "", fmt.Errorf("the chat endpoint's %w", err)
	}
	var choices []json.RawMessage
	if raw := top["choices"]; len(raw) == 0 || raw[0] != '[' || json.Unmarshal(raw, &choices) != nil || len(choices) == 0 {
		return "", errors.New("the chat endpoint's has no choices")
	}
	choice, err := members(choices[0], "message", "finish_reason")
	if err != nil {
		return "", fmt.Errorf("the chat endpoint's choice %w", err)
	}
	if why, _ := word(choice["finish_reason"]); why != "" && why != "stop" {
		return "", fmt.Errorf("the model has not come to its end (%.20q)", why)
	}
	message, err := members(choice["message"], "content")
	if err != nil {
		return "", fmt.Errorf("the chat endpoint's message %w", err)
	}
	content, ok := word(message["content"])
	if !ok {
		return "", errors.New("the model has said nothing, or refused")
	}
	return content, nil
}

// unfenced takes the code fence off an answer: many models put one around JSON, whatever they are told.
func unfenced(s string) string {
	s = strings.TrimSpace(s)
	inner, ok := strings.CutPrefix(s, "```")
	if !ok {
		return s
	}
	head, rest, ok := strings.Cut(inner, "\n")
	if word := strings.TrimSpace(head); !ok || word != "" && !strings.EqualFold(word, "json") {
		return s
	}
	if inner, ok = strings.CutSuffix(strings.TrimSpace(rest), "```"); !ok {
		return s
	}
	return strings.TrimSpace(inner)
}
