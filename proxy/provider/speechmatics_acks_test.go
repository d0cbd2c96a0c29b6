package provider_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/sttgate/sttgate/proxy/provider"
)

// ackModel is a client that counts, a vendor that acks late, and the gateway between
// them as the relay and the tap are: the simplest thing that could know the right
// numbers.
type ackModel struct {
	t       *testing.T
	s       provider.Session
	final   bool // once dropped, always dropped, as Speechmatics' route says
	dropped bool
	lanes   []*ackLane
}

type ackLane struct {
	channel string
	sent    []bool // of each message of the client's: was it forwarded, at least its beginning?
	vendor  int64  // messages that the vendor has
	acked   int64  // of these by the vendor
	got     int64  // acks at the client
}

func newAckModel(t *testing.T, final bool) *ackModel {
	t.Helper()
	m := &ackModel{t: t, s: provider.Speechmatics{}.Open(provider.Route{Words: true}), final: final}
	for _, ch := range []string{"", "a", "b"} {
		m.lanes = append(m.lanes, &ackLane{channel: ch})
	}
	m.client(`{"message":"StartRecognition","audio_format":{"type":"raw","encoding":"mulaw","sample_rate":8000}}`)
	return m
}

func (m *ackModel) client(text string) provider.Action {
	m.t.Helper()
	a, err := m.s.FromClient([]byte(text))
	if err != nil {
		m.t.Fatalf("%s: %v", text, err)
	}
	return a
}

// run plays the operations, then the end, and holds the numbers of it.
func (m *ackModel) run(ops []byte) {
	m.t.Helper()
	for _, op := range ops {
		l := m.lanes[int(op>>4)%len(m.lanes)]
		switch op & 7 {
		case 0, 1:
			m.message(l, !m.final || !m.dropped, 1)
		case 2:
			m.message(l, false, 1)
		case 3:
			m.message(l, false, 3)
		case 4, 5, 6:
			m.vendorAcks(l)
		case 7:
			m.cutOff(l)
		}
	}
	m.end()
}

// message is one of the client's, in fragments, forwarded or dropped.
func (m *ackModel) message(l *ackLane, forward bool, fragments int) {
	m.t.Helper()
	l.sent = append(l.sent, forward)
	if forward {
		l.vendor++
	}
	m.dropped = m.dropped || !forward
	for i := range fragments {
		a := provider.Audio{Bytes: 8, Channel: l.channel, First: i == 0, Last: i == fragments-1}
		if forward {
			m.s.Forwarded(a, time.Second)
			continue
		}
		m.hear(m.s.Drop(a, provider.Denial{}))
	}
}

// cutOff is a message whose beginning the vendor has: it gets an end, and acks it.
func (m *ackModel) cutOff(l *ackLane) {
	m.t.Helper()
	if m.final && m.dropped || l.channel != "" { // text is never cut
		return
	}
	l.sent = append(l.sent, true)
	l.vendor++
	m.dropped = true
	m.s.Forwarded(provider.Audio{Bytes: 8, First: true}, time.Second)
	m.hear(m.s.Drop(provider.Audio{Bytes: 8}, provider.Denial{}))
	m.hear(m.s.Drop(provider.Audio{Bytes: 8, Last: true}, provider.Denial{}))
}

func (m *ackModel) vendorAcks(l *ackLane) {
	m.t.Helper()
	if l.acked == l.vendor {
		return
	}
	l.acked++
	text := fmt.Sprintf(`{"message":"AudioAdded","seq_no":%d}`, l.acked)
	if l.channel != "" {
		text = fmt.Sprintf(`{"seq_no":%d,"channel":%q,"message":"ChannelAudioAdded"}`, l.acked, l.channel)
	}
	m.fromVendor(text)
}

func (m *ackModel) fromVendor(text string) {
	m.t.Helper()
	a, err := m.s.FromVendor([]byte(text))
	if err != nil {
		m.t.Fatal(err)
	}
	own := []byte(text)
	if a.Replace != nil {
		own = a.Replace
	}
	if !a.Hold {
		m.hear([]provider.Message{{Payload: own}})
	}
	m.hear(a.Also)
}

// hear is the client, which takes only the ack that it waits for.
func (m *ackModel) hear(ms []provider.Message) {
	m.t.Helper()
	for _, msg := range ms {
		var ack struct {
			Message, Channel string
			Seq              int64 `json:"seq_no"`
		}
		if err := json.Unmarshal(msg.Payload, &ack); err != nil || msg.To != provider.ToClient {
			m.t.Fatalf("%q: %v", msg.Payload, err)
		}
		for _, l := range m.lanes {
			if ack.Message != "AudioAdded" && ack.Message != "ChannelAudioAdded" || l.channel != ack.Channel {
				continue
			}
			if l.got++; ack.Seq != l.got || l.got > int64(len(l.sent)) {
				m.t.Fatalf("channel %q: ack %d, the %d. of %d messages", l.channel, ack.Seq, l.got, len(l.sent))
			}
			if l.sent[l.got-1] && l.acked < m.before(l, l.got) {
				m.t.Fatalf("channel %q: message %d was acked before the vendor had", l.channel, l.got)
			}
		}
	}
}

// before is how many of the first n messages the vendor has.
func (*ackModel) before(l *ackLane, n int64) (count int64) {
	for _, forwarded := range l.sent[:n] {
		if forwarded {
			count++
		}
	}
	return count
}

// end lets the vendor ack everything and say its last word.
func (m *ackModel) end() {
	m.t.Helper()
	var all int64
	for _, l := range m.lanes {
		all += l.vendor
		for l.acked < l.vendor {
			m.vendorAcks(l)
		}
		if l.got != int64(len(l.sent)) {
			m.t.Fatalf("channel %q: %d acks of %d messages", l.channel, l.got, len(l.sent))
		}
		if l.channel != "" {
			m.number(fmt.Sprintf(`{"message":"EndOfChannel","channel":%q,"last_seq_no":%d}`, l.channel, l.got), l.vendor, l.vendor != l.got)
		}
	}
	m.number(`{"message":"EndOfStream","last_seq_no":123456}`, all, m.lost())
	m.fromVendor(`{"message":"EndOfTranscript"}`)
}

func (m *ackModel) lost() bool {
	for _, l := range m.lanes {
		if l.vendor != int64(len(l.sent)) {
			return true
		}
	}
	return false
}

// number holds the last_seq_no that the vendor gets.
func (m *ackModel) number(text string, want int64, dropped bool) {
	m.t.Helper()
	a := m.client(text)
	if !dropped {
		if a.Replace != nil {
			m.t.Fatalf("%s became %s, and nothing was dropped", text, a.Replace)
		}
		return
	}
	var end struct {
		Last int64 `json:"last_seq_no"`
	}
	if err := json.Unmarshal(a.Replace, &end); err != nil || end.Last != want {
		m.t.Fatalf("%s became %s, want %d, %v", text, a.Replace, want, err)
	}
}
