package fake

import (
	"errors"
	"net/url"
	"strconv"
	"strings"
)

// query is what a stream asked for, read as leniently as a vendor would: the
// last value of a repeated parameter, unknown parameters ignored.
type query struct {
	timing
	flux         bool
	channels     int // billed and transcribed apart
	interim      bool
	utteranceEnd bool
	vadEvents    bool
	punctuate    bool
	callback     bool
}

// readQuery refuses what the vendor refuses.
func readQuery(u *url.URL) (query, error) {
	v, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return query{}, errors.New("the query cannot be parsed")
	}
	last := func(k string) string {
		if vs := v[k]; len(vs) > 0 {
			return vs[len(vs)-1]
		}
		return ""
	}
	q := query{
		flux: strings.HasPrefix(u.Path, "/v2/"), channels: 1, interim: last("interim_results") == "true",
		utteranceEnd: last("utterance_end_ms") != "", vadEvents: last("vad_events") == "true",
		punctuate: last("punctuate") == "true" || last("smart_format") == "true", callback: last("callback") != "",
	}
	if q.flux && !strings.HasPrefix(last("model"), "flux-") {
		return q, errors.New("model must be a Flux model on /v2/listen, for example flux-general-en")
	}
	channels := 1
	if c := last("channels"); c != "" && !q.flux {
		if channels, err = strconv.Atoi(c); err != nil || channels < 1 || channels > 20 {
			return q, errors.New("channels must be a number from 1 to 20")
		}
	}
	if last("multichannel") == "true" && !q.flux {
		q.channels = channels
	}
	return q, q.format(last("encoding"), last("sample_rate"), channels)
}

func (q *query) format(encoding, rate string, channels int) error {
	var sample int64
	switch encoding {
	case "linear16":
		sample = 2
	case "linear32":
		sample = 4
	case "mulaw", "alaw":
		sample = 1
	case "", "flac", "ogg-opus":
		q.timing = reads(container)
		return nil
	case "opus", "speex", "g729", "amr-nb", "amr-wb":
		q.timing = reads(encoding)
		return nil
	default:
		return errors.New("unknown encoding " + strconv.Quote(encoding))
	}
	hz, err := strconv.Atoi(rate)
	if err != nil || hz < 1000 || hz > 192000 {
		return errors.New("sample_rate must be a number of Hz and is required with encoding")
	}
	if q.flux && hz != 8000 && hz != 16000 && hz != 24000 && hz != 44100 && hz != 48000 {
		return errors.New("sample_rate must be 8000, 16000, 24000, 44100 or 48000")
	}
	q.align = sample * int64(channels)
	q.bps = q.align * int64(hz)
	return nil
}
