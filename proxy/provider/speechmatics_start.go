package provider

import (
	"encoding/json"
	"fmt"

	"github.com/sttgate/sttgate/meter"
)

// speechmaticsFormat reads the audio_format of a StartRecognition. Without one the vendor's
// SDKs mean a file. Raw audio has one channel: others are streams of their own.
func speechmaticsFormat(raw []byte) (meter.Format, error) {
	if raw == nil {
		return meter.Format{Encoding: meter.Container}, nil
	}
	fields, err := exactFields(raw, "type", "encoding", "sample_rate")
	if err != nil {
		return meter.Format{}, bad("audio_format: " + err.Error())
	}
	switch typ, ok := jsonText(fields["type"]); {
	case !ok:
		return meter.Format{}, bad(`audio_format needs a type: "raw" or "file"`)
	case typ == "file":
		return meter.Format{Encoding: meter.Container}, nil
	case typ != "raw":
		return meter.Format{}, unsupported(fmt.Sprintf(`audio_format of type %.40q is not known here: send "raw" or "file"`, typ))
	}
	f := meter.Format{Channels: 1}
	switch encoding, _ := jsonText(fields["encoding"]); encoding {
	case "pcm_s16le":
		f.Encoding = meter.Linear16
	case "pcm_f32le":
		f.Encoding = meter.Linear32
	case "mulaw":
		f.Encoding = meter.Mulaw
	default:
		return f, unsupported(fmt.Sprintf("encoding %.40q is not known here: send pcm_s16le, pcm_f32le or mulaw", encoding))
	}
	var ok bool
	if f.SampleRate, ok = number(string(fields["sample_rate"])); !ok {
		return f, bad(`sample_rate must be a plain number of Hz, for example "sample_rate": 16000`)
	}
	if err := f.Validate(); err != nil {
		return f, unsupported(err.Error())
	}
	return f, nil
}

// jsonText is the value of a JSON string; ok is false for anything else.
func jsonText(raw []byte) (s string, ok bool) {
	if len(raw) == 0 || raw[0] != '"' {
		return "", false
	}
	return s, json.Unmarshal(raw, &s) == nil
}

// base64Bytes is how many bytes a JSON string holds in base64, and whether it does: in the
// standard alphabet, padded, without white space. What a lenient decoder would skip
// is refused, for it would make the audio longer than it is. JSON may write "/" and "+"
// with escapes, and some writers do.
func base64Bytes(raw []byte) (n int64, ok bool) {
	if len(raw) < 2 || raw[0] != '"' {
		return 0, false
	}
	body := raw[1 : len(raw)-1]
	var chars, pads int64
	for i := 0; i < len(body); i++ {
		c := body[i]
		if c == '\\' {
			var skip int
			if c, skip = escaped(body[i+1:]); skip == 0 {
				return 0, false
			}
			i += skip
		}
		switch {
		case c == '=':
			pads++
		case pads > 0 || !base64Char(c):
			return 0, false
		}
		chars++
	}
	if chars%4 != 0 || pads > 2 {
		return 0, false
	}
	return chars/4*3 - pads, true
}

func base64Char(c byte) bool {
	return c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '+' || c == '/'
}

// escaped reads what may stand behind a backslash in base64, and how long it is.
func escaped(b []byte) (c byte, size int) {
	switch {
	case len(b) > 0 && b[0] == '/':
		return '/', 1
	case len(b) < 5 || b[0] != 'u':
		return 0, 0
	}
	v := 0
	for _, h := range b[1:5] {
		switch {
		case h >= '0' && h <= '9':
			v = v<<4 | int(h-'0')
		case h|0x20 >= 'a' && h|0x20 <= 'f':
			v = v<<4 | int(h|0x20-'a'+10)
		default:
			return 0, 0
		}
	}
	if v >= 0x80 {
		return 0, 0
	}
	return byte(v), 5
}
