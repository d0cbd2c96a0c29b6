package provider

import (
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/sttgate/sttgate/meter"
)

// speechmaticsSession follows one stream.
//
//	client   StartRecognition ─► audio | AddChannelAudio ─► EndOfChannel, EndOfStream
//	vendor   RecognitionStarted ─► AudioAdded for each, AddTranscript … ─► EndOfTranscript
//
// A stream that has lost a message goes on as the vendor's own does behind
// duration_limit_exceeded: every audio message is acked, none is heard.
type speechmaticsSession struct {
	models *Models
	words  bool // their times are asked for

	mu       sync.Mutex // guards what follows
	format   meter.Format
	started  bool // StartRecognition has passed
	ended    bool // the vendor has its EndOfStream
	denied   bool // and has it from the gateway, which has to have the last word
	noticed  bool // the client knows that its audio is not heard any more
	lost     bool // a message was dropped
	told     bool // the vendor told a time
	total    time.Duration
	id       string
	wrong    int // what the vendor's Error comes to
	channels int // as the vendor counts them; 0 for a stream without names
	lanes    []*lane
	names    []string // of the lanes
}

const (
	// maxConfig bounds a message of the client's without audio: a vocabulary of a
	// thousand words is legal.
	maxConfig = 64 << 10
	// maxLanes bounds the channels of a stream; the vendor takes two.
	maxLanes = 32
)

// lane finds a channel's, or makes it; nil where there are too many. The lock is held.
func (s *speechmaticsSession) lane(channel string) *lane {
	for i, name := range s.names {
		if name == channel {
			return s.lanes[i]
		}
	}
	if len(s.lanes) == maxLanes {
		return nil
	}
	l := &lane{}
	if channel != "" {
		l.name = jsonString(channel)
	}
	s.names, s.lanes = append(s.names, channel), append(s.lanes, l)
	return l
}

// FromClient learns the format, finds audio in text and keeps the numbers of the end
// true. Messages that could be read in two ways are refused.
func (s *speechmaticsSession) FromClient(text []byte) (Action, error) {
	fields, err := exactFields(text, "message", "audio_format", "channel", "data", "last_seq_no")
	if err != nil {
		return Action{}, err
	}
	kind, ok := jsonText(fields["message"])
	if !ok {
		return Action{}, bad(`a message needs its name in "message"`)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if kind == "AddChannelAudio" {
		return s.channelAudio(fields)
	}
	if len(text) > maxConfig {
		return Action{}, bad("a message without audio of more than 64 KiB is not passed on")
	}
	switch kind {
	case "StartRecognition":
		return s.start(text, fields)
	case "EndOfStream":
		s.ended = true
		return s.lastNumber(text, s.lost, s.forwarded()), nil
	case "EndOfChannel":
		return s.endOfChannel(text, fields)
	case "SetRecognitionConfig", "GetSpeakers", "ForceEndOfUtterance":
	default:
		if len(text) > maxControl || strings.Contains(strings.ToLower(kind), "audio") {
			return Action{}, bad("this message is not known here, and could hold audio that nobody meters")
		}
	}
	return Action{}, nil
}

// start learns the format from StartRecognition, and puts another model in. The lock is held.
func (s *speechmaticsSession) start(text []byte, fields map[string][]byte) (a Action, err error) {
	if s.started {
		return Action{}, bad("StartRecognition stands twice: a stream has one format")
	}
	if s.format, err = speechmaticsFormat(fields["audio_format"]); err != nil {
		return Action{}, err
	}
	out, swap, err := speechmaticsRemodel(text, s.models)
	if err != nil {
		return Action{}, err
	}
	if a.Model = &swap; swap.Used != "" {
		a.Replace = out
	}
	s.started = true
	return a, nil
}

// channelAudio measures the audio in an AddChannelAudio.
func (s *speechmaticsSession) channelAudio(fields map[string][]byte) (Action, error) {
	channel, ok := jsonText(fields["channel"])
	if !ok || channel == "" {
		return Action{}, bad("AddChannelAudio needs a channel")
	}
	n, ok := base64Bytes(fields["data"])
	if !ok {
		return Action{}, bad("AddChannelAudio needs its data in standard base64, padded and without white space")
	}
	if s.lane(channel) == nil {
		return Action{}, bad("the stream has too many channels")
	}
	return Action{Audio: &Audio{Bytes: n, Channel: channel, First: true, Last: true}}, nil
}

func (s *speechmaticsSession) endOfChannel(text []byte, fields map[string][]byte) (Action, error) {
	channel, ok := jsonText(fields["channel"])
	if !ok || channel == "" {
		return Action{}, bad("EndOfChannel needs a channel")
	}
	l := s.lane(channel)
	if l == nil {
		return Action{}, bad("the stream has too many channels")
	}
	l.closed = true
	return s.lastNumber(text, l.lost > 0, l.up), nil
}

// lastNumber sets a last_seq_no where the client's could not be the vendor's. Clients
// fill it with many things; where nothing was dropped it is between them and the vendor.
func (s *speechmaticsSession) lastNumber(text []byte, dropped bool, n int64) Action {
	if !dropped {
		return Action{}
	}
	for o := members(text); o.next(); {
		if string(o.key) == "last_seq_no" {
			return Action{Replace: splice(text, o.at, o.i, strconv.AppendInt(nil, n, 10))}
		}
	}
	return Action{}
}

// forwarded is how many audio messages the vendor was sent; the lock is held.
func (s *speechmaticsSession) forwarded() (n int64) {
	for _, l := range s.lanes {
		n += l.up
	}
	return n
}

// Format is what StartRecognition declared.
func (s *speechmaticsSession) Format() (meter.Format, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.format, s.started
}

// Forwarded counts the message: the vendor will ack it, also when the rest of it is cut off.
func (s *speechmaticsSession) Forwarded(a Audio, total time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.total = total
	if l := s.lane(a.Channel); l != nil && a.First {
		l.cut = false
		l.push(false)
	}
}

// Drop tells the client once, in the vendor's words, that it is not heard any more,
// and acks the message.
func (s *speechmaticsSession) Drop(a Audio, d Denial) (owed []Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.noticed {
		s.noticed = true
		owed = append(owed, speechmaticsWarning(d, s.total))
	}
	l := s.lane(a.Channel)
	if l == nil {
		return owed
	}
	l.cut = l.cut || a.First
	if a.Last && l.cut {
		l.cut, s.lost = false, true
		l.push(true)
	}
	return l.release(owed)
}

// Keepalive owes nothing: the relay pings a peer that is silent, and the vendor counts that.
func (s *speechmaticsSession) Keepalive() []Message { return nil }

// Finish is the end of all channels, with the number of messages that the vendor was
// sent. Before StartRecognition there is nothing to end.
func (s *speechmaticsSession) Finish(d *Denial) []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended || !s.started || s.allClosed() {
		return nil
	}
	s.ended, s.denied = true, d != nil
	b := strconv.AppendInt([]byte(`{"message":"EndOfStream","last_seq_no":`), s.forwarded(), 10)
	return []Message{{To: ToVendor, Op: Text, Payload: append(b, '}')}}
}

// allClosed reports a session that the vendor ends by itself, because the client has ended
// each of its channels. The lock is held.
func (s *speechmaticsSession) allClosed() bool {
	for _, l := range s.lanes {
		if !l.closed {
			return false
		}
	}
	return s.channels > 0 && len(s.lanes) >= s.channels
}
