package review

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/sttgate/sttgate/policy"
)

// answer is one that is as agreed, with a member replaced; "" takes it out.
func answer(member, value string) string {
	all := [][2]string{{"misuse_score", "0.9"}, {"usage_type", `"podcast"`}, {"confidence", "0.5"}, {"evidence", `["a"]`}, {"reasoning", `"b"`}}
	var out []string
	for _, m := range all {
		if m[0] == member {
			m[1] = value
		}
		if m[1] != "" {
			out = append(out, fmt.Sprintf("%q: %s", m[0], m[1]))
		}
	}
	return "{" + strings.Join(out, ", ") + "}"
}

func list(n int, line string) string {
	return "[" + strings.TrimSuffix(strings.Repeat(fmt.Sprintf("%q,", line), n), ",") + "]"
}

func TestAnAnswerAsAgreedIsAVerdict(t *testing.T) {
	whole := policy.Verdict{Score: 0.9, Type: "podcast", Confidence: 0.5, Evidence: []string{"a"}, Reasoning: "b"}
	with := func(change func(*policy.Verdict)) policy.Verdict {
		v := whole
		change(&v)
		return v
	}
	for in, want := range map[string]policy.Verdict{
		answer("", ""):                                               whole,
		" \n" + answer("", "") + "\n ":                               whole,
		answer("misuse_score", "0"):                                  with(func(v *policy.Verdict) { v.Score = 0 }),
		answer("misuse_score", "-0"):                                 with(func(v *policy.Verdict) { v.Score = 0 }),
		answer("misuse_score", "1"):                                  with(func(v *policy.Verdict) { v.Score = 1 }),
		answer("misuse_score", "7e-1"):                               with(func(v *policy.Verdict) { v.Score = 0.7 }),
		answer("evidence", ""):                                       with(func(v *policy.Verdict) { v.Evidence = nil }),
		answer("evidence", "[]"):                                     with(func(v *policy.Verdict) { v.Evidence = []string{} }),
		answer("evidence", list(10, "c")):                            with(func(v *policy.Verdict) { v.Evidence = strings.Split("cccccccccc", "") }),
		answer("reasoning", ""):                                      with(func(v *policy.Verdict) { v.Reasoning = "" }),
		answer("reasoning", `"a\nb\u0000"`):                          with(func(v *policy.Verdict) { v.Reasoning = "a b" }),
		strings.Replace(answer("", ""), "{", `{"id": {"a": 1}, `, 1): whole,
	} {
		if got, err := ParseVerdict([]byte(in)); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v", in, got, err)
		}
	}
}

// canary stands where an answer could repeat what a user has said.
const canary = "CANARY-of-what-was-said-in-the-session"

func TestAnythingElseIsNoAnswer(t *testing.T) {
	for name, c := range map[string]struct{ in, want string }{
		"nothing":              {"", "no JSON object"},
		"text":                 {canary, "no JSON object"},
		"list":                 {"[" + answer("", "") + "]", "no JSON object"},
		"null":                 {"null", "no JSON object"},
		"half":                 {answer("", "")[:40], "broken JSON"},
		"more behind":          {answer("", "") + answer("", ""), "behind"},
		"text behind":          {answer("", "") + canary, "behind"},
		"no score":             {answer("misuse_score", ""), "misuse_score is missing"},
		"score of text":        {answer("misuse_score", `"0.9"`), "misuse_score is no number"},
		"score null":           {answer("misuse_score", "null"), "misuse_score is no number"},
		"score true":           {answer("misuse_score", "true"), "misuse_score is no number"},
		"score over 1":         {answer("misuse_score", "1.2"), "misuse_score is not from 0 to 1"},
		"score below 0":        {answer("misuse_score", "-0.1"), "misuse_score is not from 0 to 1"},
		"score without end":    {answer("misuse_score", "1e999"), "misuse_score is not from 0 to 1"},
		"score NaN":            {answer("misuse_score", "NaN"), "broken JSON"},
		"score Infinity":       {answer("misuse_score", "Infinity"), "broken JSON"},
		"score twice":          {strings.Replace(answer("", ""), "{", `{"misuse_score": 0, `, 1), "misuse_score twice"},
		"score of other case":  {strings.Replace(answer("", ""), "misuse_score", "Misuse_Score", 1), "misuse_score is missing"},
		"no confidence":        {answer("confidence", ""), "confidence is missing"},
		"confidence over 1":    {answer("confidence", "90"), "confidence is not from 0 to 1"},
		"no type":              {answer("usage_type", ""), "usage_type is missing"},
		"type null":            {answer("usage_type", "null"), "usage_type is missing"},
		"unknown type":         {answer("usage_type", `"`+canary+`"`), "none of the agreed"},
		"type of other case":   {answer("usage_type", `"Podcast"`), "none of the agreed"},
		"evidence of text":     {answer("evidence", `"`+canary+`"`), "evidence is no list"},
		"evidence null":        {answer("evidence", "null"), "evidence is no list"},
		"evidence of numbers":  {answer("evidence", `["a", 1]`), "no string (2)"},
		"evidence of 11":       {answer("evidence", list(11, canary)), "11 lines"},
		"evidence too long":    {answer("evidence", list(1, strings.Repeat("x", mostLine+1))), "501 characters"},
		"reasoning of objects": {answer("reasoning", `{"a": 1}`), "reasoning is no string"},
		"reasoning too long":   {answer("reasoning", `"`+strings.Repeat("x", mostReasoning+1)+`"`), "2001 characters"},
	} {
		t.Run(name, func(t *testing.T) {
			v, err := ParseVerdict([]byte(c.in))
			if !errors.Is(err, policy.ErrAnswer) || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), canary) || !reflect.DeepEqual(v, policy.Verdict{}) {
				t.Errorf("%+v, %v; want %s", v, err, c.want)
			}
		})
	}
}

// FuzzParseVerdict finds that every verdict is within its bounds, and that errors are small.
func FuzzParseVerdict(f *testing.F) {
	f.Add([]byte(answer("", "")))
	f.Add([]byte(answer("evidence", list(10, "\x00ü"))))
	f.Add([]byte(`{"misuse_score":1e-400,"usage_type":"none","confidence":-0,"x":[[{}]]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := ParseVerdict(b)
		if err != nil {
			if !errors.Is(err, policy.ErrAnswer) || len(err.Error()) > 300 {
				t.Errorf("%v", err)
			}
			return
		}
		if !(v.Score >= 0 && v.Score <= 1 && v.Confidence >= 0 && v.Confidence <= 1) || len(v.Evidence) > mostEvidence || utf8.RuneCountInString(v.Reasoning) > mostReasoning {
			t.Errorf("%+v", v)
		}
		for _, line := range append(v.Evidence, v.Reasoning) {
			if !utf8.ValidString(line) || strings.ContainsAny(line, "\n\r\x00") || utf8.RuneCountInString(line) > mostReasoning {
				t.Errorf("line %q", line)
			}
		}
	})
}

// FuzzChat finds that a chat endpoint can answer what it likes.
func FuzzChat(f *testing.F) {
	f.Add([]byte(`{"choices":[{"message":{"content":"{}"},"finish_reason":"stop"}]}`))
	f.Add([]byte("{\"choices\":[{\"message\":{\"content\":\"```json\\n{}\\n```\"}}]}"))
	f.Fuzz(func(t *testing.T, b []byte) {
		content, err := chatContent(b)
		if err != nil {
			if len(err.Error()) > 300 {
				t.Errorf("%v", err)
			}
			return
		}
		if once := unfenced(content); len(once) > len(content) {
			t.Errorf("%q of %q", once, content)
		}
	})
}
