package proxy

import (
	"net/http"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sttgate/sttgate/proxy/provider"
)

// The closed sets of the labels. docs/metrics.yaml has them too, and tests hold the two together.

// The words of decisions_total.
const (
	allowed      = "allow"
	refusing     = "deny"
	withinBudget = "within_budget"
	nearLimit    = "near_limit"
)

// errorCodes are the codes of upstream_errors_total. The ones that an operator has to do something about stand alone:
// credit (402), the key (401, 403), what runs at once (429).
func errorCodes() []string {
	return []string{"401", "402", "403", "429", "4xx", "5xx", "unreachable", "timeout", "canceled"}
}

// errorCode is the code of a status that is no success. Vendors may send any number.
func errorCode(status int) string {
	switch status {
	case http.StatusUnauthorized, http.StatusPaymentRequired, http.StatusForbidden, http.StatusTooManyRequests:
		return strconv.Itoa(status)
	}
	if status >= 500 {
		return "5xx"
	}
	return "4xx"
}

// appear makes the series of what alerts are about: one that appears with its first count hides
// that one from every rate.
func (m *Metrics) appear() {
	for _, direction := range []string{toVendor, toClient} {
		m.backpressure.WithLabelValues(direction)
	}
	for _, result := range []string{"granted", "exhausted", "error"} {
		m.leases.WithLabelValues(result)
	}
	for _, class := range []string{"timeout", "network", "auth", "tls", "oom"} {
		m.storeErrors.WithLabelValues("lease", class)
		m.storeErrors.WithLabelValues("settle", class)
	}
	for _, reason := range []string{withinBudget, nearLimit} {
		m.decisions.WithLabelValues(allowed, reason, "false")
	}
	for _, reason := range []provider.Reason{provider.BudgetExhausted, provider.BreakerOpen, provider.StageRestrict} {
		m.decisions.WithLabelValues(refusing, string(reason), "false")
		m.decisions.WithLabelValues(refusing, string(reason), "true")
	}
	m.streams.WithLabelValues("none", "error")
}

// vendor makes the series of a vendor.
func (m *Metrics) vendor(name string) {
	m.streamsActive.WithLabelValues(name)
	m.handshake.WithLabelValues(name)
	m.streams.WithLabelValues(name, "error")
	for _, sign := range []string{"over", "under"} {
		m.meterDrift.WithLabelValues(name, sign)
	}
	for _, code := range errorCodes() {
		m.upstreamError.WithLabelValues(name, code)
	}
	for _, shadow := range []string{"false", "true"} {
		m.models.WithLabelValues(name, shadow)
	}
}

// inHand is a gauge of what running streams have bought and not used, asked at each scrape.
func (s *Streams) inHand() prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Namespace: "sttgate", Name: "lease_outstanding_seconds",
		Help: "Audio that running streams have bought and not used: what would stay charged if this gateway were killed now.",
	}, func() float64 {
		var ms int64
		for _, st := range s.List() {
			if st.tap != nil {
				a := st.tap.purse.account
				ms += max(a.Last().Ceiling-a.Spent(), 0)
			}
		}
		return float64(ms) / 1000
	})
}
