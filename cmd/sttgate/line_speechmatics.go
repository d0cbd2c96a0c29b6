package main

import (
	"context"
	"encoding/json"
	"math"
	"strconv"
	"sync/atomic"

	"github.com/sttgate/sttgate/meter"
)

// speechmaticsMessage is what is read of the vendor's messages.
// https://docs.speechmatics.com/api-ref/realtime-transcription-websocket
type speechmaticsMessage struct {
	Message  string `json:"message"`
	Type     string `json:"type"`
	Reason   string `json:"reason"`
	Code     int    `json:"code"`
	Metadata struct {
		EndTime    float64 `json:"end_time"`
		Transcript string  `json:"transcript"`
	} `json:"metadata"`
}

// openSpeechmatics opens a stream and waits until the vendor takes audio.
func openSpeechmatics(ctx context.Context, c *conversation, t target, f meter.Format) (line, error) { //nolint:ireturn // a dialect
	conn, err := dialWS(ctx, t, "/v2", nil)
	if err != nil {
		return nil, err
	}
	l := &speechmaticsLine{wsLine: &wsLine{c: c, conn: conn}, started: make(chan struct{})}
	l.bye = func() (any, bool) {
		return map[string]any{"message": "EndOfStream", "last_seq_no": l.frames.Load()}, true
	}
	l.listen(l.hear)
	err = l.say(map[string]any{
		"message":              "StartRecognition",
		"audio_format":         map[string]any{"type": "raw", "encoding": speechmaticsFormat(f.Encoding), "sample_rate": f.SampleRate},
		"transcription_config": map[string]any{"language": "en", "enable_partials": true},
	})
	if err != nil {
		l.stop()
		return nil, err
	}
	select {
	case <-l.started:
	case <-c.closed: // the outcome tells why
	case <-ctx.Done():
		l.stop()
		return nil, ctx.Err()
	}
	return l, nil
}

// speechmaticsLine counts the messages of audio: the end of stream tells how many.
type speechmaticsLine struct {
	*wsLine
	frames  atomic.Int64
	started chan struct{}
}

func (l *speechmaticsLine) Write(p []byte) (int, error) {
	l.frames.Add(1)
	return l.wsLine.Write(p)
}

func (l *speechmaticsLine) hear(text []byte) {
	var m speechmaticsMessage
	if json.Unmarshal(text, &m) != nil {
		return // not for us
	}
	switch m.Message {
	case "RecognitionStarted":
		l.c.shut(l.started)
	case "AddTranscript":
		l.c.counted(int64(math.Round(m.Metadata.EndTime * 1000)))
		l.c.final(m.Metadata.Transcript)
	case "EndOfTranscript":
		l.c.lastWord()
	case "Error":
		l.c.noticed(notice{Code: strconv.Itoa(m.Code), Reason: m.Reason, Kind: m.Type})
		l.c.lastWord()
	case "Warning":
		l.c.noticed(notice{Reason: m.Reason, Kind: m.Type})
	}
}

// speechmaticsFormat is the vendor's word for an encoding.
func speechmaticsFormat(e meter.Encoding) string {
	switch e { //nolint:exhaustive // the others have the same name
	case meter.Linear16:
		return "pcm_s16le"
	case meter.Linear32:
		return "pcm_f32le"
	}
	return string(e)
}
