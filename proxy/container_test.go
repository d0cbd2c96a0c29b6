package proxy

import (
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/sttgate/sttgate/policy"
	"github.com/sttgate/sttgate/proxy/fake"
)

// recording is one of the meter's files.
func recording(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile("../meter/testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// feed sends audio in messages cut anywhere, until all of it is sent or the peer has gone.
func (c *client) feed(audio []byte) {
	c.t.Helper()
	for len(audio) > 0 {
		n := min(1+rand.IntN(4000), len(audio))
		if c.conn.WriteMessage(websocket.BinaryMessage, audio[:n]) != nil {
			return
		}
		audio = audio[n:]
	}
}

// packet sends one message.
func (c *client) packet(p []byte) {
	c.t.Helper()
	if err := c.conn.WriteMessage(websocket.BinaryMessage, p); err != nil {
		c.t.Fatal(err)
	}
}

// ending is the closing line of the one stream or upload of a rig.
func (r *rig) ending() map[string]any {
	r.t.Helper()
	r.settled()
	for line := range strings.Lines(r.log.String()) {
		var m map[string]any
		if json.Unmarshal([]byte(line), &m) == nil && (m["msg"] == "stream ended" || m["msg"] == "upload ended") {
			return m
		}
	}
	r.t.Fatalf("no closing line:\n%s", r.log)
	return nil
}

// within says whether ms is want, give or take a percent.
func within(ms, want int64) bool { return ms >= want*99/100 && ms <= want*101/100 }

func TestContainersAreMeteredAsTheyFlow(t *testing.T) {
	for name, ms := range map[string]int64{
		"testing-8k-mulaw.wav": 4680, "jfk-16k.flac": 11000, "jfk-opus20.ogg": 11000, "jfk-opus60.webm": 11000,
		"jfk-vorbis.ogg": 11000, "jfk-vbr.mp3": 11000, "jfk.aac": 11029,
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, rigOptions{config: budgetOf(time.Hour)})
			r.restrict("ann")
			c := r.connect("ann", "/v1/listen?model=nova-3")
			c.feed(recording(t, name))
			c.text(`{"type":"CloseStream"}`)
			meta := c.until("Metadata")
			if _, closed := c.read(); closed.Code != 1000 {
				t.Errorf("closed with %v", closed)
			}
			end, used := r.ending(), r.used("ann")
			audio := int64(end["audio_ms"].(float64))
			if !within(audio, ms) || used != int64(end["charged_ms"].(float64)) || used != audio && used != audio+1 {
				t.Errorf("metered %d ms of %d, charged %v, used %d", audio, ms, end["charged_ms"], used)
			}
			if heard := int64(meta["duration"].(float64) * 1000); !within(heard, audio) {
				t.Errorf("the vendor heard %d ms", heard)
			}
			if end["method"] != methodContainer || !r.counted("sttgate_metered_streams_total", "deepgram", methodContainer) {
				t.Errorf("method %v", end["method"])
			}
		})
	}
}

func TestEveryVendorsWordForAContainerIsUnderstood(t *testing.T) {
	webm := recording(t, "jfk-opus60.webm")
	t.Run("soniox", func(t *testing.T) {
		r := newSonioxRig(t, rigOptions{})
		c := r.connect("ann", sonioxPath)
		c.text(`{"model":"stt-rt-v5","audio_format":"auto"}`)
		c.feed(webm)
		c.finish()
		c.read()
		if end := r.ending(); !within(int64(end["audio_ms"].(float64)), 11000) {
			t.Errorf("%v", end)
		}
	})
	t.Run("speechmatics", func(t *testing.T) {
		r := newSpeechmaticsRig(t, rigOptions{})
		c := &listener{client: r.connect("ann", speechmaticsPath)}
		c.text(`{"message":"StartRecognition","audio_format":{"type":"file"},"transcription_config":{"language":"en"}}`)
		c.wait("RecognitionStarted")
		c.packet(recording(t, "jfk-opus20.ogg"))
		c.text(`{"message":"EndOfStream","last_seq_no":1}`)
		c.wait("EndOfTranscript")
		_ = c.conn.Close()
		if end := r.ending(); !within(int64(end["audio_ms"].(float64)), 11000) {
			t.Errorf("%v", end)
		}
	})
	t.Run("flux", func(t *testing.T) {
		r := newRig(t, rigOptions{})
		c := r.connect("ann", "/v2/listen?model=flux-general-en")
		c.feed(webm)
		c.text(`{"type":"CloseStream"}`)
		c.read()
		if end := r.ending(); !within(int64(end["audio_ms"].(float64)), 11000) {
			t.Errorf("%v", end)
		}
	})
}

func TestASpentBudgetEndsAContainerAndNeverCutsIt(t *testing.T) {
	for _, name := range []string{"jfk-opus20.ogg", "jfk-opus60.webm", "jfk-16k.flac"} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, rigOptions{slice: 200 * time.Millisecond, config: budgetOf(3 * time.Second)})
			r.restrict("ann")
			c := r.connect("ann", "/v1/listen?model=nova-3")
			audio := recording(t, name)
			go c.feed(audio)
			texts, closed := c.read()
			if closed.Code != 1008 || len(texts) == 0 {
				t.Errorf("closed with %v behind %v", closed, texts)
			}
			rec := r.heard(1)[0]
			if rec.AudioMS > 3000 || rec.AudioMS < 1500 || r.used("ann") > 3000 {
				t.Errorf("the vendor heard %d ms, %d are charged", rec.AudioMS, r.used("ann"))
			}
			if end := r.ending(); end["dropped_ms"].(float64) != 0 || end["result"] != "budget_exhausted" {
				t.Errorf("%v", end)
			}
		})
	}
}

// opusPacket lasts 20 ms: SILK, one frame.
func opusPacket() []byte { return append([]byte{0x48}, make([]byte, 60)...) }

func TestPacketsAreDroppedWhole(t *testing.T) {
	r := newRig(t, rigOptions{slice: 200 * time.Millisecond, config: budgetOf(time.Second)})
	r.restrict("ann")
	c := r.connect("ann", "/v1/listen?model=nova-3&encoding=opus&sample_rate=48000")
	for range 100 {
		c.packet(opusPacket())
	}
	if said := c.until("Error"); said == nil {
		t.Error("nothing was said")
	}
	c.text(`{"type":"CloseStream"}`)
	c.until("Metadata")
	c.read()
	rec, end := r.heard(1)[0], r.ending()
	if rec.AudioMS != 1000 || rec.Messages != 50 || r.used("ann") != 1000 {
		t.Errorf("the vendor heard %d ms in %d messages, %d are charged", rec.AudioMS, rec.Messages, r.used("ann"))
	}
	if end["dropped_ms"].(float64) != 1000 || end["audio_ms"].(float64) != 1000 || end["method"] != methodPackets {
		t.Errorf("%v", end)
	}
}

func TestWhatIsNotUnderstoodEndsTheStream(t *testing.T) {
	webm := recording(t, "jfk-opus60.webm")
	for name, c := range map[string]struct {
		path  string
		audio []byte
	}{
		"no container":           {"/v1/listen", []byte(strings.Repeat("this is no audio at all ", 4))},
		"a packet that is none":  {"/v1/listen?encoding=opus", webm[:1000]},
		"broken in the middle":   {"/v1/listen", append(append([]byte{}, recording(t, "jfk-16k.flac")[:20_000]...), make([]byte, 4<<20)...)},
		"a header without audio": {"/v1/listen", append([]byte("ID3\x04\x00\x00\x7f\x7f\x7f\x7f"), make([]byte, 8<<20)...)},
		"ASF":                    {"/v1/listen", append([]byte("\x30\x26\xb2\x75\x8e\x66\xcf\x11"), make([]byte, 5000)...)},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, rigOptions{config: func(c *Config) { c.Limits.MessageBytes = 16 << 20 }})
			cl := r.connect("ann", c.path)
			go func() { _ = cl.conn.WriteMessage(websocket.BinaryMessage, c.audio) }()
			_, closed := cl.read()
			if closed.Code != 1008 || closed.Text != "unsupported" {
				t.Errorf("closed with %v", closed)
			}
			if rec := r.heard(1)[0]; rec.AudioBytes > maxStill+64<<10 {
				t.Errorf("%d bytes passed", rec.AudioBytes)
			}
			if end := r.ending(); end["result"] != "unsupported" {
				t.Errorf("%v", end)
			}
		})
	}
}

func TestAHeaderThatContradictsTheDeclarationCounts(t *testing.T) {
	const most = "/v1/listen?encoding=linear32&sample_rate=192000&channels=20"
	for _, name := range []string{"jfk-opus60.webm", "jfk-opus20.ogg", "testing-8k-mulaw.wav"} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, rigOptions{config: budgetOf(time.Hour)})
			r.restrict("ann")
			c := r.connect("ann", most)
			c.feed(recording(t, name))
			c.text(`{"type":"CloseStream"}`)
			c.read()
			want := int64(11000)
			if strings.HasSuffix(name, "wav") {
				want = 4680
			}
			if end := r.ending(); !within(int64(end["audio_ms"].(float64)), want) || !within(r.used("ann"), want) {
				t.Errorf("%v", end)
			}
		})
	}
}

func TestAHeaderThatAgreesCostsNothing(t *testing.T) {
	r := newRig(t, rigOptions{config: budgetOf(time.Hour)})
	r.restrict("ann")
	c := r.connect("ann", "/v1/listen?encoding=linear16&sample_rate=16000")
	audio := append(wavHeader(1000), make([]byte, 32_000)...)
	c.feed(audio)
	c.text(`{"type":"CloseStream"}`)
	c.read()
	end := r.ending()
	if end["audio_ms"].(float64) != 1001 || end["method"] != methodLength { // its 44 bytes are samples to the vendor
		t.Errorf("%v", end)
	}
}

func TestEachChannelOfAContainerCostsWhereTheVendorBillsIt(t *testing.T) {
	r := newRig(t, rigOptions{config: budgetOf(time.Hour)})
	r.restrict("ann")
	c := r.connect("ann", "/v1/listen?multichannel=true")
	c.feed(recording(t, "noise-44k-stereo.flac"))
	c.text(`{"type":"CloseStream"}`)
	c.read()
	end := r.ending()
	if audio := int64(end["audio_ms"].(float64)); audio == 0 || r.used("ann") < 2*audio || r.used("ann") > 2*audio+2 {
		t.Errorf("%d used: %v", r.used("ann"), end)
	}
}

func TestUnmeasuredAudioCostsTheWallClockWhereItIsAllowed(t *testing.T) {
	r := newRig(t, rigOptions{config: func(c *Config) {
		budgetOf(time.Hour)(c)
		c.Meter.Unmeasured = UnmeasuredVendor
	}})
	r.restrict("ann")
	c := r.connect("ann", "/v1/listen")
	c.packet(append([]byte("\x30\x26\xb2\x75\x8e\x66\xcf\x11"), make([]byte, 5000)...))
	ctx := t.Context()
	ss, err := r.vendor.Begun(ctx, 1)
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	for time.Since(began) < 60*time.Millisecond { // audio keeps coming, and the clock on the wall goes on
		c.packet(make([]byte, 100))
		if _, err := ss[0].Until(ctx, func(rec fake.Record) bool { return rec.AudioBytes > 5000 }); err != nil {
			t.Fatal(err)
		}
	}
	c.text(`{"type":"CloseStream"}`)
	c.read()
	end := r.ending()
	charged := end["charged_ms"].(float64)
	// The last moments may go by while a lease is on its way.
	if charged < 50 || charged > end["connection_ms"].(float64)+1 || (end["method"] != methodVendor && end["method"] != methodWallClock) {
		t.Errorf("%v", end)
	}
}

func TestUploadsInContainersAreMeasured(t *testing.T) {
	for name, ms := range map[string]int64{"jfk-opus20.ogg": 11000, "jfk-opus60.webm": 11000, "jfk-16k.flac": 11000, "call-30s.mp3": 30000} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, rigOptions{config: budgetOf(time.Hour)})
			r.restrict("ann")
			audio := recording(t, name)
			a := r.ask(http.MethodPost, "ann", "/v1/listen?model=nova-3", strings.NewReader(string(audio)), int64(len(audio)))
			if a.StatusCode != http.StatusOK || !within(r.used("ann"), ms) {
				t.Errorf("status %d, %d ms charged", a.StatusCode, r.used("ann"))
			}
			if end := r.ending(); end["method"] != methodContainer {
				t.Errorf("%v", end)
			}
		})
	}
}

func TestAnUploadThatCannotBeMeasuredIsRefusedOrPaidByTheVendorsFigure(t *testing.T) {
	asf := "\x30\x26\xb2\x75\x8e\x66\xcf\x11" + strings.Repeat("\x00", 64_000)
	for name, c := range map[string]struct {
		config func(*Config)
		status int
	}{
		"refuse":            {func(*Config) {}, http.StatusUnsupportedMediaType},
		"vendor, unbounded": {func(c *Config) { c.Meter.Unmeasured = UnmeasuredVendor }, http.StatusBadRequest},
		"vendor":            {func(c *Config) { c.Meter.Unmeasured, c.Limits.UploadDuration = UnmeasuredVendor, time.Minute }, http.StatusOK},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, rigOptions{config: func(cfg *Config) {
				cfg.Budgets = []policy.Budget{policy.Budget{Name: "daily", Stages: []policy.Stage{policy.Restrict}, Limit: time.Hour}.WithDefaults()}
				c.config(cfg)
			}})
			r.restrict("ann")
			a := r.ask(http.MethodPost, "ann", "/v1/listen?model=nova-3", strings.NewReader(asf), int64(len(asf)))
			if a.StatusCode != c.status {
				t.Errorf("status %d: %s", a.StatusCode, a.text)
			}
			if c.status != http.StatusOK && r.used("ann") != 0 {
				t.Errorf("%d charged", r.used("ann"))
			}
		})
	}
}

// counted says whether a counter with these labels, in the order of their names, shows 1.
func (r *rig) counted(name string, labels ...string) bool {
	r.t.Helper()
	families, err := r.reg.Gather()
	if err != nil {
		r.t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			same := m.GetCounter().GetValue() == 1
			for i, l := range m.GetLabel() {
				same = same && (l.GetValue() == labels[0] || l.GetValue() == labels[1]) && i < len(labels)
			}
			if same {
				return true
			}
		}
	}
	return false
}
