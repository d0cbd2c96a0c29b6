package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/sttgate/sttgate/config"
	"github.com/sttgate/sttgate/proxy/admin"
)

const (
	dashboardToken = "operate-c4n4ry"
	dashboardLook  = "look-c4n4ry"
)

// dashboardRig is a gateway before fake vendors, people who stream, and a browser that shows its dashboard.
type dashboardRig struct {
	t    *testing.T
	h    *house
	page *chromium
}

// TestAPersonWithOnlyTheDashboard is a day at work: who was refused, why, more time for them, and every other change that the
// page offers, with a mouse and a keyboard.
func TestAPersonWithOnlyTheDashboard(t *testing.T) {
	t.Parallel()
	judge := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"misuse_score":0.9,"usage_type":"prerecorded","confidence":0.5,"evidence":["one <b>voice</b>"],"reasoning":"a film"}`)
	}))
	t.Cleanup(judge.Close)
	rules := demoRules() + fmt.Sprintf(`admin: {token: %s, read_token: %s}
policy:
  check_interval: 1s
  caps: [{name: little, window: 24h, limit: 30s}]
  stages: {throttle: {enter_after: 32}, restrict: {enter_after: 32}}
  review: {cooldown: 1s, classifier: {type: http, url: %q}}
`, dashboardToken, dashboardLook, judge.URL)
	h, err := openHouse(t.Context(), slog.New(slog.DiscardHandler), rules)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.close(); err != nil {
			t.Error(err)
		}
	})
	d := &dashboardRig{t: t, h: h}
	d.ask(http.MethodPut, "users/ann/stage", `{"stage":"restrict","reason":"shared account","until":"12h"}`, nil)
	ref := d.judged("carl")
	ann, ben := d.talk("ann"), d.talk("ben")
	ann.say(60) // six seconds, of which four are hers
	ben.say(25)
	if _, status := d.dial("ann"); status != http.StatusTooManyRequests {
		t.Fatalf("ann comes again: %d", status)
	}

	d.page = openChromium(t, "http://"+h.gateway.AdminAddr())
	d.page.look(1280, "light")
	d.enters()
	d.compare("")
	d.findsOutWhy("ann")
	d.compare("ann")
	d.pictures("refused")
	d.givesTime("ann", ann)
	d.compare("ann")
	d.changes("ben")
	d.endsAStream(ben)
	d.hearsOfABrokenConfig("ben")
	d.readsACase(ref, "carl")
	d.worksWithTheKeyboard()
	d.pausesWhenNobodyLooks()
	d.onlyLooks()
	d.page.innocent()
	ann.leave()
}

// enters gives a wrong token, and then the right one.
func (d *dashboardRig) enters() {
	d.page.until(`document.querySelector('#enter').checkVisibility() && !document.querySelector('#live').checkVisibility()`)
	d.page.screenshot("token")
	d.page.fill(`document.querySelector('#token')`, "guess")
	d.page.key("Enter")
	d.page.until(`document.querySelector('#enter-error').textContent.startsWith('Not accepted')`)
	d.page.fill(`document.querySelector('#token')`, dashboardToken)
	d.page.click(pageButton("Open"))
	d.page.until(`document.querySelector('#link').textContent === '● live' && !document.querySelector('#readonly').checkVisibility()`)
	d.page.until(`localStorage.length === 0 && document.cookie === '' && sessionStorage.length === 1`)
}

// findsOutWhy looks a user up who was refused, and reads the reason.
func (d *dashboardRig) findsOutWhy(user string) {
	d.page.fill(`document.querySelector('#who')`, user)
	d.page.click(pageButton("Look up"))
	d.page.until(`document.querySelector('[data-part=decision]')?.dataset.reason === 'budget_exhausted'`)
	d.page.until(`document.querySelector('[data-part=decision]').textContent === '▲ refused: budget exhausted'`)
	var fires []string
	d.page.eval(`[...document.querySelectorAll('.rules .says-hit')].map((e) => e.textContent)`, &fires)
	var x explainView
	d.ask(http.MethodGet, "users/"+user+"/explain", "", &x)
	said := 0
	for _, r := range x.Rules {
		if r.Says != "hit" {
			continue
		}
		text, _, _ := strings.Cut(r.Text, ";") // what follows is how long from now
		if said >= len(fires) || !strings.Contains(fires[said], text) || !strings.HasPrefix(fires[said], "▲it fires: "+r.Rule) {
			d.t.Errorf("the page shows %q of the rules that fire, the API %q", fires, r.Text)
		}
		said++
	}
	if said == 0 || said != len(fires) || !strings.Contains(fires[said-1], "deepgram-daily") {
		d.t.Errorf("rules that fire: %q", fires)
	}
}

// givesTime gives ten minutes, and the stream that dropped audio carries it again.
func (d *dashboardRig) givesTime(user string, s *talker) {
	d.page.until(`document.querySelector('#streams [data-stream="` + s.id + `"] [data-is=state]').textContent === '■ dropping'`)
	d.page.click(pageButton("Give time…"))
	d.page.until(`document.querySelector('#act-sum').textContent === '` + user + ` will have 10 min 00 s more of deepgram-daily.'`)
	d.page.click(pageButton("Give it")) // the reason is missing: the browser says so, and nothing is sent
	d.page.until(`document.querySelector('#act').open && !document.querySelector('#act-reason').validity.valid`)
	d.page.fill(`document.querySelector('#act-reason')`, "ticket 4711")
	d.page.screenshot("dialog")
	d.page.click(pageButton("Give it"))
	d.told(user + " has 10 min 00 s more of deepgram-daily")
	d.page.until(`document.querySelector('[data-part=decision]').dataset.decision === 'allow'`)
	before := d.stream(s.id)
	s.until(func() bool { return d.stream(s.id).Forwarded > before.Forwarded+1000 })
	d.page.until(`document.querySelector('#streams [data-stream="` + s.id + `"] [data-is=state]').textContent === '▶ forwarding'`)
	d.page.until(fmt.Sprintf(`Number(document.querySelector('#streams [data-stream="%s"] [data-is=forwarded]').value) > %d`, s.id, before.Forwarded))
	var u dashboardUser
	d.ask(http.MethodGet, "users/"+user, "", &u)
	if len(u.Budgets) == 0 || u.Budgets[0].Budget != "deepgram-daily" || u.Budgets[0].Granted != 600_000 {
		d.t.Errorf("%+v", u.Budgets)
	}
}

// hostile is a reason that would be markup, and a script, on a page that is careless.
const hostile = `<img src=x onerror="document.title='owned'"><script>document.title='owned'</script>`

// changes moves, resets and exempts a user.
func (d *dashboardRig) changes(user string) {
	state := func() (u dashboardUser) {
		d.ask(http.MethodGet, "users/"+user, "", &u)
		return u
	}
	d.page.click(`document.querySelector('#streams a[href="#user=` + user + `"]')`)
	d.page.until(`document.querySelector('#user-title')?.textContent === '` + user + `'`)

	d.page.click(pageButton("Move to a stage…"))
	d.page.eval(`(() => { const e = document.querySelector('#act-stage'); e.value = 'warning'; e.dispatchEvent(new Event('input', {bubbles: true})); })()`, nil)
	d.page.fill(`document.querySelector('#act-until')`, "soon")
	d.page.fill(`document.querySelector('#act-reason')`, hostile)
	d.page.click(pageButton("Move the user"))
	d.page.until(`document.querySelector('#act-error').textContent.includes('until')`) // the gateway's own words; the dialog stays
	d.page.fill(`document.querySelector('#act-until')`, "2h")
	d.page.until(`document.querySelector('#act-sum').textContent === '` + user + ` will be at warning, until 2h.'`)
	d.page.click(pageButton("Move the user"))
	d.told(user + " was at none and is at warning")
	if u := state(); u.Stage != "warning" || u.Until.IsZero() || u.Reason != hostile {
		d.t.Errorf("%+v", u.State)
	}
	d.compare(user)
	d.page.until(`document.querySelector('[data-part=reason]').textContent === ` + quoted("“"+hostile+"”"))
	d.page.until(`document.querySelector('[data-part=events]').textContent.includes(` + quoted(hostile) + `)`)
	d.page.until(`document.title === 'sttgate' && !document.querySelector('#live img, #live script')`)

	d.page.click(pageButton("Exempt…"))
	d.page.fill(`document.querySelector('#act-reason')`, "partner")
	d.page.click(pageButton("Change it"))
	d.told(user + " is exempt")
	d.page.until(`document.querySelector('[data-part=badge]').textContent.includes('exempt')`)
	d.page.until(`document.querySelector('#users [data-user="` + user + `"]').textContent.includes(', exempt')`)
	d.page.click(pageButton("Exempt…"))
	d.page.eval(`(() => { const e = document.querySelector('#act-exempt'); e.value = 'no'; e.dispatchEvent(new Event('input', {bubbles: true})); })()`, nil)
	d.page.fill(`document.querySelector('#act-reason')`, "over")
	d.page.click(pageButton("Change it"))
	d.told(user + " is under the rules again")

	d.page.click(pageButton("Reset…"))
	d.page.fill(`document.querySelector('#act-reason')`, "sorted out")
	d.page.click(pageButton("Reset the user"))
	d.told(user + " was at warning and is at none")
	if u := state(); u.Stage != "none" {
		d.t.Errorf("%+v", u.State)
	}
	d.compare(user)
}

// endsAStream ends one with the button in its row.
func (d *dashboardRig) endsAStream(s *talker) {
	d.page.click(`document.querySelector('#streams [data-stream="` + s.id + `"] button')`)
	d.page.fill(`document.querySelector('#act-reason')`, "leaks streams")
	d.page.click(pageButton("End the stream"))
	d.told("ben's stream is ending")
	s.ended()
	d.page.until(`!document.querySelector('[data-stream="` + s.id + `"]')`)
	d.compare("ben")
}

// judged makes a user go over a cap and be judged, and returns the case.
func (d *dashboardRig) judged(user string) string {
	d.t.Helper()
	first := d.talk(user)
	first.say(310)
	first.leave() // a session has to be over, before anybody is asked
	second := d.talk(user)
	var u dashboardUser
	second.until(func() bool {
		d.ask(http.MethodGet, "users/"+user, "", &u)
		return u.Stage == "warning"
	})
	second.leave()
	for _, e := range u.Events {
		if e.To == "warning" {
			return e.Case
		}
	}
	d.t.Fatalf("no case: %+v", u.Events)
	return ""
}

// readsACase looks one up, and takes its violation back.
func (d *dashboardRig) readsACase(ref, user string) {
	d.page.fill(`document.querySelector('#who')`, "FU-000000000000")
	d.page.click(pageButton("Look up"))
	d.page.until(`document.querySelector('#case .error')?.textContent.includes('FU-000000000000')`)
	d.page.fill(`document.querySelector('#who')`, ref)
	d.page.click(pageButton("Look up"))
	d.page.until(`document.querySelector('#case-title')?.textContent === '` + ref + `' && document.querySelector('#case').innerText.includes('one <b>voice</b>')`)
	var c admin.Case
	d.ask(http.MethodGet, "cases/"+ref, "", &c)
	for _, says := range []string{user, c.Rule, "0.9", "prerecorded", "a film", "none → warning", fmt.Sprintf("little: %s of 30.0 s in 24 h 00 min", spanWords(c.Triggers[0].Sum))} {
		d.page.until(`document.querySelector('#case').innerText.includes(` + quoted(says) + `)`)
	}
	d.page.screenshot("case")
	d.page.click(pageButton("Does not count…"))
	d.page.fill(`document.querySelector('#act-reason')`, "their own film")
	d.page.click(pageButton("It does not count"))
	d.told(ref + " does not count any more")
}

// hearsOfABrokenConfig breaks the file and mends it, and expects each to be seen, and said to whoever does not see. user is looked up.
func (d *dashboardRig) hearsOfABrokenConfig(user string) {
	file := d.h.gateway.config.live.Path()
	good, err := os.ReadFile(file)
	if err != nil {
		d.t.Fatal(err)
	}
	put := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			d.t.Fatal(err)
		}
		_, _ = d.h.gateway.config.reload(config.BySignal) // it is told on the page
	}
	put(string(good) + "limits: {steams: 5}\n")
	d.page.until(`document.querySelector('#stale').checkVisibility()`)
	d.page.until(`document.querySelector('#announce').textContent.includes('a config was refused: ') && document.querySelector('#announce').textContent.includes('limits.steams: unknown key')`)
	d.page.until(`document.querySelector('#config .error')?.textContent.includes('limits.steams') && document.querySelector('#config').innerText.includes('(SIGHUP)')`)
	d.compare(user)
	d.page.screenshot("config-refused")
	put(string(good))
	d.page.until(`!document.querySelector('#stale').checkVisibility() && document.querySelector('#announce').textContent.includes('the config was loaded again')`)
	d.page.until(`document.querySelector('#config [data-is=by]').textContent === 'SIGHUP' && !document.querySelector('#config .error')`)
	d.compare(user)
}

// worksWithTheKeyboard opens a dialog and leaves it without a mouse: the focus comes back to the button. Whatever can have it has a name.
func (d *dashboardRig) worksWithTheKeyboard() {
	d.page.click(`document.querySelector('#streams a[href="#user=ann"]')`)
	d.page.until(pageButton("Reset…"))
	d.page.eval(pageButton("Reset…")+".focus()", nil)
	d.page.key("Enter")
	d.page.until(`document.querySelector('#act').open && document.activeElement.id === 'act-reason'`)
	for range 6 { // the focus does not leave the dialog for what lies beneath
		d.page.key("Tab")
		d.page.until(`!document.querySelector('#live').contains(document.activeElement)`)
	}
	d.page.key("Escape")
	d.page.until(`!document.querySelector('#act').open && document.activeElement.textContent === 'Reset…'`)
	var tree struct {
		Nodes []struct {
			Ignored    bool
			Role, Name struct{ Value string }
		}
	}
	d.page.call("Accessibility.getFullAXTree", map[string]any{}, &tree)
	roles := map[string]int{}
	for _, n := range tree.Nodes {
		if n.Ignored {
			continue
		}
		roles[n.Role.Value]++
		switch n.Role.Value {
		case "button", "link", "textbox", "combobox", "meter", "table", "region", "spinbutton":
			if strings.TrimSpace(n.Name.Value) == "" {
				d.t.Errorf("a %s has no name", n.Role.Value)
			}
		}
	}
	if roles["main"] != 1 || roles["banner"] != 1 || roles["search"] != 1 || roles["region"] < 6 || roles["status"] < 1 {
		d.t.Errorf("landmarks: %v", roles)
	}
}

// pausesWhenNobodyLooks hides the tab.
func (d *dashboardRig) pausesWhenNobodyLooks() {
	hide := func(yes bool) {
		d.page.eval(fmt.Sprintf(`(() => { Object.defineProperty(document, 'hidden', {value: %v, configurable: true}); document.dispatchEvent(new Event('visibilitychange')); })()`, yes), nil)
	}
	hide(true)
	d.page.until(`document.querySelector('#link').textContent === '○ paused'`)
	hide(false)
	d.page.until(`document.querySelector('#link').textContent === '● live'`)
}

// onlyLooks comes back with the other token, on a phone.
func (d *dashboardRig) onlyLooks() {
	d.page.click(pageButton("Forget the token"))
	d.page.until(`document.querySelector('#enter').checkVisibility()`)
	d.page.fill(`document.querySelector('#token')`, dashboardLook)
	d.page.click(pageButton("Open"))
	d.page.until(`document.querySelector('#readonly').checkVisibility() && document.querySelector('#user-title')?.textContent === 'ann'`) // the address has said it
	d.compare("ann")
	d.page.until(`![...document.querySelectorAll('.write')].some((e) => e.checkVisibility())`)
}

// pictures keeps the page as people see it, and looks that nothing is wider than a phone.
func (d *dashboardRig) pictures(name string) {
	for _, as := range []struct {
		width        int
		scheme, name string
	}{{1280, "light", "light"}, {1280, "dark", "dark"}, {390, "light", "phone"}, {390, "dark", "phone-dark"}} {
		d.page.look(as.width, as.scheme)
		d.page.until(fmt.Sprintf(`document.documentElement.scrollWidth <= %d`, as.width))
		d.page.eval(`(async () => { window.scrollTo(0, 0); await new Promise(requestAnimationFrame); })()`, nil)
		d.page.screenshot(name + "-" + as.name)
	}
	d.page.look(1280, "light")
}

// told waits for the page to say what was done.
func (d *dashboardRig) told(what string) {
	d.t.Helper()
	d.page.until(`document.querySelector('#told').textContent === ` + quoted("✓ "+what))
	d.page.until(`!document.querySelector('#act').open`)
}

func pageButton(label string) string {
	return `[...document.querySelectorAll('button')].find((b) => b.checkVisibility() && b.textContent === ` + quoted(label) + `)`
}

func quoted(s string) string {
	b, _ := json.Marshal(s) // a string always is JSON
	return string(b)
}
