package main

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sttgate/sttgate/proxy/admin"
)

// dashboardRead is every figure that the page shows, by what it is of: the exact one, and as it is written.
const dashboardRead = `Object.fromEntries([...document.querySelectorAll('#live [data-is]')].filter((e) => e.checkVisibility()).map((e) => {
	const d = e.closest('[data-stream],[data-vendor],[data-reason],[data-budget],[data-user]')?.dataset ?? {};
	const s = e.closest('section');
	return [[s.id || (s.getAttribute('aria-labelledby') ?? 'sums').replace('-title', ''), d.stream ?? d.vendor ?? d.reason ?? d.budget ?? d.user ?? '', e.dataset.is].join('/'),
		e.tagName === 'TIME' ? e.dateTime : (e.tagName === 'DATA' ? e.value + '|' : '') + e.textContent];
}))`

// shownFigures are what the page should show.
type shownFigures map[string]string

func (f shownFigures) put(of, who, is string, value int64, shown string) {
	f[of+"/"+who+"/"+is] = strconv.FormatInt(value, 10) + "|" + shown
}

func (f shownFigures) ms(of, who, is string, v int64) { f.put(of, who, is, v, spanWords(v)) }

func (f shownFigures) streams(of string, list []admin.Stream) {
	marks := map[string]string{"forwarding": "▶", "dropping": "■", "paced": "◐", "ending": "○"}
	for _, s := range list {
		f[of+"/"+s.ID+"/user"], f[of+"/"+s.ID+"/provider"] = s.User, s.Provider
		f[of+"/"+s.ID+"/state"] = marks[s.State] + " " + s.State
		f.ms(of, s.ID, "forwarded", s.Forwarded)
		f.ms(of, s.ID, "dropped", s.Dropped)
		if s.Dropped == 0 {
			f.put(of, s.ID, "dropped", 0, "–")
		}
		f[of+"/"+s.ID+"/left"] = "|no budget"
		if s.Budget != "" {
			f.ms(of, s.ID, "left", s.Left)
		}
	}
}

// overview is what the page makes of one.
func (f shownFigures) overview(o admin.Overview) {
	total := func(m map[string]int64) (sum int64) {
		for n := range maps.Values(m) {
			sum += n
		}
		return sum
	}
	f.put("sums", "", "active", o.Streams.Active, countWords(o.Streams.Active))
	f.ms("sums", "", "forwarded", o.Totals.Forwarded)
	f.ms("sums", "", "dropped", o.Totals.Dropped)
	f.ms("sums", "", "charged", o.Totals.Charged)
	f.put("sums", "", "refused", total(o.Totals.Refusals), countWords(total(o.Totals.Refusals)))
	f.put("sums", "", "staged", total(o.Users.Stages), countWords(total(o.Users.Stages)))
	f.streams("streams", o.Top)
	for reason, n := range o.Totals.Refusals {
		if n > 0 {
			f.put("refusals", reason, "refusals", n, countWords(n))
		}
	}
	for _, v := range o.Vendors {
		words := map[string]string{"ok": "✓ answers", "failing": "▲ fails", "unknown": "○ not asked yet"}[v.State]
		if v.Failure != "" {
			words += ": " + v.Failure
		}
		f["vendors/"+v.Provider+"/state"] = words
		if v.Seen > 0 {
			f.put("vendors", v.Provider, "failed", int64(v.Failed), countWords(int64(v.Failed)))
			f.put("vendors", v.Provider, "seen", int64(v.Seen), countWords(int64(v.Seen)))
			f.put("vendors", v.Provider, "p50", v.Median, microWords(v.Median))
			f.put("vendors", v.Provider, "p99", v.P99, microWords(v.P99))
		}
	}
	f["config//hash"] = o.Config.Hash
	f["config//by"] = map[string]string{"start": "read at the start", "file": "its file had changed", "signal": "SIGHUP", "api": "asked over the API"}[o.Config.By]
	f["config//successful"] = map[bool]string{true: "✓ in force", false: "▲ the file was refused; the old config stays"}[o.Config.Last.Successful]
	f["store//kind"], f["store//up"] = o.Store.Kind, map[bool]string{true: "✓ takes writes", false: "▲ takes no writes"}[o.Store.Up]
	f.put("store", "", "leases", o.Store.Leases, countWords(o.Store.Leases))
	f.put("store", "", "p50", o.Store.Median, microWords(o.Store.Median))
	f.put("store", "", "p99", o.Store.P99, microWords(o.Store.P99))
}

func stageWords(stage string) string {
	return map[string]string{"none": "○ ", "warning": "◔ ", "throttle": "◑ ", "restrict": "● "}[stage] + stage
}

// user is what the page makes of one who was looked up.
func (f shownFigures) user(u dashboardUser) {
	f["user//stage"] = stageWords(u.Stage)
	for _, w := range u.Usage {
		f.ms("user", "", "usage-"+w.Window, w.AudioMS)
	}
	for _, b := range u.Budgets {
		f.ms("user", b.Budget, "remaining", b.Remaining)
		f.ms("user", b.Budget, "used", b.Used)
		f.ms("user", b.Budget, "limit", b.Limit)
		if b.Granted != 0 {
			f.ms("user", b.Budget, "granted", b.Granted)
		}
	}
	f.streams("user", u.Streams)
}

// dashboardUser is a user as the API tells it.
type dashboardUser struct {
	admin.State
	Usage   []windowUsage
	Budgets []admin.Budget
	Streams []admin.Stream
	Events  []admin.Event
}

// compare waits until the page shows what the API says: of a user, too, where one is looked up.
func (d *dashboardRig) compare(user string) {
	d.t.Helper()
	look := time.NewTicker(100 * time.Millisecond)
	defer look.Stop()
	var wrong []string
	for end := time.Now().Add(procHang); ; <-look.C {
		var got shownFigures
		d.page.eval(dashboardRead, &got)
		if wrong = d.differences(got, user); len(wrong) == 0 {
			return
		}
		if time.Now().After(end) {
			d.page.screenshot("failed")
			d.t.Fatalf("the page does not show what the API says:\n%s", strings.Join(wrong, "\n"))
		}
	}
}

func (d *dashboardRig) differences(got shownFigures, user string) (wrong []string) {
	d.t.Helper()
	var o admin.Overview
	d.ask(http.MethodGet, "overview?top=100", "", &o)
	want := shownFigures{}
	want.overview(o)
	var list struct{ Users []admin.FlaggedUser }
	d.ask(http.MethodGet, "users", "", &list)
	for _, u := range list.Users {
		want["users/"+u.User+"/stage"] = stageWords(u.Stage)
		if u.Exempt {
			want["users/"+u.User+"/stage"] += ", exempt"
		}
	}
	if user != "" {
		var u dashboardUser
		d.ask(http.MethodGet, "users/"+user, "", &u)
		want.user(u)
	}
	for key, w := range want {
		if got[key] != w {
			wrong = append(wrong, fmt.Sprintf("%s: shown %q, want %q", key, got[key], w))
		}
	}
	for key, g := range got {
		_, is := key[:strings.LastIndex(key, "/")], key[strings.LastIndex(key, "/")+1:]
		switch is {
		case "age", "since", "until", "at", "resets", "loaded", "last", "text": // times, and words of the API's
			continue
		}
		if _, known := want[key]; !known {
			wrong = append(wrong, fmt.Sprintf("%s: %q is shown, which the API does not say", key, g))
		}
	}
	slices.Sort(wrong)
	return wrong
}
