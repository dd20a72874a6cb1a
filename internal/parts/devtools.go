// Controls Chromium over the two pipes of --remote-debugging-pipe, with JSON messages of the DevTools protocol that end
// in a NUL. No port is opened that another process could find, and the dozen methods need no library.

package parts

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// DevTools is a running Chromium. One is enough for all sequential tests of a package.
type DevTools struct {
	process *process
	to      *os.File
	over    chan struct{} // closed when nothing more can be read

	mu      sync.Mutex
	last    int
	answers map[int]chan message
	events  map[string][]Event // by session, since the page's last Reset
}

// Event is a message that the browser sent without a request.
type Event struct {
	Method string
	Params json.RawMessage
}

type message struct {
	ID        int             `json:"id"`
	SessionID string          `json:"sessionId"`
	Method    string          `json:"method"`
	Params    json.RawMessage `json:"params"`
	Result    json.RawMessage `json:"result"`
	Error     *struct {
		Message string `json:"message"`
	} `json:"error"`
}

// Start starts the browser. It is stopped when the test ends.
func (b *Browser) Start(t testing.TB) *DevTools {
	t.Helper()
	theirIn, to, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	from, theirOut, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	d := &DevTools{to: to, over: make(chan struct{}), answers: map[int]chan message{}, events: map[string][]Event{}}
	t.Cleanup(func() { // after the program has ended and its ends of the pipes are closed
		to.Close()
		from.Close()
		<-d.over
	})
	d.process = run(t, spec{name: "chromium", path: b.Path, args: append(b.Args(), "--remote-debugging-pipe"), dir: b.Dir, files: []*os.File{theirIn, theirOut}})
	go d.read(from)
	return d
}

// Pid returns the browser's process, which leads its own process group.
func (d *DevTools) Pid() int { return d.process.Pid() }

func (d *DevTools) read(from *os.File) {
	defer close(d.over)
	for r := bufio.NewReader(from); ; {
		data, err := r.ReadBytes(0)
		if err != nil {
			return
		}
		var m message
		if json.Unmarshal(bytes.TrimSuffix(data, []byte{0}), &m) != nil {
			continue // not a protocol message: the waiting call reports the failure
		}
		d.mu.Lock()
		if c := d.answers[m.ID]; m.ID != 0 && c != nil {
			c <- m
			delete(d.answers, m.ID)
		} else if m.Method != "" {
			d.events[m.SessionID] = append(d.events[m.SessionID], Event{m.Method, m.Params})
		}
		d.mu.Unlock()
	}
}

// call sends a request to the browser and waits for its response.
func (d *DevTools) call(session, method string, params, result any) error {
	if params == nil {
		params = struct{}{}
	}
	answer := make(chan message, 1)
	d.mu.Lock()
	d.last++
	id := d.last
	d.answers[id] = answer
	data, err := json.Marshal(map[string]any{"id": id, "sessionId": session, "method": method, "params": params})
	if session == "" {
		data, err = json.Marshal(map[string]any{"id": id, "method": method, "params": params})
	}
	if err == nil {
		_, err = d.to.Write(append(data, 0))
	}
	d.mu.Unlock()
	if err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	select {
	case m := <-answer:
		switch {
		case m.Error != nil:
			return fmt.Errorf("%s: %s", method, m.Error.Message)
		case result == nil:
			return nil
		}
		return json.Unmarshal(m.Result, result)
	case <-d.over:
		return fmt.Errorf("%s: the browser ended", method)
	case <-time.After(Patience):
		return fmt.Errorf("%s: no response after %v", method, Patience)
	}
}

// Page is a tab.
type Page struct {
	browser *DevTools
	session string
}

// Page opens an empty tab and subscribes to its requests, console output and errors. It closes when the test ends.
func (d *DevTools) Page(t testing.TB) *Page {
	t.Helper()
	var target struct{ TargetID string }
	if err := d.call("", "Target.createTarget", map[string]any{"url": "about:blank"}, &target); err != nil {
		t.Fatalf("%v; end of its log:\n%s", err, d.process.tail())
	}
	t.Cleanup(func() { _ = d.call("", "Target.closeTarget", map[string]any{"targetId": target.TargetID}, nil) })
	var attached struct{ SessionID string }
	if err := d.call("", "Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &attached); err != nil {
		t.Fatal(err)
	}
	p := &Page{d, attached.SessionID}
	for _, domain := range []string{"Page", "Runtime", "Log", "Network"} {
		p.Call(t, domain+".enable", nil, nil)
	}
	return p
}

// Call sends a method of the DevTools protocol; result may be nil.
func (p *Page) Call(t testing.TB, method string, params, result any) {
	t.Helper()
	if err := p.browser.call(p.session, method, params, result); err != nil {
		t.Fatal(err)
	}
}

// Events returns the events of a method since the last Reset.
func (p *Page) Events(method string) (all []Event) {
	p.browser.mu.Lock()
	defer p.browser.mu.Unlock()
	for _, e := range p.browser.events[p.session] {
		if e.Method == method {
			all = append(all, e)
		}
	}
	return all
}

// Reset discards the events so far.
func (p *Page) Reset() {
	p.browser.mu.Lock()
	defer p.browser.mu.Unlock()
	p.browser.events[p.session] = nil
}

// Loads runs do, which makes the page load another one, and returns when that has loaded completely.
func (p *Page) Loads(t testing.TB, do func()) {
	t.Helper()
	p.Reset()
	do()
	Eventually(t, func() error {
		if len(p.Events("Page.loadEventFired")) == 0 {
			return fmt.Errorf("page has not loaded")
		}
		return nil
	})
}

// Open loads an address.
func (p *Page) Open(t testing.TB, url string) {
	t.Helper()
	p.Loads(t, func() {
		var got struct{ ErrorText string }
		p.Call(t, "Page.navigate", map[string]any{"url": url}, &got)
		if got.ErrorText != "" {
			t.Fatalf("open %s: %s", url, got.ErrorText)
		}
	})
}

// Eval evaluates an expression, awaits it if it is a promise, and decodes its value into result, which may be nil. The
// page's security policy does not apply, and scripts may be disabled.
func (p *Page) Eval(t testing.TB, expression string, result any) {
	t.Helper()
	var got struct {
		Result struct{ Value json.RawMessage }
		Failed *struct {
			Text      string
			Exception struct{ Description string }
		} `json:"exceptionDetails"`
	}
	p.Call(t, "Runtime.evaluate", map[string]any{"expression": expression, "returnByValue": true, "awaitPromise": true}, &got)
	if got.Failed != nil {
		t.Fatalf("%.200s: %s %s", expression, got.Failed.Text, got.Failed.Exception.Description)
	}
	if result != nil {
		if err := json.Unmarshal(got.Result.Value, result); err != nil {
			t.Fatalf("%.200s: %v", expression, err)
		}
	}
}

// Click presses the left button in the middle of the element that an expression returns. Like for a person, an element
// on top of it is hit instead.
func (p *Page) Click(t testing.TB, element string) {
	t.Helper()
	var at struct{ X, Y float64 }
	p.Eval(t, `(e => { e.scrollIntoView({block: "center", behavior: "instant"}); const r = e.getClientRects()[0]; return {X: r.x + r.width/2, Y: r.y + r.height/2} })(`+element+`)`, &at)
	for _, what := range []string{"mousePressed", "mouseReleased"} {
		p.Call(t, "Input.dispatchMouseEvent", map[string]any{"type": what, "x": at.X, "y": at.Y, "button": "left", "clickCount": 1}, nil)
	}
}

// Key presses and releases a key by its name in the protocol, such as Tab or Enter.
func (p *Page) Key(t testing.TB, key string) {
	t.Helper()
	code := map[string]int{"Tab": 9, "Enter": 13}[key]
	text := map[string]string{"Enter": "\r"}[key]
	p.Call(t, "Input.dispatchKeyEvent", map[string]any{"type": "keyDown", "key": key, "code": key, "windowsVirtualKeyCode": code, "text": text}, nil)
	p.Call(t, "Input.dispatchKeyEvent", map[string]any{"type": "keyUp", "key": key, "code": key, "windowsVirtualKeyCode": code}, nil)
}

// Complaints returns what went wrong on the page since the last Reset: violations of its security policy, errors and
// warnings on its console, uncaught exceptions, and all network requests except the page itself.
func (p *Page) Complaints(t testing.TB) (all []string) {
	t.Helper()
	for _, e := range p.Events("Log.entryAdded") {
		var log struct {
			Entry struct{ Source, Level, Text string }
		}
		if err := json.Unmarshal(e.Params, &log); err != nil {
			t.Fatal(err)
		}
		all = append(all, log.Entry.Level+": "+log.Entry.Text)
	}
	for _, method := range []string{"Runtime.consoleAPICalled", "Runtime.exceptionThrown"} {
		for _, e := range p.Events(method) {
			all = append(all, method+": "+string(e.Params))
		}
	}
	for _, e := range p.Events("Network.requestWillBeSent") {
		var asked struct {
			Type    string
			Request struct{ URL string }
		}
		if err := json.Unmarshal(e.Params, &asked); err != nil {
			t.Fatal(err)
		}
		if asked.Type != "Document" || strings.HasSuffix(asked.Request.URL, "/favicon.ico") {
			all = append(all, "requests "+asked.Request.URL)
		}
	}
	return all
}
