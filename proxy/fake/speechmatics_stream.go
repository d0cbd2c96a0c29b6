package fake

import (
	"encoding/base64"
	"encoding/json"
	"time"
)

// speechmaticsDialect speaks the real-time protocol.
type speechmaticsDialect struct {
	s        *Stream
	started  bool
	partials bool
	ids      []string // of the channels; none for a stream without names
	lanes    []*speechmaticsLane
}

// speechmaticsLane is the audio of one channel.
type speechmaticsLane struct {
	channel string
	seq     int64 // messages
	acked   int64
	bytes   int64
	next    int64 // number of the next half step
	final   int64 // bytes up to which transcripts are final
	closed  bool
}

func (d *speechmaticsDialect) lane(channel string) *speechmaticsLane {
	for _, l := range d.lanes {
		if l.channel == channel {
			return l
		}
	}
	l := &speechmaticsLane{channel: channel, next: 1}
	d.lanes = append(d.lanes, l)
	return l
}

func (d *speechmaticsDialect) begin() {
	d.s.send(map[string]any{
		"message": "Info", "type": "concurrent_session_usage", "reason": "1 concurrent sessions active out of quota 50",
		"usage": 1, "quota": 50, "last_updated": time.Now().UTC().Format(time.RFC3339),
	})
}

// fail says an error and closes.
func (d *speechmaticsDialect) fail(typ, reason string, code int, payload string) {
	d.s.send(map[string]any{"message": "Error", "type": typ, "reason": reason, "code": code})
	d.s.end(code, payload)
}

// text reads a message.
func (d *speechmaticsDialect) text(_ string, msg []byte) bool {
	var m struct {
		Message string  `json:"message"`
		Channel string  `json:"channel"`
		Data    *string `json:"data"`
		Last    *int64  `json:"last_seq_no"`
	}
	if json.Unmarshal(msg, &m) != nil {
		d.fail("invalid_message", "The message received was not understood.", 1003, "protocol_error")
		return true
	}
	if m.Message != "StartRecognition" && !d.started {
		d.fail("protocol_error", "StartRecognition must come first.", 1003, "protocol_error")
		return true
	}
	switch m.Message {
	case "StartRecognition":
		d.start(msg)
	case "AddChannelAudio":
		return d.channelAudio(m.Channel, m.Data)
	case "EndOfChannel":
		d.endOfChannel(m.Channel, m.Last)
	case "EndOfStream":
		d.ended("", m.Last)
	case "ForceEndOfUtterance":
		for _, l := range d.lanes {
			d.flush(l, true)
		}
	case "GetSpeakers":
		d.s.send(map[string]any{"message": "SpeakersResult", "speakers": []any{}})
	case "SetRecognitionConfig":
	default:
		d.fail("invalid_message", "The message received was not understood.", 1003, "protocol_error")
	}
	return true
}

func (d *speechmaticsDialect) start(msg []byte) {
	var m struct {
		Format struct {
			Type     string `json:"type"`
			Encoding string `json:"encoding"`
			Rate     int64  `json:"sample_rate"`
		} `json:"audio_format"`
		Config struct {
			Language string   `json:"language"`
			Partials bool     `json:"enable_partials"`
			Labels   []string `json:"channel_diarization_labels"`
		} `json:"transcription_config"`
	}
	if json.Unmarshal(msg, &m) != nil {
		d.fail("invalid_message", "The message received was not understood.", 1003, "protocol_error")
		return
	}
	t, known := speechmaticsTiming(m.Format.Type, m.Format.Encoding, m.Format.Rate)
	switch {
	case d.started:
		d.fail("protocol_error", "StartRecognition has been received already.", 1003, "protocol_error")
	case m.Config.Language == "":
		d.fail("invalid_config", "transcription_config.language is required.", 1003, "protocol_error")
	case !known:
		d.fail("invalid_audio_type", "Audio type is not supported.", 1003, "protocol_error")
	case d.refused():
	default:
		d.started, d.partials, d.ids = true, m.Config.Partials, m.Config.Labels
		d.s.timed(t)
		hello := map[string]any{
			"message": "RecognitionStarted", "orchestrator_version": "fake", "id": d.s.rec.RequestID,
			"language_pack_info": map[string]any{"language_description": "English", "word_delimiter": " ", "writing_direction": "left-to-right"},
		}
		if d.ids != nil {
			hello["channel_ids"] = d.ids
		}
		d.s.send(hello)
	}
}

// speechmaticsTiming is how a declared format's bytes are time.
func speechmaticsTiming(typ, encoding string, rate int64) (t timing, known bool) {
	if typ == "file" || typ == "" {
		return reads(container), true
	}
	sample := map[string]int64{"pcm_s16le": 2, "pcm_f32le": 4, "mulaw": 1}[encoding]
	if typ != "raw" || sample == 0 || rate < 1 {
		return timing{}, false
	}
	return timing{bps: sample * rate, align: sample}, true
}

// refused plays the scenarios behind StartRecognition.
func (d *speechmaticsDialect) refused() bool {
	switch d.s.scenario {
	case InBand401:
		d.fail("not_authorised", "User was not recognised, or the API key provided is not valid.", 4001, "not_authorised")
	case InBand402:
		d.fail("timelimit_exceeded", "Usage quota for the contract has been reached", 4006, "timelimit_exceeded")
	case InBand403:
		d.fail("not_allowed", "User is not allowed to use this message.", 4003, "not_allowed")
	case InBand429:
		d.fail("quota_exceeded", "Concurrent Quota Exceeded", 4005, "quota_exceeded")
	default:
		return false
	}
	return true
}

// struck plays the scenarios after one second of audio.
func (d *speechmaticsDialect) struck(total int64) bool {
	if total < d.s.strike {
		return false
	}
	switch d.s.scenario {
	case InBand408:
		d.fail("idle_timeout", "Idle duration limit was reached", 1008, "policy_violation")
	case InBand413:
		d.fail("timelimit_exceeded", "Usage quota for the contract has been reached", 4006, "timelimit_exceeded")
	case InBand503:
		d.fail("job_error", "Unable to do any work on this job", 4013, "job_error")
	default:
		return false
	}
	return true
}

// heard takes an AddAudio. total is that of all channels; here there is one.
func (d *speechmaticsDialect) heard(total int64) {
	if !d.started {
		d.fail("protocol_error", "AddAudio came before RecognitionStarted.", 1003, "protocol_error")
		return
	}
	l := d.lane("")
	l.bytes = total
	d.added(l)
	if !d.struck(total) {
		d.transcribe(l)
	}
}

// empty is an AddAudio like any other.
func (d *speechmaticsDialect) empty() { d.heard(d.s.Record().amount) }

func (d *speechmaticsDialect) channelAudio(channel string, data *string) bool {
	if channel == "" || data == nil {
		d.fail("invalid_message", "channel and data are required.", 1003, "protocol_error")
		return true
	}
	p, err := base64.StdEncoding.DecodeString(*data)
	if err != nil {
		d.fail("invalid_message", "data is no base64.", 1003, "protocol_error")
		return true
	}
	total := d.s.hear(p)
	l := d.lane(channel)
	l.bytes += int64(len(p))
	d.added(l)
	if d.struck(total) {
		return true
	}
	d.transcribe(l)
	return total < d.s.strike || d.s.struck() == nil
}

// hear counts audio that did not come in a message of its own.
func (s *Stream) hear(p []byte) (total int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	total = s.count(p)
	s.rec.Messages++
	s.note("audio", p)
	s.hash.Write(p)
	s.change()
	return total
}

// added acks what is due.
func (d *speechmaticsDialect) added(l *speechmaticsLane) {
	l.seq++
	d.ack(l, l.seq-int64(d.s.c.o.AckLag))
}

func (d *speechmaticsDialect) ack(l *speechmaticsLane, to int64) {
	for l.acked < to {
		l.acked++
		m := map[string]any{"message": "AudioAdded", "seq_no": l.acked}
		if l.channel != "" {
			m["message"], m["channel"] = "ChannelAudioAdded", l.channel
		}
		d.s.send(m)
	}
}

// ended notes the client's number of messages, and ends the stream.
func (d *speechmaticsDialect) ended(channel string, last *int64) {
	var n int64
	for _, l := range d.lanes {
		n += l.seq
	}
	if d.number(channel, last, n) {
		d.s.finish()
	}
}

func (d *speechmaticsDialect) endOfChannel(channel string, last *int64) {
	l := d.lane(channel)
	if !d.number(channel, last, l.seq) {
		return
	}
	l.closed = true
	for _, id := range d.ids {
		if !d.lane(id).closed {
			return
		}
	}
	d.s.finish()
}

// number records a last_seq_no and holds it against what came.
func (d *speechmaticsDialect) number(channel string, last *int64, came int64) bool {
	if last == nil {
		d.fail("invalid_message", "last_seq_no is required.", 1003, "protocol_error")
		return false
	}
	d.s.mu.Lock()
	if d.s.rec.LastSeqNo == nil {
		d.s.rec.LastSeqNo = make(map[string]int64)
	}
	d.s.rec.LastSeqNo[channel] = *last
	d.s.change()
	d.s.mu.Unlock()
	if *last != came && d.s.c.o.StrictNumbers {
		d.fail("protocol_error", "last_seq_no is not the number of messages.", 1003, "protocol_error")
		return false
	}
	return true
}

// finish says the last words.
func (d *speechmaticsDialect) finish() {
	for _, l := range d.lanes {
		d.ack(l, l.seq)
		d.flush(l, false)
	}
	d.s.send(map[string]any{"message": "EndOfTranscript"})
}

func (d *speechmaticsDialect) idle() (time.Duration, bool) { return d.s.c.o.SilenceTimeout, true }

func (d *speechmaticsDialect) starved() {
	if d.s.scenario != SilentEnd && d.s.scenario != Deaf {
		d.fail("idle_timeout", "no audio and no ping", 1008, "policy_violation")
	}
}
