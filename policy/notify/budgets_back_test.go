package notify

import (
	"encoding/json"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// today is a day's budget now, of which so much is used.
func today(used int64) Standing {
	now := time.Now()
	s := stood(0, 0)
	s.At, s.Used, s.Remaining = now, used, max(0, s.Limit-used)
	s.Resets = now.Truncate(window).Add(window)
	return s
}

// lately is a budget of a minute within an hour that rolls, of which so much is left.
func lately(left int64) Standing {
	now := time.Now()
	return Standing{
		User: "anna", Budget: "hourly", Limit: 60_000, Used: 60_000 - left, Remaining: left, Resets: now.Add(10 * time.Minute), At: now, Rolling: time.Hour,
	}
}

// lives lets gateways run in a bubble.
func lives(t *testing.T, test func(t *testing.T, r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := &rig{}
		r.stands = func() Answer { return Answer{Standing: today(0), Known: true} }
		test(t, r)
	})
}

// wants lets time pass, and wants what was told by then.
func (r *rig) wants(t *testing.T, in time.Duration, want string) {
	t.Helper()
	<-time.After(in)
	synctest.Wait()
	if got := r.all(); got != want {
		t.Errorf("%s: told %q, want %q", time.Now().UTC().Format(time.DateTime), got, want)
	}
}

func TestABudgetIsBackWhenItsWindowEndsAlsoForWhoDoesNotCome(t *testing.T) {
	lives(t, func(t *testing.T, r *rig) {
		one, two := r.gateway(t), r.gateway(t)
		defer one.Close()
		defer two.Close()
		<-time.After(time.Hour)
		one.Seen(today(1_800_000))
		r.wants(t, 23*time.Hour-time.Second, "spent")
		r.wants(t, 1*time.Second+someRound, "spent back")
		if r.last.At.Before(time.Date(2000, 1, 2, 0, 0, 0, 0, time.UTC)) {
			t.Errorf("told of %s", r.last.At)
		}
		two.Seen(today(1000)) // comes at last
		r.wants(t, 72*time.Hour, "spent back")
		two.Seen(today(1_800_000))
		r.wants(t, 24*time.Hour+someRound, "spent back spent back")
	})
}

func TestWhatOneGatewayHasBegunToTellAnotherTells(t *testing.T) {
	for _, kind := range []string{"spent", "back"} {
		lives(t, func(t *testing.T, r *rig) {
			one := r.gateway(t)
			gone := errors.New("the disk is gone, and then the gateway")
			if kind == "spent" {
				r.dies(gone)
			}
			one.Seen(today(1_800_000))
			synctest.Wait()
			if kind == "back" {
				r.wants(t, window-time.Second, "spent")
				r.dies(gone)
				<-time.After(someRound)
			}
			one.Close()
			if r.owed() != 1 {
				t.Fatalf("%s: %d are owed", kind, r.owed())
			}
			before := r.all()
			r.dies(nil)
			two, three := r.gateway(t), r.gateway(t)
			r.wants(t, 30*time.Second, before) // it may be at it
			r.wants(t, 5*time.Minute, strings.TrimSpace(before+" "+kind))
			r.wants(t, 72*time.Hour, "spent back")
			two.Close()
			three.Close()
		})
	}
}

func TestALevelThatIsToldTooLateIsNotTold(t *testing.T) {
	lives(t, func(t *testing.T, r *rig) {
		one := r.gateway(t)
		r.dies(errors.New("gone"))
		one.Seen(today(1_500_000))
		synctest.Wait()
		one.Close()
		r.dies(nil)
		<-time.After(window)
		two := r.gateway(t)
		r.wants(t, time.Hour, "")
		two.Close()
		if r.owed() != 0 {
			t.Error("it is still owed")
		}
	})
}

// TestABudgetIsNotBackBeforeItIsTrue is asked at the window's end, and has something that speaks against it.
func TestABudgetIsNotBackBeforeItIsTrue(t *testing.T) {
	start := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	for name, tc := range map[string]struct {
		stands func() Answer
		days   string // what was told after one, two and three days
	}{
		"another budget is spent until the second day's end": {func() Answer {
			a := Answer{Standing: today(0), Known: true}
			if end := start.Add(2 * window); time.Now().Before(end) {
				a.Again = end
			}
			return a
		}, "spent|spent back|spent back"},
		"the next day is used up before anybody looks": {func() Answer {
			if time.Now().Before(start.Add(2 * window)) {
				return Answer{Standing: today(1_800_000), Known: true}
			}
			return Answer{Standing: today(0), Known: true}
		}, "spent|spent back|spent back"},
		"there is no such budget any more": {func() Answer { return Answer{} }, "spent|spent|spent"},
		"it does not hold any more": {func() Answer {
			return Answer{Standing: Standing{At: time.Now(), User: "anna", Budget: "daily", Gone: true}, Known: true}
		}, "spent back|spent back|spent back"},
	} {
		t.Run(name, func(t *testing.T) {
			lives(t, func(t *testing.T, r *rig) {
				r.stands = tc.stands
				one, two := r.gateway(t), r.gateway(t)
				one.Seen(today(1_800_000))
				days := strings.Split(tc.days, "|")
				r.wants(t, window+someRound, days[0])
				r.wants(t, window+someRound, days[1])
				r.wants(t, window+someRound, days[2])
				one.Close()
				two.Close()
				if len(r.due) != 0 {
					t.Errorf("reminders are left: %v", r.due)
				}
			})
		})
	}
}

func TestABudgetThatIsGivenBackEarlyIsToldOnce(t *testing.T) {
	for name, tc := range map[string]struct {
		stands func() Answer
		want   string
		says   string
	}{
		"a grant": {func() Answer {
			s := today(1_800_000)
			if s.At.Before(time.Date(2000, 1, 2, 0, 0, 0, 0, time.UTC)) {
				s.Granted, s.Remaining = 600_000, 600_000
			}
			return Answer{Standing: s, Known: true}
		}, "spent back", "10 min until"},
		"a grant that is less than what was used beyond": {func() Answer {
			s := today(1_800_000)
			s.Granted = 1
			return Answer{Standing: s, Known: true}
		}, "spent", ""},
		"another stage": {func() Answer {
			return Answer{Standing: Standing{At: time.Now(), User: "anna", Budget: "daily", Gone: true}, Known: true}
		}, "spent back", "You can transcribe again."},
	} {
		t.Run(name, func(t *testing.T) {
			lives(t, func(t *testing.T, r *rig) {
				r.stands = tc.stands
				one, two := r.gateway(t), r.gateway(t)
				one.Seen(today(1_800_000))
				synctest.Wait()
				one.Close() // whoever is there tells
				if err := two.Recall(t.Context(), "anna", "daily", time.Now()); err != nil {
					t.Fatal(err)
				}
				if err := two.Recall(t.Context(), "bob", "daily", time.Now()); err != nil { // who was told nothing
					t.Fatal(err)
				}
				r.wants(t, someRound, tc.want)
				var body struct{ Data struct{ Text string } }
				if err := json.Unmarshal(r.last.Body, &body); err != nil || !strings.Contains(body.Data.Text, tc.says) {
					t.Errorf("%s, %v", r.last.Body, err)
				}
				if tc.want == "spent back" {
					r.wants(t, 3*window, tc.want) // not again at the window's end
				}
				two.Close()
			})
		})
	}
}

func TestAnotherPlanGivesABudgetBack(t *testing.T) {
	lives(t, func(t *testing.T, r *rig) {
		gone := Standing{User: "anna", Plan: "team", Budget: "daily", Gone: true}
		r.stands = func() Answer {
			now := gone
			now.At = time.Now()
			return Answer{Standing: now, Known: true}
		}
		one, two := r.gateway(t), r.gateway(t)
		two.Seen(gone) // before anything was told
		synctest.Wait()
		one.Seen(today(1_800_000))
		r.wants(t, time.Minute, "spent")
		one.Seen(gone)
		two.Seen(gone)
		r.wants(t, 0, "spent back")
		one.Seen(gone)
		r.wants(t, 3*window, "spent back")
		one.Close()
		two.Close()
	})
}

// TestARollingWindowIsToldOnceWithinItself spends, and has a little back minute by minute.
func TestARollingWindowIsToldOnceWithinItself(t *testing.T) {
	lives(t, func(t *testing.T, r *rig) {
		var left atomic.Int64
		r.stands = func() Answer { return Answer{Standing: lately(left.Load()), Known: true} }
		one, two := r.gateway(t), r.gateway(t)
		one.Seen(lately(12_000))
		r.wants(t, time.Minute, "80")
		one.Seen(lately(20_000))
		two.Seen(lately(12_000))
		one.Seen(lately(0))
		two.Seen(lately(0))
		r.wants(t, 9*time.Minute, "80 spent")
		left.Store(2999)                              // not worth a message
		r.wants(t, time.Minute+someRound, "80 spent") // the first minute is out
		left.Store(3000)                              // a twentieth
		r.wants(t, 10*time.Minute+someRound, "80 spent back")
		for range 10 {
			one.Seen(lately(0))
			r.wants(t, time.Minute, "80 spent back")
			two.Seen(lately(3000))
			r.wants(t, time.Minute, "80 spent back")
		}
		r.wants(t, time.Hour, "80 spent back")
		one.Seen(lately(0)) // within another hour
		left.Store(60_000)
		r.wants(t, 11*time.Minute, "80 spent back spent back")
		r.wants(t, 3*window, "80 spent back spent back")
		one.Close()
		two.Close()
	})
}

func TestWhatIsWrittenIsReadAgain(t *testing.T) {
	for _, s := range []spent{{resets: 946771200}, {resets: 946771200, granted: 5}, {946771200, 5, "a plan of words"}, {resets: 1, plan: "pro"}} {
		if got, err := parseSpent(s.String()); err != nil || got != s {
			t.Errorf("%q: %+v, %v", s, got, err)
		}
	}
	for _, bad := range []string{"", "x", "1+", "1+x pro", " pro"} {
		if _, err := parseSpent(bad); err == nil {
			t.Errorf("%q is read", bad)
		}
	}
}

// TestWhatIsToldLateHidesNothing lets a gateway die with a message that is out already, and the user be granted more, and spend that.
func TestWhatIsToldLateHidesNothing(t *testing.T) {
	lives(t, func(t *testing.T, r *rig) {
		one, two := r.gateway(t), r.gateway(t)
		first := told{Key: "budget_spent", Window: levelWindow(today(1_800_000), Spent), Mine: "one's", Standing: today(1_800_000)}
		value, err := json.Marshal(first)
		if err != nil {
			t.Fatal(err)
		}
		one.Seen(today(1_800_000))
		synctest.Wait()
		one.Close()
		key, ttl := first.note()
		if err := errors.Join(r.Note(t.Context(), key, []byte(first.Mine), ttl), r.Remind(t.Context(), owedKey+first.Mine, value, time.Now().Add(abandoned))); err != nil {
			t.Fatal(err)
		}
		more := today(1_800_000)
		more.Granted, more.Remaining = 600_000, 600_000
		r.stands = func() Answer {
			if time.Now().Before(more.Resets) {
				return Answer{Standing: more, Known: true}
			}
			return Answer{Standing: today(0), Known: true}
		}
		two.Seen(more)
		r.wants(t, time.Second, "spent back")
		all := more
		all.Used, all.Remaining = 2_400_000, 0
		two.Seen(all)
		r.wants(t, time.Second, "spent back spent")
		id := r.ids[0]
		r.wants(t, 2*time.Minute, "spent back spent spent")
		if r.ids[3] != id {
			t.Errorf("the repetition of %s has the id %s", id, r.ids[3])
		}
		r.wants(t, window, "spent back spent spent back")
		r.wants(t, 3*window, "spent back spent spent back")
		two.Close()
	})
}
