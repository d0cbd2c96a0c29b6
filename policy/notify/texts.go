package notify

import (
	"fmt"
	"io"
	"strings"
	"text/template"
	"time"

	"github.com/sttgate/sttgate/policy"
)

// Texts are what users are told, as templates (text/template). Those of steps are given a [StepText], those of budgets a
// [BudgetText].
type Texts struct {
	Step          string // one stage up
	FreeExhausted string // one stage up because free credits are spent: no reproach
	Restored      string // down, whatever the cause
	Budget80      string // four fifths of a budget are spent
	Budget95      string
	BudgetSpent   string
	BudgetBack    string // there is something again for somebody who was told that it was spent
}

// StepText is what the templates of steps may name.
type StepText struct {
	User, Plan string
	Case       string // the reference, "" where there is none
	Cause      string // violation, cap, free_exhausted, manual, restored, reset, source, …
	From, To   string // none, warning, throttle, restrict
	Reason     string // an operator's
	At         time.Time
}

// BudgetText is what the templates of budgets may name.
type BudgetText struct {
	User, Plan string
	Budget     string // its name
	Percent    int    // that is spent, at most 100
	Limit      Span   // of audio: "30 min"
	Left       Span
	Resets     time.Time // when the next window begins; of one that is a duration, when some of it is back
	Within     Span      // the length of a window that is a duration; 0 for others
	Free       bool      // of BudgetBack: the budget no longer holds for the user, so that nothing is counted
}

// WithDefaults fills the empty ones.
func (t Texts) WithDefaults() Texts {
	for _, f := range t.fields() {
		if *f.text == "" {
			*f.text = f.standard
		}
	}
	return t
}

const (
	defaultStep = `{{if eq .To "warning"}}Your use of transcription is unusually high. If it goes on, transcription will be slowed down.` +
		`{{else if eq .To "throttle"}}Your use of transcription is still unusually high, so it is slowed down for now. This ends by itself when your use is back to normal.` +
		`{{else}}Your use of transcription has been unusually high for long, so how much you can transcribe is limited for now.{{end}}` +
		` If you think that this is a mistake, please contact support{{with .Case}} and name {{.}}{{end}}.`
	defaultFreeExhausted = `Your free transcription is used up.{{if eq .To "restrict"}} Until it is renewed or you change your plan, how much you can transcribe is limited.` +
		`{{else}} To go on without limits, wait until it is renewed or change your plan.{{end}}{{with .Case}} Your reference is {{.}}.{{end}}`
	defaultRestored    = `{{if eq .To "none"}}Transcription is back to normal for you.{{else}}The limits on your transcription have been eased.{{end}}`
	defaultBudget80    = `You have used {{.Percent}} % of the transcription that you have {{if .Within}}within {{.Within}}{{else}}until {{.Resets.Format "2 January 15:04 MST"}}{{end}}; {{.Left}} is left.`
	defaultBudget95    = `Your transcription is nearly used up: {{.Left}} is left{{if not .Within}} until {{.Resets.Format "2 January 15:04 MST"}}{{end}}.`
	defaultBudgetSpent = `Your transcription is used up. {{if .Within}}Some of it is back{{else}}You can go on{{end}} from {{.Resets.Format "2 January 15:04 MST"}}.`
	defaultBudgetBack  = `You can transcribe again{{if .Free}}{{else if .Within}}: {{.Left}} for now{{else}}: {{.Left}} until {{.Resets.Format "2 January 15:04 MST"}}{{end}}.`
)

// textField is one of Texts: its key, which is a word of the message's type, too.
type textField struct {
	key      string
	text     *string
	standard string
	samples  []any
}

// fields are all of t's, in the order of the file.
func (t *Texts) fields() []textField {
	at := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	var steps []any
	for _, s := range policy.Stages() {
		steps = append(steps, StepText{User: "anna", Plan: "pro", Case: "FU-0123456789AB", Cause: "violation", From: "none", To: string(s), Reason: "asked by support", At: at})
	}
	budget := BudgetText{User: "anna", Plan: "pro", Budget: "daily", Percent: 80, Limit: Span(30 * time.Minute), Left: Span(6 * time.Minute), Resets: at}
	rolling, free := budget, budget
	rolling.Within, free.Free = Span(24*time.Hour), true
	budgets := []any{budget, rolling, free}
	return []textField{
		{"step", &t.Step, defaultStep, steps},
		{"free_exhausted", &t.FreeExhausted, defaultFreeExhausted, steps},
		{"restored", &t.Restored, defaultRestored, steps},
		{"budget_80", &t.Budget80, defaultBudget80, budgets},
		{"budget_95", &t.Budget95, defaultBudget95, budgets},
		{"budget_spent", &t.BudgetSpent, defaultBudgetSpent, budgets},
		{"budget_back", &t.BudgetBack, defaultBudgetBack, budgets},
	}
}

// templates are parsed texts by their key.
type templates map[string]*template.Template

// parse reads the texts and tries each, so that a wrong one is known before somebody waits for it.
func (t Texts) parse(f *faults) templates {
	out := templates{}
	for _, field := range t.fields() {
		key := "texts." + field.key
		if strings.TrimSpace(*field.text) == "" {
			f.add(key, "must not be empty: leave it out for the default")
			continue
		}
		tmpl, err := template.New(field.key).Parse(*field.text)
		for _, sample := range field.samples {
			if err == nil {
				err = tmpl.Execute(io.Discard, sample)
			}
		}
		if err != nil {
			f.add(key, "%w", err)
			continue
		}
		out[field.key] = tmpl
	}
	return out
}

func (t templates) say(key string, data any) (string, error) {
	var b strings.Builder
	if err := t[key].Execute(&b, data); err != nil {
		return "", fmt.Errorf("notify.texts.%s: %w", key, err)
	}
	return b.String(), nil
}
