package provider_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sttgate/sttgate/proxy/provider"
)

var update = flag.Bool("update", false, "write the transcripts' expectations anew; read the diff before committing it")

// TestTranscripts plays each file of testdata/deepgram against the provider. A line
// is one event; the lines behind it that begin with a tab are what must follow:
//
//	request TARGET          a handshake: the route, or the error
//	client TEXT             a text message of the client: what is done with it
//	vendor TEXT             a text message of the vendor
//	audio DURATION          so much audio was let through
//	drop DURATION           a message of this length was dropped: what is owed
//	keepalive, finish, farewell REASON, reported
//
// Empty lines and those that begin with # are for the reader.
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/deepgram/*.txt")
	if err != nil || len(files) < 5 {
		t.Fatalf("%d transcripts, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := play(t, want)
			if *update {
				if err := os.WriteFile(file, got, 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			if !bytes.Equal(got, want) {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// play returns the transcript with what really followed.
func play(t *testing.T, script []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	p := player{t: t}
	for line := range strings.Lines(string(script)) {
		if strings.HasPrefix(line, "\t") {
			continue
		}
		out.WriteString(line)
		line = strings.TrimSuffix(line, "\n")
		if line == "" || line[0] == '#' {
			continue
		}
		verb, arg, _ := strings.Cut(line, " ")
		for _, l := range p.event(verb, arg) {
			fmt.Fprintf(&out, "\t%s\n", l)
		}
	}
	return out.Bytes()
}

type player struct {
	t       *testing.T
	session provider.Session
	total   time.Duration
}

func (p *player) event(verb, arg string) []string {
	p.t.Helper()
	d := provider.Denial{
		Reason: provider.BudgetExhausted, Status: 429, Code: 1008, Title: "Budget exhausted",
		Detail: "budget deepgram-daily of user u is spent", RequestID: "r1",
	}
	switch verb {
	case "request":
		return p.request(arg)
	case "client":
		a, err := p.session.FromClient([]byte(arg))
		return action(a, err)
	case "vendor":
		a, err := p.session.FromVendor([]byte(arg))
		return action(a, err)
	case "audio":
		p.total += p.duration(arg)
		p.session.Forwarded(provider.Audio{}, p.total)
		return nil
	case "drop":
		return messages(p.session.Drop(provider.Audio{Time: p.duration(arg)}, d))
	case "keepalive":
		return messages(p.session.Keepalive())
	case "finish":
		return messages(p.session.Finish(nil))
	case "farewell":
		d.Reason = provider.Reason(arg)
		ms, code, reason := p.session.Farewell(d)
		return append(messages(ms), fmt.Sprintf("close %d %s", code, reason))
	case "reported":
		if total, ok := p.session.Reported(); ok {
			return []string{total.String()}
		}
		return []string{"nothing"}
	}
	p.t.Fatalf("unknown event %q", verb)
	return nil
}

func (p *player) request(target string) []string {
	rt, err := provider.Deepgram{}.Match(upgrade(p.t, target))
	if refusal, ok := errors.AsType[*provider.Error](err); ok {
		return []string{fmt.Sprintf("refused %d %s", refusal.Status, refusal.Detail)}
	}
	if err != nil {
		return []string{err.Error()}
	}
	p.session = provider.Deepgram{}.Open(rt)
	return []string{fmt.Sprintf("%s %s %dHz x%d weight %d", rt.Variant, rt.Format.Encoding, rt.Format.SampleRate, rt.Format.Channels, rt.Weight)}
}

func (p *player) duration(s string) time.Duration {
	d, err := time.ParseDuration(s)
	if err != nil {
		p.t.Fatal(err)
	}
	return d
}

func action(a provider.Action, err error) []string {
	switch {
	case err != nil:
		return []string{"error: " + err.Error()}
	case a.Hold:
		return []string{"held"}
	case a.Replace != nil:
		return []string{string(a.Replace)}
	}
	return []string{"as it is"}
}

func messages(ms []provider.Message) []string {
	var out []string
	for _, m := range ms {
		to, op := "client", "text"
		if m.To == provider.ToVendor {
			to = "vendor"
		}
		if m.Op == provider.Ping {
			op = "ping"
		}
		out = append(out, strings.TrimSpace("to "+to+": "+op+" "+string(m.Payload)))
	}
	if out == nil {
		return []string{"nothing"}
	}
	return out
}
