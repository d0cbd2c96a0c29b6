package providertest

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/sttgate/sttgate/meter"
	"github.com/sttgate/sttgate/proxy/provider"
)

// stream plays the messages of a stream, as the gateway would.
func (p *player) stream(verb, arg string) ([]string, error) {
	switch verb {
	case "greeting":
		return p.greeting(arg)
	case "client":
		return p.client(arg, false)
	case "dropped":
		return p.client(arg, true)
	case "vendor":
		a, err := p.session.FromVendor([]byte(arg))
		return action(a, err), nil
	case "binary":
		n, err := strconv.ParseInt(arg, 10, 64)
		if err != nil {
			return nil, err
		}
		return p.buy(provider.Audio{Bytes: n, First: true, Last: true}), nil
	case "audio":
		return nil, p.audio(arg)
	case "drop":
		d, err := time.ParseDuration(arg)
		return messages(p.session.Drop(p.message(d), denial(""))), err
	case "keepalive":
		return messages(p.session.Keepalive()), nil
	}
	return nil, errVerb
}

func (p *player) greeting(arg string) ([]string, error) {
	g, ok := p.p.(provider.Greeter)
	if !ok {
		return nil, errors.New("this vendor is no provider.Greeter")
	}
	said, err := g.Greeting([]byte(arg))
	switch {
	case err != nil:
		return faulty(err), nil
	case !said.Start:
		return []string{"no start"}, nil
	case said.Credential == "":
		return []string{"start without a credential"}, nil
	}
	return []string{"start of " + said.Credential}, nil
}

// client passes a text message, and buys or drops the audio in it.
func (p *player) client(text string, dropped bool) ([]string, error) {
	a, err := p.session.FromClient([]byte(text))
	if err != nil {
		return action(a, err), nil
	}
	if a.Replace == nil && !a.Hold && !dropped && !p.key.Empty() && strings.Contains(text, CallerKey) {
		return nil, errors.New("the caller's credential passes to the vendor")
	}
	out := action(a, nil)
	if f, ok := p.session.Format(); ok && f != p.format {
		p.format = f
		out = append(out, "format "+formatted(f))
	}
	switch {
	case dropped && a.Audio == nil:
		return nil, errors.New("there is no audio in it")
	case dropped:
		a.Audio.Time = p.timeOf(a.Audio.Bytes)
		out = append([]string{"dropped"}, messages(p.session.Drop(*a.Audio, denial("")))...)
	case a.Audio != nil:
		out = append(out, p.buy(*a.Audio)...)
	}
	return out, nil
}

// buy meters a message and tells the session that it passed.
func (p *player) buy(a provider.Audio) []string {
	if p.clock == nil {
		f, ok := p.session.Format()
		if !ok {
			return []string{"stopped: no format was declared"}
		}
		clock, err := meter.New(f)
		if err != nil {
			return []string{"stopped: " + err.Error()}
		}
		p.clock = clock
	}
	a.Time = p.timeOf(a.Bytes)
	p.clock.Advance(a.Bytes)
	p.total = p.clock.Elapsed()
	p.session.Forwarded(a, p.total)
	return nil
}

// audio lets time pass without a clock.
func (p *player) audio(arg string) error {
	d, err := time.ParseDuration(arg)
	if err != nil {
		return err
	}
	p.total += d
	p.session.Forwarded(p.message(d), p.total)
	return nil
}

// message is an unfragmented message of a length, with as many bytes as it has in
// the declared format, or some where there is none.
func (p *player) message(d time.Duration) provider.Audio {
	n := int64(1)
	if f, ok := p.session.Format(); ok && f.Validate() == nil {
		n = f.BytesPerSecond() * d.Milliseconds() / 1000
	}
	return provider.Audio{Bytes: n, Time: d, First: true, Last: true}
}

// timeOf is how long n bytes last, 0 where their number does not tell.
func (p *player) timeOf(n int64) time.Duration {
	if f, ok := p.session.Format(); ok && f.Validate() == nil {
		return f.Duration(n)
	}
	return 0
}

func faulty(err error) []string {
	if e, ok := errors.AsType[*provider.Error](err); ok {
		return []string{fmt.Sprintf("refused %d %s", e.Status, e.Detail)}
	}
	return []string{"error: " + err.Error()}
}

func action(a provider.Action, err error) []string {
	var out []string
	switch {
	case err != nil:
		return []string{"error: " + err.Error()}
	case a.Hold:
		out = append(out, "held")
	case a.Replace != nil:
		out = append(out, string(a.Replace))
	default:
		out = append(out, "as it is")
	}
	if a.Audio != nil {
		s := fmt.Sprintf("audio of %d bytes", a.Audio.Bytes)
		if a.Audio.Channel != "" {
			s += " in channel " + a.Audio.Channel
		}
		out = append(out, s)
	}
	for _, m := range a.Also {
		out = append(out, "also "+message(m))
	}
	return out
}

func messages(ms []provider.Message) []string {
	var out []string
	for _, m := range ms {
		out = append(out, message(m))
	}
	return orNothing(out)
}

func message(m provider.Message) string {
	to, op := "client", "text"
	if m.To == provider.ToVendor {
		to = "vendor"
	}
	switch m.Op {
	case provider.Ping:
		op = "ping"
	case provider.Binary:
		op = "binary"
	case provider.Text:
	}
	return strings.TrimSpace("to " + to + ": " + op + " " + string(m.Payload))
}
