package provider

import (
	"encoding/json"

	"github.com/sttgate/sttgate/meter"
)

// sonioxMessage is a text message of the client, read so that the vendor cannot
// read it otherwise.
type sonioxMessage struct {
	typ        string // of a control message
	opens      bool   // it holds what only a start message may hold
	credential string
	model      []byte       // as it is written
	format     meter.Format // of a message without a type
}

// readSoniox reads a text message. What is no JSON object, or could be two different ones
// to two parsers, is an *Error: a duplicate member, a second spelling of one, an
// escape in a member's name.
func readSoniox(text []byte) (sonioxMessage, error) {
	fields, err := exactFields(text, "api_key", "model", "audio_format", "sample_rate", "num_channels", "client_reference_id", "type")
	if err != nil {
		return sonioxMessage{}, err
	}
	var m sonioxMessage
	for _, f := range []struct {
		key string
		to  *string
	}{{"api_key", &m.credential}, {"type", &m.typ}} {
		if raw, ok := fields[f.key]; ok && json.Unmarshal(raw, f.to) != nil {
			return m, bad(f.key + " must be a string")
		}
	}
	for _, key := range []string{"api_key", "model", "audio_format", "sample_rate", "num_channels"} {
		_, has := fields[key]
		m.opens = m.opens || has
	}
	switch {
	case m.typ == "":
		m.model = fields["model"]
		m.format, err = sonioxFormat(fields)
	case m.opens:
		err = bad("a message with a type is a control message: it holds no api_key, model or audio format")
	}
	return m, err
}

// maxSonioxName bounds a format's name, which is shown when it is refused.
const maxSonioxName = 32

// sonioxFormat is the declared format. Whether it can be metered is the meter's to say.
func sonioxFormat(fields map[string][]byte) (meter.Format, error) {
	name := "auto" // what the SDKs send when they are told nothing
	if raw, ok := fields["audio_format"]; ok && string(raw) != "null" {
		if json.Unmarshal(raw, &name) != nil || name == "" || len(name) > maxSonioxName {
			return meter.Format{}, bad("audio_format must be a name, for example pcm_s16le")
		}
	}
	f := meter.Format{Encoding: sonioxEncoding(name)}
	if !f.Headerless() {
		return f, nil // it tells its own rate and channels
	}
	var ok bool
	if f.SampleRate, ok = number(string(fields["sample_rate"])); !ok {
		return f, bad("audio_format " + name + " needs a sample_rate, a plain number of Hz")
	}
	if f.Channels, ok = number(string(fields["num_channels"])); !ok {
		return f, bad("audio_format " + name + " needs num_channels, a plain number")
	}
	if err := f.Validate(); err != nil {
		return f, bad(err.Error())
	}
	return f, nil
}

// sonioxRewrite removes api_key from a start message and sets its client_reference_id
// where reference is not empty. Every other byte stays. text has been read before.
func sonioxRewrite(text []byte, reference string) []byte {
	out := removeMember(text, "api_key")
	if reference != "" {
		out = setMember(out, "client_reference_id", reference)
	}
	return out
}
