package main

import (
	"strings"
	"testing"
)

// goodActs is a demo in which everything is right.
func goodActs() []act {
	return []act{
		{Name: actFree, Provider: "deepgram", User: "alice", Stage: "none", SentMS: 11000, Forwarded: 11000, Charged: 11000, Reported: 11000, Status: 101, Intact: true},
		{
			Name: actCut, Provider: "deepgram", User: "bob", Stage: "restrict", BudgetMS: 4000, SentMS: 11000, Forwarded: 4000, Dropped: 7000,
			Charged: 4000, BudgetUsed: 4000, Reported: 4000, Intact: true, Status: 101, Reason: reasonExhausted,
		},
		{Name: actRefused, Provider: "deepgram", User: "bob", Stage: "restrict", BudgetMS: 4000, Reported: -1, Status: 429, Reason: reasonExhausted, RetryAfter: 86400},
		{Name: actFree, Provider: "soniox", User: "alice", Stage: "none", SentMS: 11000, Forwarded: 11000, Charged: 11000, Reported: 11000, Status: 101, Intact: true},
		{
			Name: actEnded, Provider: "soniox", User: "bob", Stage: "restrict", BudgetMS: 4000, SentMS: 4160, Forwarded: 4000,
			Charged: 4000, BudgetUsed: 4000, Reported: 4000, Intact: true, Status: 101, Reason: "limit_exceeded",
		},
		{Name: actFree, Provider: "speechmatics", User: "alice", Stage: "none", SentMS: 11000, Forwarded: 11000, Charged: 11000, Reported: 11000, Status: 101, Intact: true},
		{
			Name: actEnded, Provider: "speechmatics", User: "bob", Stage: "restrict", BudgetMS: 4000, SentMS: 4160, Forwarded: 4000,
			Charged: 4000, BudgetUsed: 4000, Reported: 4000, Intact: true, Status: 101, Reason: "timelimit_exceeded",
		},
	}
}

func TestAuditIsContentWithRightFigures(t *testing.T) {
	t.Parallel()
	if got := audit(goodActs(), 11000); len(got) != 0 {
		t.Fatalf("audit complains about right figures: %v", got)
	}
}

func TestAuditNamesEveryWrongFigure(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		spoil func([]act)
		names string // act and figure of a complaint
	}{
		"the unrestricted user lost audio":      {func(a []act) { a[0].Forwarded -= 20 }, "deepgram free (alice): forwarded"},
		"the unrestricted user was cut":         {func(a []act) { a[0].Reason = reasonExhausted }, "deepgram free (alice): reason"},
		"the unrestricted user is restricted":   {func(a []act) { a[0].Stage = "restrict" }, "deepgram free (alice): stage"},
		"not everything was sent":               {func(a []act) { a[0].SentMS = 10980 }, "deepgram free (alice): sent"},
		"forwarded a frame above the budget":    {func(a []act) { forward(&a[1], 4020) }, "deepgram cut (bob): forwarded"},
		"forwarded a frame below the budget":    {func(a []act) { forward(&a[1], 3980) }, "deepgram cut (bob): forwarded"},
		"charged a slice too much":              {func(a []act) { a[1].Charged = 5000 }, "deepgram cut (bob): charged"},
		"charged nothing":                       {func(a []act) { a[1].Charged = 0 }, "deepgram cut (bob): charged"},
		"charged a millisecond too little":      {func(a []act) { a[0].Charged-- }, "deepgram free (alice): charged"},
		"the vendor reports more":               {func(a []act) { a[1].Reported++ }, "deepgram cut (bob): vendor-reported"},
		"the vendor reports nothing":            {func(a []act) { a[1].Reported = -1 }, "deepgram cut (bob): vendor-reported"},
		"dropped does not add up":               {func(a []act) { a[1].Dropped -= 20 }, "deepgram cut (bob): dropped"},
		"the cut came without its notice":       {func(a []act) { a[1].Reason = "" }, "deepgram cut (bob): reason"},
		"the cut stream was none":               {func(a []act) { a[1].Status = 502 }, "deepgram cut (bob): status"},
		"the budget was longer than the speech": {func(a []act) { a[1].BudgetMS = 12000; forward(&a[1], 12000) }, "deepgram cut (bob): budget"},
		"the second connect was let in":         {func(a []act) { a[2].Status = 101 }, "deepgram refused (bob): status"},
		"refused for another reason":            {func(a []act) { a[2].Reason = "too_many_streams" }, "deepgram refused (bob): reason"},
		"the refused connect was charged":       {func(a []act) { a[2].Charged = 20 }, "deepgram refused (bob): charged"},
		"the refused connect was forwarded":     {func(a []act) { a[2].Forwarded = 20 }, "deepgram refused (bob): forwarded"},
		"the audio was changed":                 {func(a []act) { a[0].Intact = false }, "deepgram free (alice): the audio's SHA-256"},
		"the budget remembers something else":   {func(a []act) { a[1].BudgetUsed = 5000 }, "deepgram cut (bob): budget used"},
		"a budget counts the unrestricted user": {func(a []act) { a[0].BudgetUsed = 20 }, "deepgram free (alice): budget used"},
		"refused for ever":                      {func(a []act) { a[2].RetryAfter = 0 }, "deepgram refused (bob): retry-after"},
		"an ended stream got a frame more":      {func(a []act) { forward(&a[4], 4020) }, "soniox ended (bob): forwarded"},
		"an ended stream was charged more":      {func(a []act) { a[6].Charged = 4020 }, "speechmatics ended (bob): charged"},
		"an ended stream's vendor heard less":   {func(a []act) { a[4].Reported = 3980 }, "soniox ended (bob): vendor-reported"},
		"an ended stream did not say why":       {func(a []act) { a[6].Reason = "" }, "speechmatics ended (bob): reason"},
		"an ended stream's audio was changed":   {func(a []act) { a[4].Intact = false }, "soniox ended (bob): the audio's SHA-256"},
		"an act is missing":                     {func(a []act) { a[2].Name = "" }, "demo: list of acts"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			acts := goodActs()
			tt.spoil(acts)
			found := audit(acts, 11000)
			var lines []string
			for _, w := range found {
				lines = append(lines, w.String())
			}
			if all := strings.Join(lines, "\n"); !strings.Contains(all, tt.names) {
				t.Fatalf("no complaint about %q in:\n%s", tt.names, all)
			}
		})
	}
}

// forward moves everything that has to agree with the forwarded audio, so that
// only the budget is broken.
func forward(a *act, ms int64) {
	a.Forwarded, a.Charged, a.BudgetUsed, a.Reported, a.Dropped = ms, ms, ms, ms, a.SentMS-ms
}
