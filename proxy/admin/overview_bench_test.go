package admin

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// crowd fills a gateway with streams.
func crowd(g *gateway, n int) {
	states, vendors := []string{"forwarding", "forwarding", "dropping", "paced"}, []string{"deepgram", "soniox", "speechmatics"}
	for i := range n {
		g.list = append(g.list, Stream{
			ID: fmt.Sprintf("s-%05d", i), User: fmt.Sprintf("user-%d", i%997), Provider: vendors[i%3], State: states[i%4],
			Started: now().Add(-time.Duration(i) * time.Second), Forwarded: int64(i * 7919 % 1_000_003),
		})
	}
}

// BenchmarkOverview is what one look at a page costs that is full: each page asks for it every two seconds.
func BenchmarkOverview(b *testing.B) {
	for _, n := range []int{100, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			g := &gateway{}
			crowd(g, n)
			h, err := New(Config{}.WithDefaults(), deps(g, io.Discard))
			if err != nil {
				b.Fatal(err)
			}
			r := httptest.NewRequest(http.MethodGet, "/admin/v1/overview?top=100", nil)
			r.Host = "localhost"
			b.ReportAllocs()
			for b.Loop() {
				w := httptest.NewRecorder()
				h.ServeHTTP(w, r)
				if w.Code != http.StatusOK {
					b.Fatal(w.Code, w.Body)
				}
			}
		})
	}
}
