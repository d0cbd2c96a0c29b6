package main

import (
	"strings"
	"testing"
)

// goodActs is a demo in which everything is right.
func goodActs() []act {
	return []act{
		{Name: actFree, User: "alice", Stage: "none", SentMS: 11000, Forwarded: 11000, Charged: 11000, Reported: 11000, Status: 101, Intact: true},
		{
			Name: actCut, User: "bob", Stage: "restrict", BudgetMS: 4000, SentMS: 11000, Forwarded: 4000, Dropped: 7000,
			Charged: 4000, BudgetUsed: 4000, Reported: 4000, Intact: true, Status: 101, Reason: reasonExhausted,
		},
		{Name: actRefused, User: "bob", Stage: "restrict", BudgetMS: 4000, Reported: -1, Status: 429, Reason: reasonExhausted, RetryAfter: 86400},
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
		"the unrestricted user lost audio":      {func(a []act) { a[0].Forwarded -= 20 }, "free (alice): forwarded"},
		"the unrestricted user was cut":         {func(a []act) { a[0].Reason = reasonExhausted }, "free (alice): reason"},
		"the unrestricted user is restricted":   {func(a []act) { a[0].Stage = "restrict" }, "free (alice): stage"},
		"not everything was sent":               {func(a []act) { a[0].SentMS = 10980 }, "free (alice): sent"},
		"forwarded a frame above the budget":    {func(a []act) { forward(&a[1], 4020) }, "cut (bob): forwarded"},
		"forwarded a frame below the budget":    {func(a []act) { forward(&a[1], 3980) }, "cut (bob): forwarded"},
		"charged a slice too much":              {func(a []act) { a[1].Charged = 5000 }, "cut (bob): charged"},
		"charged nothing":                       {func(a []act) { a[1].Charged = 0 }, "cut (bob): charged"},
		"charged a millisecond too little":      {func(a []act) { a[0].Charged-- }, "free (alice): charged"},
		"the vendor reports more":               {func(a []act) { a[1].Reported++ }, "cut (bob): vendor-reported"},
		"the vendor reports nothing":            {func(a []act) { a[1].Reported = -1 }, "cut (bob): vendor-reported"},
		"dropped does not add up":               {func(a []act) { a[1].Dropped -= 20 }, "cut (bob): dropped"},
		"the cut came without its notice":       {func(a []act) { a[1].Reason = "" }, "cut (bob): reason"},
		"the cut stream was none":               {func(a []act) { a[1].Status = 502 }, "cut (bob): status"},
		"the budget was longer than the speech": {func(a []act) { a[1].BudgetMS = 12000; forward(&a[1], 12000) }, "cut (bob): budget"},
		"the second connect was let in":         {func(a []act) { a[2].Status = 101 }, "refused (bob): status"},
		"refused for another reason":            {func(a []act) { a[2].Reason = "too_many_streams" }, "refused (bob): reason"},
		"the refused connect was charged":       {func(a []act) { a[2].Charged = 20 }, "refused (bob): charged"},
		"the refused connect was forwarded":     {func(a []act) { a[2].Forwarded = 20 }, "refused (bob): forwarded"},
		"the audio was changed":                 {func(a []act) { a[0].Intact = false }, "free (alice): the audio's SHA-256"},
		"the budget remembers something else":   {func(a []act) { a[1].BudgetUsed = 5000 }, "cut (bob): budget used"},
		"a budget counts the unrestricted user": {func(a []act) { a[0].BudgetUsed = 20 }, "free (alice): budget used"},
		"refused for ever":                      {func(a []act) { a[2].RetryAfter = 0 }, "refused (bob): retry-after"},
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
