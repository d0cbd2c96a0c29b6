package main

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/sttgate/sttgate/meter"
)

// sonioxStart is the first message of a stream.
// https://soniox.com/docs/api-reference/stt/websocket-api
type sonioxStart struct {
	Model       string `json:"model"`
	AudioFormat string `json:"audio_format"`
	SampleRate  int    `json:"sample_rate"`
	NumChannels int    `json:"num_channels"`
}

// sonioxResult is every message of the vendor.
type sonioxResult struct {
	Tokens []struct {
		Text    string `json:"text"`
		IsFinal bool   `json:"is_final"`
	} `json:"tokens"`
	TotalMS  *int64 `json:"total_audio_proc_ms"`
	Finished bool   `json:"finished"`
	Code     int    `json:"error_code"`
	Type     string `json:"error_type"`
	Message  string `json:"error_message"`
}

// openSoniox opens a stream; an empty message ends it.
func openSoniox(ctx context.Context, c *conversation, t target, f meter.Format) (line, error) { //nolint:ireturn // a dialect
	conn, err := dialWS(ctx, t, "/transcribe-websocket", nil)
	if err != nil {
		return nil, err
	}
	l := &wsLine{c: c, conn: conn, bye: func() (any, bool) { return nil, false }}
	l.listen(func(text []byte) { hearSoniox(c, text) })
	err = l.say(sonioxStart{Model: "stt-rt-v5", AudioFormat: sonioxFormat(f.Encoding), SampleRate: f.SampleRate, NumChannels: f.Channels})
	if err != nil {
		l.stop()
		return nil, err
	}
	return l, nil
}

// sonioxFormat is the vendor's word for an encoding.
func sonioxFormat(e meter.Encoding) string {
	switch e { //nolint:exhaustive // the others have the same name
	case meter.Linear16:
		return "pcm_s16le"
	case meter.Linear32:
		return "pcm_s32le"
	}
	return string(e)
}

func hearSoniox(c *conversation, text []byte) {
	var m sonioxResult
	if json.Unmarshal(text, &m) != nil {
		return // not for us
	}
	if m.TotalMS != nil {
		c.counted(*m.TotalMS)
	}
	var said strings.Builder
	for _, tok := range m.Tokens {
		if tok.IsFinal && !strings.HasPrefix(tok.Text, "<") { // <fin> and <end> are marks
			said.WriteString(tok.Text)
		}
	}
	c.final(strings.TrimSpace(said.String()))
	if m.Code != 0 {
		c.noticed(notice{Code: strconv.Itoa(m.Code), Reason: m.Message, Kind: m.Type})
	}
	if m.Finished || m.Code != 0 {
		c.lastWord()
	}
}
