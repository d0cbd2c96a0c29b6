package proxy

import (
	"bytes"
	"fmt"
	"mime"
	"net/http"
	"strings"

	"github.com/sttgate/sttgate/proxy/provider"
)

// Bounds of a form. Audio in a part that is not the audio's would be free.
const (
	maxOrder      = 1 << 20 // bytes of JSON
	maxPartHeader = 8 << 10
	maxOtherPart  = 8 << 10
	maxPartCount  = 32
)

// parts reads a multipart/form-data body (RFC 7578) as it passes, cut anywhere, and changes
// nothing in it but the order, where that is rewritten:
//
//	--boundary ─► headers ─► the audio's part ─► audio(piece) ─► goes on at once
//	                      ├► the order's part ─► held ─► order(whole) ─► goes on
//	                      └► another, small ───► goes on
//
// It demands what every client writes and refuses the rest: line ends are CRLF, a part says
// once what it is called, the boundary never stands where another parser could find a part
// that this one does not. Not safe for concurrent use.
type parts struct {
	form   provider.Body
	dash   []byte // --boundary
	length int64  // of the whole body; -1: unknown
	audio  func([]byte) error
	begins func(bytes int64) error // the audio's part begins: how long it can be at most
	order  func(json []byte) ([]byte, error)

	state partState
	part  partKind
	seen  map[string]bool
	count int
	size  int64  // of the part at hand
	past  int64  // bytes of the body that were taken out of buf
	sized bool   // the part at hand tells its length
	held  []byte // of the order, then what stands behind the end
	buf   []byte // not understood yet
	out   []byte
}

type partState byte

const (
	atStart partState = iota
	inHeader
	inData
	atEnd
)

type partKind byte

const (
	otherPart partKind = iota
	audioPart
	orderPart
)

func newParts(contentType string, form provider.Body, length int64) (*parts, error) {
	media, params, err := mime.ParseMediaType(contentType)
	boundary := params["boundary"]
	if err != nil || media != "multipart/form-data" || !plainBoundary(boundary) {
		return nil, &provider.Error{Status: http.StatusUnsupportedMediaType, Detail: "the body must be multipart/form-data with a boundary of 1 to 70 letters, digits and '()+_,-./:=?"}
	}
	return &parts{form: form, dash: []byte("--" + boundary), length: length, seen: map[string]bool{}}, nil
}

// plainBoundary holds RFC 2046, 5.1.1, without the space.
func plainBoundary(s string) bool { return len(s) <= 70 && token(s, "'()+_,-./:=?") }

// badForm is a 400.
func badForm(format string, args ...any) error {
	return &provider.Error{Status: http.StatusBadRequest, Detail: "the form: " + fmt.Sprintf(format, args...)}
}

// feed takes the next piece and returns what may go on; it is valid until the next call.
func (p *parts) feed(piece []byte) ([]byte, error) {
	p.out = p.out[:0]
	p.buf = append(p.buf, piece...)
	for {
		more, err := p.step()
		if err != nil {
			return nil, err
		}
		if !more {
			return p.out, nil
		}
	}
}

// end is told that the body is over.
func (p *parts) end() error {
	if p.state != atEnd {
		return badForm("it ends before its last boundary")
	}
	return nil
}

// take moves n bytes of buf on.
func (p *parts) take(n int) []byte {
	b := p.buf[:n]
	p.buf = p.buf[n:]
	p.past += int64(n)
	return b
}

func (p *parts) step() (more bool, err error) {
	switch p.state {
	case atStart:
		return p.start()
	case inHeader:
		return p.header()
	case inData:
		return p.data()
	case atEnd:
		return false, p.epilogue()
	}
	return false, nil
}

// start wants the first boundary at the very beginning: what stands before it is read by nobody,
// or by somebody.
func (p *parts) start() (bool, error) {
	first := append(append([]byte{}, p.dash...), "\r\n"...)
	if n := min(len(first), len(p.buf)); !bytes.Equal(p.buf[:n], first[:n]) {
		return false, badForm("it must begin with its boundary")
	} else if n < len(first) {
		return false, nil
	}
	p.out = append(p.out, p.take(len(first))...)
	p.state = inHeader
	return true, nil
}

func (p *parts) header() (bool, error) {
	end := bytes.Index(p.buf, []byte("\r\n\r\n"))
	if end > maxPartHeader || end < 0 && len(p.buf) > maxPartHeader {
		return false, badForm("the headers of a part are larger than 8 KiB")
	}
	if end < 0 {
		return false, nil
	}
	raw := string(p.buf[:end])
	p.out = append(p.out, p.take(end+4)...)
	if p.count++; p.count > maxPartCount {
		return false, badForm("more than %d parts", maxPartCount)
	}
	name, err := p.headers(raw)
	if err != nil {
		return false, err
	}
	p.size, p.state, p.part = 0, inData, otherPart
	switch name {
	case p.form.Part:
		p.part = audioPart
		most := int64(-1)
		if p.length >= 0 {
			most = max(p.length-p.past-int64(len(p.dash)+len("\r\n--\r\n")), 0)
		}
		return true, p.begins(most)
	case p.form.Order:
		p.part = orderPart
	}
	return true, nil
}

// data passes a part's content up to the next boundary. A boundary's line stays back until it is
// whole.
func (p *parts) data() (bool, error) {
	at := bytes.Index(p.buf, p.dash)
	if at < 0 {
		n := max(len(p.buf)-len(p.dash)-1, 0) // the CRLF before it and all but its last byte
		return false, p.content(p.take(n))
	}
	if len(p.buf) < at+len(p.dash)+2 {
		return false, p.content(p.take(max(at-2, 0)))
	}
	behind := string(p.buf[at+len(p.dash):][:2])
	if at < 2 || string(p.buf[at-2:at]) != "\r\n" || behind != "\r\n" && behind != "--" {
		return false, badForm("its boundary stands inside a part, or without a line of its own")
	}
	if err := p.content(p.take(at - 2)); err != nil {
		return false, err
	}
	if err := p.whole(); err != nil {
		return false, err
	}
	p.out = append(p.out, p.take(len(p.dash)+4)...)
	p.state, p.size = inHeader, 0
	if behind == "--" {
		p.state = atEnd
	}
	return true, nil
}

// content takes a piece of the part at hand.
func (p *parts) content(b []byte) error {
	if len(b) == 0 {
		return nil
	}
	p.size += int64(len(b))
	switch p.part {
	case audioPart:
		if err := p.audio(b); err != nil {
			return err
		}
	case orderPart:
		if p.size > maxOrder {
			return badForm("the part %s is larger than 1 MiB", p.form.Order)
		}
		p.held = append(p.held, b...)
		return nil
	case otherPart:
		if p.size > maxOtherPart {
			return badForm("a part other than %s is larger than 8 KiB", p.form.Part)
		}
	}
	p.out = append(p.out, b...)
	return nil
}

// whole lets an order go on that is complete.
func (p *parts) whole() error {
	if p.part != orderPart {
		return nil
	}
	json, err := p.order(p.held)
	if err != nil {
		return err
	}
	if p.sized && len(json) != len(p.held) {
		return badForm("the part %s has a Content-Length, and cannot be completed", p.form.Order)
	}
	p.out, p.held = append(p.out, json...), nil
	return nil
}

// epilogue allows the line end that many clients write behind the last boundary.
func (p *parts) epilogue() error {
	p.held = append(p.held, p.buf...)
	if !strings.HasPrefix("\r\n", string(p.held)) {
		return badForm("something stands behind its last boundary")
	}
	p.out = append(p.out, p.take(len(p.buf))...)
	return nil
}

// headers reads a part's headers, strictly, and returns its name.
func (p *parts) headers(raw string) (name string, err error) {
	p.sized = false
	named, disposition := false, ""
	for line := range strings.SplitSeq(raw, "\r\n") {
		key, value, ok := strings.Cut(line, ":")
		if !ok || !token(key, "!#$%&'*+-.^_`|~") || strings.ContainsAny(line, "\r\n\x00") {
			return "", badForm("a part's header is no header")
		}
		value = strings.TrimSpace(value)
		switch strings.ToLower(key) {
		case "content-disposition":
			if named {
				return "", badForm("a part has two names")
			}
			named, disposition = true, value
		case "content-length":
			p.sized = true
		case "content-encoding":
			return "", badForm("an encoded part hides how long its audio is: send it as it is")
		case "content-transfer-encoding":
			if l := strings.ToLower(value); l != "binary" && l != "8bit" && l != "7bit" {
				return "", badForm("an encoded part hides how long its audio is: send it as it is")
			}
		}
	}
	return p.name(disposition)
}

func (p *parts) name(disposition string) (string, error) {
	kind, params, err := mime.ParseMediaType(disposition)
	name, lower := params["name"], strings.ToLower(disposition)
	switch {
	case err != nil || kind != "form-data" || len(name) > 64 || !token(name, "_.-"):
		return "", badForm("a part has no plain name")
	case strings.Count(lower, "name=") != 1+strings.Count(lower, "filename=") || strings.Contains(lower, "name*"):
		return "", badForm("a part has a name that can be read in two ways")
	case p.seen[name]:
		return "", badForm("the part %s stands twice", name)
	case params["filename"] != "" && name != p.form.Part && name != p.form.Order:
		return "", badForm("a file in the part %s, which this gateway does not know", name)
	}
	p.seen[name] = true
	return name, nil
}
