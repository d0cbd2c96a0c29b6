package proxy

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/sttgate/sttgate/meter/ledger"
)

// setRateLimit writes RateLimit-Policy and RateLimit as of
// draft-ietf-httpapi-ratelimit-headers-10: one item per budget that applies. The
// unit "audio-seconds" is ours: without qu the quota would mean requests.
func (g *gate) setRateLimit(h http.Header, bs []ledger.Balance, now time.Time) {
	var policies, limits []string
	r := g.rules.Load()
	for _, b := range bs {
		if b.Shadow || r.shared(b.Budget) || isStage(b.Budget) {
			continue // no client is limited by a shadow; what the house has left is no client's business
		}
		policies = append(policies, fmt.Sprintf(`"%s";q=%d;qu="audio-seconds";w=%d`, b.Budget, (b.Limit+b.Granted)/1000, windowSeconds(b)))
		limits = append(limits, fmt.Sprintf(`"%s";r=%d;t=%d`, b.Budget, b.Remaining/1000, resetSeconds(b, now)))
	}
	if len(policies) > 0 {
		h.Set("RateLimit-Policy", strings.Join(policies, ", "))
		h.Set("RateLimit", strings.Join(limits, ", "))
	}
}

func windowSeconds(b ledger.Balance) int64 {
	switch b.Window.Unit {
	case ledger.Day:
		return 86_400
	case ledger.Week:
		return 7 * 86_400
	case ledger.Month:
		return seconds(b.Resets.Sub(b.Resets.AddDate(0, -1, 0)))
	case ledger.Rolling:
		return seconds(b.Window.Length)
	}
	return 0
}

func resetSeconds(b ledger.Balance, now time.Time) int64 {
	if b.Resets.IsZero() {
		return 0
	}
	return max(0, seconds(b.Resets.Sub(now)))
}
