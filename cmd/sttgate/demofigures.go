package main

import (
	"fmt"
	"net/http"
	"strings"
)

// act is one stream of the demo. Each figure comes from somebody else, so that
// they cannot agree by being the same number.
type act struct {
	Name       string `json:"name"`
	Provider   string `json:"provider"`
	User       string `json:"user"`
	Stage      string `json:"stage"`              // the admin API's
	BudgetMS   int64  `json:"budget_ms"`          // what the stage allows; 0: no budget applies
	SentMS     int64  `json:"sent_ms"`            // the client counted its bytes
	Forwarded  int64  `json:"forwarded_ms"`       // the vendor counted the bytes that came
	Dropped    int64  `json:"dropped_ms"`         // the gateway's metric, in bytes
	Charged    int64  `json:"charged_ms"`         // the ledger, asked through the admin API
	Reported   int64  `json:"vendor_reported_ms"` // the vendor's Metadata; -1: none
	BudgetUsed int64  `json:"budget_used_ms"`     // the ledger: what is gone of the budgets that apply
	Intact     bool   `json:"intact"`             // the vendor's SHA-256 is that of the recording's beginning
	Status     int    `json:"status"`             // of the handshake; 101: a stream
	RetryAfter int64  `json:"retry_after_s,omitempty"`
	Reason     string `json:"reason,omitempty"` // X-Sttgate-Reason of a refusal, or the notice inside the stream
	Result     string `json:"result"`           // for people
}

// Which promise an act shows.
const (
	actFree    = "free"    // nobody limits the user
	actCut     = "cut"     // the budget ends inside the stream
	actEnded   = "ended"   // the same at a vendor whose streams are ended, in its own words
	actRefused = "refused" // the budget is spent: 429 at the door
)

// reasonExhausted is what a spent budget is called on the wire.
const reasonExhausted = "budget_exhausted"

// wrong is a figure that is not what it has to be.
type wrong struct {
	Act  string `json:"act"`
	What string `json:"what"`
	Got  string `json:"got"`
	Want string `json:"want"`
}

func (w wrong) String() string {
	return fmt.Sprintf("%s: %s is %s and should be %s", w.Act, w.What, w.Got, w.Want)
}

// audit checks the demo's figures against the gateway's promises. It is pure.
// fullMS is how long the recording is. No wrong figure is no complaint.
func audit(acts []act, fullMS int64) []wrong {
	var a auditor
	names := make([]string, len(acts))
	for i, x := range acts {
		names[i] = x.Provider + " " + x.Name
	}
	if got, want := strings.Join(names, ", "), strings.Join(demoActs(), ", "); got != want {
		return []wrong{{"demo", "list of acts", got, want}}
	}
	for _, x := range acts {
		a.act = x.Provider + " " + x.Name + " (" + x.User + ")"
		switch x.Name {
		case actFree:
			a.stream(x, fullMS)
			a.ms("forwarded", x.Forwarded, fullMS)
			a.ms("budget used", x.BudgetUsed, 0)
			a.text("stage", x.Stage, "none")
			a.text("reason", x.Reason, "")
		case actCut:
			a.stream(x, fullMS)
			a.ms("forwarded (against the budget)", x.Forwarded, x.BudgetMS)
			a.ms("budget used (against forwarded)", x.BudgetUsed, x.Forwarded)
			a.text("stage", x.Stage, "restrict")
			a.text("reason", x.Reason, reasonExhausted)
			if x.BudgetMS <= 0 || x.BudgetMS >= fullMS {
				a.text("budget", seconds(x.BudgetMS), "between nothing and "+seconds(fullMS))
			}
		case actEnded:
			a.ended(x)
		case actRefused:
			a.text("status", fmt.Sprint(x.Status), fmt.Sprint(http.StatusTooManyRequests))
			a.text("reason", x.Reason, reasonExhausted)
			a.text("stage", x.Stage, "restrict")
			a.ms("sent", x.SentMS, 0)
			a.ms("forwarded", x.Forwarded, 0)
			a.ms("dropped", x.Dropped, 0)
			a.ms("charged", x.Charged, 0)
			a.ms("budget used", x.BudgetUsed, 0)
			if x.RetryAfter <= 0 {
				a.text("retry-after", fmt.Sprint(x.RetryAfter, " s"), "a time when the budget is back")
			}
		}
	}
	return a.found
}

// demoActs is what the demo shows, in order.
func demoActs() []string {
	return []string{
		"deepgram " + actFree, "deepgram " + actCut, "deepgram " + actRefused,
		"soniox " + actFree, "soniox " + actEnded, "speechmatics " + actFree, "speechmatics " + actEnded,
	}
}

// spentReason is what a spent budget is called inside a stream, in the vendor's own words.
func spentReason(vendor string) string {
	switch vendor {
	case "soniox":
		return "limit_exceeded"
	case "speechmatics":
		return "timelimit_exceeded"
	}
	return reasonExhausted
}

// auditor gathers complaints about one act after the other.
type auditor struct {
	act   string
	found []wrong
}

// stream holds what is true of every stream that stood.
func (a *auditor) stream(x act, fullMS int64) {
	a.text("status", fmt.Sprint(x.Status), fmt.Sprint(http.StatusSwitchingProtocols))
	a.ms("sent", x.SentMS, fullMS)
	a.ms("dropped (against sent less forwarded)", x.Dropped, x.SentMS-x.Forwarded)
	a.text("the audio's SHA-256", match(x.Intact), match(true))
	a.ms("charged (against forwarded)", x.Charged, x.Forwarded)
	a.ms("vendor-reported (against forwarded)", x.Reported, x.Forwarded)
}

// ended holds what is true of a stream that its budget has ended.
func (a *auditor) ended(x act) {
	a.text("status", fmt.Sprint(x.Status), fmt.Sprint(http.StatusSwitchingProtocols))
	a.ms("forwarded (against the budget)", x.Forwarded, x.BudgetMS)
	a.ms("budget used (against forwarded)", x.BudgetUsed, x.Forwarded)
	a.ms("charged (against forwarded)", x.Charged, x.Forwarded)
	a.ms("vendor-reported (against forwarded)", x.Reported, x.Forwarded)
	a.text("the audio's SHA-256", match(x.Intact), match(true))
	a.text("stage", x.Stage, "restrict")
	a.text("reason", x.Reason, spentReason(x.Provider))
	if x.SentMS < x.Forwarded {
		a.text("sent", seconds(x.SentMS), "at least "+seconds(x.Forwarded))
	}
}

func match(same bool) string {
	if same {
		return "the recording's"
	}
	return "another"
}

func (a *auditor) ms(what string, got, want int64) { a.text(what, seconds(got), seconds(want)) }

func (a *auditor) text(what, got, want string) {
	if got != want {
		a.found = append(a.found, wrong{a.act, what, fmt.Sprintf("%q", got), fmt.Sprintf("%q", want)})
	}
}
