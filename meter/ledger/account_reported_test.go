package ledger_test

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/sttgate/sttgate/meter/ledger"
)

func TestAReportedStreamIsChargedTheVendorsFigure(t *testing.T) {
	for name, c := range map[string]struct {
		running []int64 // reports while it runs
		final   int64   // -1: the vendor never speaks
		want    int64
	}{
		"less than was bought":             {[]int64{1000, 5000}, 18_500, 18_500},
		"more than was bought":             {[]int64{1000, 5000}, 21_000, 21_000},
		"nothing":                          {nil, 0, 0},
		"never a word: what was bought":    {nil, -1, 20_000},
		"a last word behind an earlier":    {[]int64{5000, 12_000}, 11_990, 12_000},
		"a running figure beyond the sent": {[]int64{90_000}, 20_500, 20_500},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, b := purse(t, ledger.Opening{Plan: always(daily(60_000)), Reported: true})
				if err := spend(t, a, 20, 6000); err != nil {
					t.Fatal(err)
				}
				for _, ms := range c.running {
					a.Report(ms)
					if err := spend(t, a, 20, 14_000/int64(len(c.running))); err != nil {
						t.Fatal(err)
					}
				}
				if err := spend(t, a, 20, 20_000-a.Spent()); err != nil {
					t.Fatal(err)
				}
				if c.final >= 0 {
					a.Report(c.final)
				}
				if err := a.Close(context.Background()); err != nil {
					t.Fatal(err)
				}
				if got := used(t, b, daily(60_000)); got != c.want || a.Charged() != c.want || a.Spent() != 20_000 {
					t.Errorf("%d used, %d charged of %d bought; want %d", got, a.Charged(), a.Spent(), c.want)
				}
			})
		})
	}
}

func TestAReportedStreamBuysNoMoreThanItsBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := purse(t, ledger.Opening{Plan: always(daily(7000)), Reported: true})
		if err := spend(t, a, 20, 60_000); err == nil || a.Spent() != 7000 {
			t.Fatalf("%d bought of a budget of 7000: %v", a.Spent(), err)
		}
		a.Report(6500)
		if err := a.Close(context.Background()); err != nil {
			t.Fatal(err)
		}
		if got := used(t, b, daily(7000)); got != 6500 {
			t.Errorf("%d used", got)
		}
	})
}
