package admin

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// overviewCalls are what a live page asks, about every second.
func (h *Handler) overviewCalls() []call {
	return []call{{http.MethodGet, apiPrefix + "overview", h.overview, about{
		name: "overview", tag: "operations", says: "Everything that a live page shows, in one cheap call",
		more:    "Of this gateway, but for users, who are the store's. Asks the store for nothing but whether it is there and, every half minute, for the users at a stage.",
		query:   []param{{"top", "how many streams, those first that have forwarded most", object{"type": "integer", "minimum": 0, "maximum": mostTop, "default": someTop}}},
		answers: []good{{status: http.StatusOK, says: "the overview", of: Overview{}}}, problems: []int{http.StatusBadRequest},
	}}}
}

const (
	someTop = 10
	mostTop = 100
)

// Figures are what an overview is made of, beside the streams. Its answers must not block: what has to be asked for is
// kept for some seconds.
type Figures interface {
	Figures(ctx context.Context) Figured
}

// Figured is what is known of a gateway without asking each stream.
type Figured struct {
	Instance string         `json:"instance" doc:"which gateway this is: its host's name"`
	Started  time.Time      `json:"started" doc:"since when it runs"`
	Totals   Totals         `json:"totals" doc:"since it was started"`
	Users    StageCounts    `json:"users" doc:"users at a stage, in the store, as of some seconds ago"`
	Vendors  []VendorHealth `json:"vendors" doc:"how the vendors answer"`
	Store    StoreHealth    `json:"store" doc:"how the ledger's store does"`
}

// Totals are what has been done since the gateway was started.
type Totals struct {
	Forwarded int64            `json:"forwarded_ms" doc:"audio that reached vendors"`
	Dropped   int64            `json:"dropped_ms" doc:"audio that was swallowed"`
	Charged   int64            `json:"charged_ms" doc:"what streams and uploads that ended have cost"`
	Results   map[string]int64 `json:"results" doc:"streams that ended and requests that were refused, by result: ok, or why, as in X-Sttgate-Reason and in the log"`
	Refusals  map[string]int64 `json:"refusals" doc:"those of them that the gateway refused or ended, by the reason of X-Sttgate-Reason, or ended_by_operator"`
}

// StageCounts are how many users are at which stage.
type StageCounts struct {
	Stages map[string]int64 `json:"stages" doc:"users by stage; those at none are not counted"`
	Exempt int64            `json:"exempt" doc:"users outside all rules"`
	Whole  bool             `json:"whole" doc:"false where there are more than were counted, or they could not be counted"`
	At     time.Time        `json:"at,omitzero" doc:"when they were counted"`
}

// VendorHealth is how a vendor has answered lately.
type VendorHealth struct {
	Provider string    `json:"provider" doc:"the vendor"`
	State    string    `json:"state" enum:"unknown,ok,failing" doc:"of the last handshake; unknown: there was none yet"`
	Failure  string    `json:"failure,omitempty" doc:"of the last: the vendor's status class, unreachable or timeout"`
	At       time.Time `json:"at,omitzero" doc:"when the last was"`
	Seen     int       `json:"seen" doc:"of how many handshakes, the newest, the rest tells"`
	Failed   int       `json:"failed" doc:"how many of those failed"`
	Median   int64     `json:"p50_us" doc:"how long they took, in microseconds, where they went well"`
	P99      int64     `json:"p99_us" doc:"the same, of the slowest in a hundred"`
}

// StoreHealth is how the ledger's store does.
type StoreHealth struct {
	Kind   string           `json:"kind" enum:"embedded,redis,memory" doc:"which it is"`
	Up     bool             `json:"up" doc:"it takes writes, or did some seconds ago"`
	Errors map[string]int64 `json:"errors" doc:"calls that failed since the start, by class"`
	Leases int64            `json:"leases" doc:"calls since the start"`
	Median int64            `json:"p50_us" doc:"how long a call takes, in microseconds: at most, as the buckets of sttgate_lease_duration_seconds tell"`
	P99    int64            `json:"p99_us" doc:"the same, of the slowest in a hundred"`
}

// Overview is the answer.
type Overview struct {
	Figured
	Version  string         `json:"version" doc:"the release"`
	At       time.Time      `json:"at" doc:"the gateway's time"`
	Uptime   int64          `json:"uptime_seconds" doc:"for how long it runs"`
	Draining bool           `json:"draining" doc:"new streams are refused"`
	Config   ConfigStanding `json:"config" doc:"which config is in force, since when and by whom, and whether the file's newest state was refused"`
	MayWrite bool           `json:"may_write" doc:"whoever asks may change things: false with admin.read_token"`
	Streams  StreamCounts   `json:"streams" doc:"what runs on this gateway"`
	Top      []Stream       `json:"top" doc:"the streams that have forwarded most"`
}

// StreamCounts are how many streams and uploads run.
type StreamCounts struct {
	Active    int64                       `json:"active" doc:"all of them"`
	States    map[string]int64            `json:"states" doc:"by state"`
	Providers map[string]map[string]int64 `json:"providers" doc:"by vendor, and then by state"`
}

// overview is GET overview.
func (h *Handler) overview(w http.ResponseWriter, r *http.Request, _ string) {
	top := someTop
	if s := r.URL.Query().Get("top"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 0 || n > mostTop {
			h.fail(r.Context(), w, "overview", bad("top must be 0 to "+strconv.Itoa(mostTop)))
			return
		}
		top = n
	}
	now := h.deps.Now().UTC()
	o := Overview{
		Figured: h.deps.Figures.Figures(r.Context()), Version: h.deps.Version.Version, At: now, Draining: h.deps.Drainer.Draining(),
		MayWrite: callerOf(r).role == writer,
		Streams:  StreamCounts{States: map[string]int64{}, Providers: map[string]map[string]int64{}},
	}
	o.Config = h.deps.Configs.Standing()
	o.Started, o.Config.Loaded, o.Config.Last.At = o.Started.UTC(), o.Config.Loaded.UTC(), o.Config.Last.At.UTC()
	o.Uptime = int64(now.Sub(o.Started) / time.Second)
	list := h.deps.Streams.List()
	for i := range list {
		o.Streams.add(&list[i])
	}
	o.Top = h.detailed(largest(list, top))
	writeJSON(w, http.StatusOK, o)
}

// largest are the n streams that have forwarded most, the most first. It does not sort the thousands that nobody sees.
func largest(list []Stream, n int) []Stream {
	before := func(a, b *Stream) int { return cmp.Or(cmp.Compare(b.Forwarded, a.Forwarded), older(*a, *b)) }
	best := make([]*Stream, 0, min(n, len(list))+1)
	for i := range list {
		if s := &list[i]; len(best) < n || n > 0 && before(s, best[n-1]) < 0 {
			at, _ := slices.BinarySearchFunc(best, s, before)
			best = slices.Insert(best, at, s)
			best = best[:min(n, len(best))]
		}
	}
	out := make([]Stream, 0, len(best))
	for _, s := range best {
		out = append(out, *s)
	}
	return out
}

func (c *StreamCounts) add(s *Stream) {
	c.Active++
	c.States[s.State]++
	of := c.Providers[s.Provider]
	if of == nil {
		of = map[string]int64{}
		c.Providers[s.Provider] = of
	}
	of[s.State]++
}

// detailed is a page of streams with everything that is told of them.
func (h *Handler) detailed(page []Stream) []Stream {
	now := h.deps.Now()
	out := make([]Stream, 0, len(page))
	for _, s := range page {
		h.deps.Streams.Detail(&s)
		s.Started, s.Age = s.Started.UTC(), max(now.Sub(s.Started), 0).Milliseconds()
		out = append(out, s)
	}
	return out
}
