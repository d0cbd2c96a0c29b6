package providertest

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/sttgate/sttgate/config/secret"
	"github.com/sttgate/sttgate/meter"
	"github.com/sttgate/sttgate/proxy/provider"
)

// The canaries. The caller's may reach the vendor only where the gateway has no key
// of its own; the vendor's only in the vendor's handshake.
const (
	CallerKey = "CANARY-caller"
	VendorKey = "CANARY-vendor"
)

// Play returns the transcript with what really followed each event. An error is a
// transcript that cannot be played, or a rule of all vendors that was broken.
func Play(p provider.Provider, script []byte) ([]byte, error) {
	var out bytes.Buffer
	pl := player{p: p, key: secret.New(VendorKey), header: make(http.Header), answer: make(http.Header)}
	n := 0
	for line := range strings.Lines(string(script)) {
		n++
		if strings.HasPrefix(line, "\t") {
			continue
		}
		out.WriteString(line)
		verb, arg, ok := event(line)
		if !ok {
			continue
		}
		said, err := pl.event(verb, arg)
		if err != nil {
			return nil, fmt.Errorf("line %d: %s: %w", n, verb, err)
		}
		for _, l := range said {
			fmt.Fprintf(&out, "\t%s\n", l)
		}
	}
	return out.Bytes(), nil
}

// player is the state of a play: one request, and the stream it became.
type player struct {
	p      provider.Provider
	key    secret.Value
	user   string
	header http.Header // of the next request
	answer http.Header // of the vendor's 101

	in      *http.Request
	route   provider.Route
	session provider.Session // nil before a request was served
	format  meter.Format     // the last one shown
	clock   meter.Counter
	total   time.Duration
}

var (
	errVerb    = errors.New("no such event")
	errSession = errors.New("stands before a request that was served")
)

func (p *player) event(verb, arg string) ([]string, error) {
	if p.session == nil {
		switch verb {
		case "key", "user", "header", "request":
		default:
			return nil, errSession
		}
	}
	said, err := p.play(verb, arg)
	if err != nil {
		return nil, err
	}
	return said, p.clean(verb, said)
}

func (p *player) play(verb, arg string) ([]string, error) {
	for _, room := range []func(verb, arg string) ([]string, error){p.handshake, p.stream, p.ends, p.batch} {
		said, err := room(verb, arg)
		if !errors.Is(err, errVerb) {
			return said, err
		}
	}
	return nil, errVerb
}

// clean fails where a credential appears that must not.
func (p *player) clean(verb string, said []string) error {
	for _, l := range said {
		switch {
		case verb == "credential", verb == "greeting":
		case strings.Contains(l, CallerKey) && (verb != "upstream" || !p.key.Empty()):
			return fmt.Errorf("the caller's credential is in %q", l)
		case strings.Contains(l, VendorKey) && verb != "upstream":
			return fmt.Errorf("the vendor's key is in %q", l)
		}
	}
	return nil
}
