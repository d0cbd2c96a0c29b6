package fake

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"io"
	"mime"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Upload is one POST /v1/listen. Its methods are safe for concurrent use.
type Upload struct {
	mu      sync.Mutex // guards what follows
	rec     UploadRecord
	hash    hash.Hash
	head    []byte // the first bytes: a WAV tells its rate in them
	q       query
	changed chan struct{}
}

// UploadRecord is what an upload was and is, as a value.
type UploadRecord struct {
	RequestID     string
	Query         string      // raw
	Header        http.Header // with credentials: for tests only
	ContentLength int64       // -1 where the body came in chunks
	Bytes         int64       // of the body
	AudioMS       int64       // whole milliseconds; 0 where the bytes do not tell
	SHA256        string      // of the body, hex
	URL           string      // of a JSON body
	Complete      bool        // the whole body came
	Ended         bool        // it was answered, or its connection broke
	Status        int         // of the answer; 0 without one
}

// Record takes stock of the upload.
func (u *Upload) Record() UploadRecord {
	u.mu.Lock()
	defer u.mu.Unlock()
	r := u.rec
	r.Header = u.rec.Header.Clone()
	r.SHA256 = hex.EncodeToString(u.hash.Sum(nil))
	r.AudioMS = int64(u.seconds()*1000 + 1e-6)
	return r
}

// Until waits until the record meets a condition. It fails when ctx ends, or when the
// upload has ended without meeting it.
func (u *Upload) Until(ctx context.Context, ok func(UploadRecord) bool) (UploadRecord, error) {
	for {
		u.mu.Lock()
		changed := u.changed
		u.mu.Unlock()
		r := u.Record()
		if ok(r) {
			return r, nil
		}
		if r.Ended {
			return r, errEnded
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return r, ctx.Err()
		}
	}
}

// note changes the record and tells the waiters.
func (u *Upload) note(change func(r *UploadRecord)) {
	u.mu.Lock()
	defer u.mu.Unlock()
	change(&u.rec)
	close(u.changed)
	u.changed = make(chan struct{})
}

// Write hears a piece of the body.
func (u *Upload) Write(p []byte) (int, error) {
	u.note(func(r *UploadRecord) {
		r.Bytes += int64(len(p))
		u.hash.Write(p)
		if room := 64 - len(u.head); room > 0 {
			u.head = append(u.head, p[:min(room, len(p))]...)
		}
	})
	return len(p), nil
}

// seconds is how long the body lasts; the lock is held.
func (u *Upload) seconds() float64 {
	if d := wavSeconds(u.head, u.rec.Bytes); d > 0 {
		return d
	}
	if u.q.read != "" { // bytes do not tell
		return 0
	}
	return u.q.seconds(u.rec.Bytes)
}

// wavSeconds reads a plain WAV: a header of 44 bytes, and what follows.
func wavSeconds(head []byte, n int64) float64 {
	if len(head) < 44 || string(head[:4]) != "RIFF" || string(head[8:16]) != "WAVEfmt " || string(head[36:40]) != "data" {
		return 0
	}
	perSecond := int64(head[28]) | int64(head[29])<<8 | int64(head[30])<<16 | int64(head[31])<<24
	if perSecond == 0 {
		return 0
	}
	return float64(n-44) / float64(perSecond)
}

// prerecorded serves an upload: audio of any type, or JSON with a URL, which lasts as many
// seconds as the URL's fragment says ("#t=90").
func (d *Deepgram) prerecorded(w http.ResponseWriter, r *http.Request) {
	id := newID()
	credential := credentialOf(r)
	sc := d.o.Scenario(r, credential)
	u := &Upload{hash: sha256.New(), changed: make(chan struct{}), rec: UploadRecord{
		RequestID: id, Query: r.URL.RawQuery, Header: r.Header.Clone(), ContentLength: r.ContentLength,
	}}
	d.enter(u)
	defer d.leave(u)
	reject := func(status int, code, msg string) {
		u.note(func(rec *UploadRecord) { rec.Status = status })
		refuse(w, status, code, msg, id)
	}
	if d.wrong(credential) {
		reject(http.StatusUnauthorized, "INVALID_AUTH", "Invalid credentials.")
		return
	}
	q, err := readQuery(r.URL)
	if err != nil {
		reject(http.StatusBadRequest, "Bad Request", err.Error())
		return
	}
	u.mu.Lock()
	u.q = q
	u.mu.Unlock()
	late := sc == Reset || sc == EOF || sc == Deaf || sc == Hang // these let the body come first
	if !late && d.misbehave(w, r, sc, deepgramShape(w, id)) {
		return
	}
	if sc == Deaf {
		d.deaf(w)
		return
	}
	media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if media == "application/json" {
		d.remote(w, r, u, reject)
		return
	}
	if _, err := io.Copy(u, r.Body); err != nil {
		reject(http.StatusBadRequest, "Bad Request", "the body broke off")
		return
	}
	u.note(func(rec *UploadRecord) { rec.Complete = true })
	switch sc {
	case Hang:
		d.untilOver(r)
		return
	case Reset, EOF:
		panic(http.ErrAbortHandler) // the connection ends without an answer
	default:
	}
	d.transcribed(w, u)
}

// deaf takes the connection and does not read: whether the peer is still there it cannot know.
func (c *core) deaf(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	<-c.closed
	_ = conn.Close() // nothing is left to lose
}

// untilOver waits for the peer or for Close.
func (c *core) untilOver(r *http.Request) {
	select {
	case <-r.Context().Done():
	case <-c.closed:
	}
}

// remote answers a request with a URL. Nothing is fetched.
func (d *Deepgram) remote(w http.ResponseWriter, r *http.Request, u *Upload, reject func(int, string, string)) {
	var body struct{ URL string }
	if err := json.NewDecoder(io.TeeReader(r.Body, u)).Decode(&body); err != nil || body.URL == "" {
		reject(http.StatusBadRequest, "Bad Request", "no url")
		return
	}
	var seconds float64
	if _, after, ok := strings.Cut(body.URL, "#t="); ok {
		_, _ = fmt.Sscanf(after, "%g", &seconds) // none: an empty file
	}
	u.note(func(rec *UploadRecord) { rec.URL, rec.Complete, rec.Status = body.URL, true, http.StatusOK })
	d.answerUpload(w, u, seconds)
}

func (d *Deepgram) transcribed(w http.ResponseWriter, u *Upload) {
	u.mu.Lock()
	seconds := u.seconds()
	u.mu.Unlock()
	u.note(func(rec *UploadRecord) { rec.Status = http.StatusOK })
	d.answerUpload(w, u, seconds)
}

// answerUpload writes an answer in the vendor's shape; its words say what was heard.
func (d *Deepgram) answerUpload(w http.ResponseWriter, u *Upload, seconds float64) {
	rec := u.Record()
	said := fmt.Sprintf("heard %d bytes %.3f seconds", rec.Bytes, seconds)
	type word struct {
		Word  string  `json:"word"`
		Start float64 `json:"start"`
		End   float64 `json:"end"`
	}
	type alternative struct {
		Transcript string  `json:"transcript"`
		Confidence float64 `json:"confidence"`
		Words      []word  `json:"words"`
	}
	type channel struct {
		Alternatives []alternative `json:"alternatives"`
	}
	channels := []channel{}
	for range u.q.channels {
		channels = append(channels, channel{[]alternative{{said, 1, []word{{"heard", 0, min(seconds, 0.5)}}}}})
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Dg-Request-Id", rec.RequestID)
	h.Set("Access-Control-Allow-Origin", "*")
	_ = json.NewEncoder(w).Encode(map[string]any{ // the peer may be gone; nobody else to tell
		"metadata": map[string]any{
			"transaction_key": "deprecated", "request_id": rec.RequestID, "sha256": rec.SHA256,
			"created": time.Now().UTC().Format(time.RFC3339Nano), "duration": seconds, "channels": u.q.channels,
		},
		"results": map[string]any{"channels": channels},
	})
}

// Uploads returns those that are remembered, oldest first.
func (c *core) Uploads() []*Upload {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]*Upload(nil), c.books.uploads...)
}

// UploadsBegun waits until n uploads have begun, UploadsEnded until n have ended.
func (c *core) UploadsBegun(ctx context.Context, n int) ([]*Upload, error) {
	err := c.until(ctx, func() bool { return len(c.books.uploads) >= n })
	return c.Uploads(), err
}

// UploadsEnded waits until n uploads were answered or have broken off.
func (c *core) UploadsEnded(ctx context.Context, n int) ([]*Upload, error) {
	err := c.until(ctx, func() bool { return c.books.uploaded >= n })
	return c.Uploads(), err
}

func (c *core) enter(u *Upload) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.books.uploads = append(c.books.uploads, u)
	if over := len(c.books.uploads) - c.o.Keep; over > 0 {
		c.books.uploads = append([]*Upload(nil), c.books.uploads[over:]...)
	}
	c.change()
}

func (c *core) leave(u *Upload) {
	u.note(func(r *UploadRecord) { r.Ended = true })
	c.mu.Lock()
	defer c.mu.Unlock()
	c.books.uploaded++
	c.change()
}
