package fake

import (
	"encoding/json"
	"net/http"
	"slices"
)

// books is what a fake remembers: sums for ever, streams up to a bound.
type books struct {
	streams  []*Stream // oldest first; ended ones beyond Options.Keep are forgotten
	begun    int
	ended    int
	refused  int
	uploads  []*Upload // oldest first
	uploaded int       // ended
	bytes    int64     // of streams that were forgotten
	ms       int64
}

// Totals are the sums over all streams since the start and a row for each
// remembered one. It holds no credential.
type Totals struct {
	Streams    int   `json:"streams"`
	Ended      int   `json:"ended"`
	Refused    int   `json:"refused"` // handshakes that were not upgraded
	AudioBytes int64 `json:"audio_bytes"`
	AudioMS    int64 `json:"audio_ms"` // sum of each stream's whole milliseconds
	PerStream  []Row `json:"per_stream"`
}

// Row is one stream in Totals.
type Row struct {
	RequestID  string `json:"request_id"`
	Path       string `json:"path"`
	AudioBytes int64  `json:"audio_bytes"`
	AudioMS    int64  `json:"audio_ms"`
	SHA256     string `json:"sha256"`
	Ended      bool   `json:"ended"`
	CloseCode  int    `json:"close_code"`
}

// Totals takes stock. Each row is consistent in itself; running streams go on
// while the next row is read.
func (c *core) Totals() Totals {
	c.mu.Lock()
	b := c.books
	streams := append([]*Stream(nil), b.streams...)
	c.mu.Unlock()
	t := Totals{Streams: b.begun, Ended: b.ended, Refused: b.refused, AudioBytes: b.bytes, AudioMS: b.ms, PerStream: []Row{}}
	for _, s := range streams {
		r := s.Record()
		t.AudioBytes += r.AudioBytes
		t.AudioMS += r.AudioMS
		t.PerStream = append(t.PerStream, Row{r.RequestID, r.Path, r.AudioBytes, r.AudioMS, r.SHA256, r.Ended, r.CloseCode})
	}
	return t
}

func (c *core) serveTotals(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(c.Totals()) // the reader may be gone; nobody else to tell
}

// begin enters a stream.
func (c *core) begin(s *Stream) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.books.streams = append(c.books.streams, s)
	c.books.begun++
	c.change()
}

// end notes that a stream has ended and forgets the oldest ended one if there are
// too many: a fake that runs for a soak test must not grow.
func (c *core) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.books.ended++
	running := c.books.begun - c.books.ended
	if len(c.books.streams) > running+c.o.Keep {
		i := slices.IndexFunc(c.books.streams, func(s *Stream) bool { return s.over() })
		if i >= 0 {
			r := c.books.streams[i].Record()
			c.books.bytes += r.AudioBytes
			c.books.ms += r.AudioMS
			c.books.streams = slices.Delete(c.books.streams, i, i+1)
		}
	}
	c.change()
}

// refused counts a handshake that was not upgraded.
func (c *core) refused() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.books.refused++
	c.change()
}
