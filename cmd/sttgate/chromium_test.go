package main

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// chromium is a page in a real browser without a window, driven through the browser's own protocol (DevTools): what is clicked
// and typed goes the way of a mouse and a keyboard. For one goroutine.
type chromium struct {
	t       *testing.T
	conn    *websocket.Conn
	session string
	origin  string // of everything that the page may ask for

	mu      sync.Mutex
	last    int
	waiting map[int]chan devtools
	faults  []string // what the page did wrong
}

// devtools is a message of the protocol.
type devtools struct {
	ID        int             `json:"id,omitempty"`
	SessionID string          `json:"sessionId,omitempty"`
	Method    string          `json:"method,omitempty"`
	Params    json.RawMessage `json:"params,omitempty"`
	Result    json.RawMessage `json:"result,omitempty"`
	Error     *struct {
		Message string `json:"message"`
	} `json:"error,omitempty"`
}

// openChromium starts a browser and shows a page.
func openChromium(t *testing.T, origin string) *chromium {
	t.Helper()
	browser, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatalf("%v: install it (Debian: chromium)", err)
	}
	cmd := exec.Command(browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", //nolint:noctx // the test kills it
		"--remote-debugging-port=0", "--user-data-dir="+filepath.Join(t.TempDir(), "profile"), "about:blank")
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir())
	cmd.WaitDelay = procHang
	out, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	where := make(chan string, 1)
	var reads sync.WaitGroup
	reads.Go(func() {
		for s := bufio.NewScanner(out); s.Scan(); {
			if _, url, ok := strings.Cut(s.Text(), "DevTools listening on "); ok {
				where <- url
			}
		}
	})
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		reads.Wait()
		_ = cmd.Wait()
	})
	c := &chromium{t: t, origin: origin, waiting: map[int]chan devtools{}}
	select {
	case url := <-where:
		if c.conn, _, err = websocket.DefaultDialer.Dial(url, nil); err != nil {
			t.Fatal(err)
		}
	case <-time.After(2 * procHang):
		t.Fatal("the browser does not say where it listens")
	}
	reads.Go(c.read)
	t.Cleanup(func() { _ = c.conn.Close() })
	var target struct{ TargetID, SessionID string }
	c.call("Target.createTarget", map[string]any{"url": "about:blank"}, &target)
	c.call("Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &target)
	c.session = target.SessionID
	for _, domain := range []string{"Page", "Runtime", "Log", "Network"} {
		c.call(domain+".enable", map[string]any{}, nil)
	}
	c.call("Page.navigate", map[string]any{"url": origin + "/"}, nil)
	return c
}

// read gives answers to who waits for them, and looks at everything else for faults of the page.
func (c *chromium) read() {
	for {
		var m devtools
		if err := c.conn.ReadJSON(&m); err != nil {
			return
		}
		c.mu.Lock()
		if to := c.waiting[m.ID]; to != nil {
			to <- m
			delete(c.waiting, m.ID)
		} else if fault := c.fault(m); fault != "" {
			c.faults = append(c.faults, fault)
		}
		c.mu.Unlock()
	}
}

// fault is what an event tells of the page that must not be: an exception, something that its policy forbids, a request
// to elsewhere.
func (c *chromium) fault(m devtools) string {
	var p struct {
		Entry            struct{ Source, Level, Text, URL string }
		ExceptionDetails json.RawMessage
		Request          struct{ URL string }
	}
	if json.Unmarshal(m.Params, &p) != nil {
		return ""
	}
	switch m.Method {
	case "Runtime.exceptionThrown":
		return string(p.ExceptionDetails)
	case "Log.entryAdded":
		if p.Entry.Level == "error" && p.Entry.Source != "network" { // an answer that is an error is none of the page's
			return p.Entry.Text
		}
	case "Network.requestWillBeSent":
		if p.Request.URL != "about:blank" && !strings.HasPrefix(p.Request.URL, c.origin+"/") {
			return "a request to " + p.Request.URL
		}
	}
	return ""
}

// innocent fails the test for what the page did wrong.
func (c *chromium) innocent() {
	c.t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, f := range c.faults {
		c.t.Errorf("the page: %s", f)
	}
}

// call does one command and waits for its answer.
func (c *chromium) call(method string, params, out any) {
	c.t.Helper()
	if err := c.try(method, params, out); err != nil {
		c.t.Fatalf("%s: %v", method, err)
	}
}

func (c *chromium) try(method string, params, out any) error {
	raw, err := json.Marshal(params)
	if err != nil {
		return err
	}
	answer := make(chan devtools, 1)
	c.mu.Lock()
	c.last++
	m := devtools{ID: c.last, SessionID: c.session, Method: method, Params: raw}
	c.waiting[m.ID] = answer
	err = c.conn.WriteJSON(m)
	c.mu.Unlock()
	if err != nil {
		return err
	}
	select {
	case m = <-answer:
	case <-time.After(2 * procHang):
		return errors.New("the browser does not answer")
	}
	if m.Error != nil {
		return errors.New(m.Error.Message)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(m.Result, out)
}

// eval is the value of an expression in the page.
func (c *chromium) eval(expression string, out any) {
	c.t.Helper()
	if err := c.attempt(expression, out); err != nil {
		c.t.Fatalf("%v\n%s", err, expression)
	}
}

// attempt is eval where the page may be on its way to another one: then there is nothing to ask, or not yet.
func (c *chromium) attempt(expression string, out any) error {
	var a struct {
		Result           struct{ Value json.RawMessage }
		ExceptionDetails *struct{ Exception struct{ Description string } }
	}
	if err := c.try("Runtime.evaluate", map[string]any{"expression": expression, "returnByValue": true, "awaitPromise": true}, &a); err != nil {
		return err
	}
	switch {
	case a.ExceptionDetails != nil:
		return errors.New(a.ExceptionDetails.Exception.Description)
	case out == nil || a.Result.Value == nil:
		return nil
	}
	return json.Unmarshal(a.Result.Value, out)
}

// until waits for an expression to be true. One that throws is not: what it asks of may come with the next page.
func (c *chromium) until(expression string) {
	c.t.Helper()
	look := time.NewTicker(50 * time.Millisecond)
	defer look.Stop()
	for end := time.Now().Add(procHang); ; <-look.C {
		var yes bool
		err := c.attempt("Boolean("+expression+")", &yes)
		if yes {
			return
		}
		if time.Now().After(end) {
			var body string
			c.eval("document.body.innerText", &body)
			c.screenshot("failed")
			c.t.Fatalf("it does not become true: %s (%v)\n%s", expression, err, body)
		}
	}
}

// click clicks the middle of an element, as soon as it is there. A page that moves under the mouse is clicked again.
func (c *chromium) click(element string) {
	c.t.Helper()
	c.until(element)
	for range 10 {
		var at struct{ X, Y float64 }
		err := c.attempt(fmt.Sprintf(`(async () => { const e = %s; e.scrollIntoView({block: 'center', behavior: 'instant'}); window.hit = false;
			e.addEventListener('click', () => { window.hit = true; }, {once: true, capture: true});
			await new Promise(requestAnimationFrame); const b = e.getBoundingClientRect(); return {X: b.x + b.width / 2, Y: b.y + b.height / 2}; })()`, element), &at)
		if err != nil {
			continue // it was made anew under the mouse
		}
		for _, what := range []string{"mouseMoved", "mousePressed", "mouseReleased"} {
			c.call("Input.dispatchMouseEvent", map[string]any{"type": what, "x": at.X, "y": at.Y, "button": "left", "clickCount": 1}, nil)
		}
		var hit bool
		if err := c.attempt("window.hit !== false", &hit); hit || err != nil {
			return // without the page that was asked, it led to another one
		}
	}
	c.screenshot("failed")
	c.t.Fatalf("%s cannot be clicked: something lies above it", element)
}

// fill clicks into a field and types.
func (c *chromium) fill(element, text string) {
	c.t.Helper()
	c.click(element)
	c.eval(element+".select?.()", nil)
	c.call("Input.insertText", map[string]any{"text": text}, nil)
}

// key presses a key: Tab, Enter, Escape.
func (c *chromium) key(name string) {
	c.t.Helper()
	code := map[string]int{"Tab": 9, "Enter": 13, "Escape": 27}[name]
	down := map[string]any{"type": "keyDown", "key": name, "code": name, "windowsVirtualKeyCode": code}
	if name == "Enter" {
		down["text"] = "\r"
	}
	c.call("Input.dispatchKeyEvent", down, nil)
	c.call("Input.dispatchKeyEvent", map[string]any{"type": "keyUp", "key": name, "code": name, "windowsVirtualKeyCode": code}, nil)
}

// look is how the page is shown.
func (c *chromium) look(width int, scheme string) {
	c.t.Helper()
	c.call("Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}, nil)
	c.call("Emulation.setEmulatedMedia", map[string]any{"features": []map[string]string{
		{"name": "prefers-color-scheme", "value": scheme}, {"name": "prefers-reduced-motion", "value": "reduce"},
	}}, nil)
}

// screenshot keeps a picture of the whole page beside the test's other artifacts.
func (c *chromium) screenshot(name string) {
	c.t.Helper()
	var shot struct{ Data string }
	c.call("Page.captureScreenshot", map[string]any{"format": "png", "captureBeyondViewport": true}, &shot)
	file, err := os.Create(filepath.Join(c.t.ArtifactDir(), name+".png"))
	if err != nil {
		c.t.Fatal(err)
	}
	defer file.Close()
	if _, err := io.Copy(file, base64.NewDecoder(base64.StdEncoding, strings.NewReader(shot.Data))); err != nil {
		c.t.Fatal(err)
	}
}
