package proxy

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sttgate/sttgate/meter/ledger"
	"github.com/sttgate/sttgate/proxy/provider"
)

// Metrics are the collectors of the data path. Every label value comes from a
// closed set: a user id or a path as a label would let strangers fill the memory
// of whoever scrapes.
type Metrics struct {
	streamsActive *prometheus.GaugeVec
	streams       *prometheus.CounterVec
	audioSeconds  *prometheus.CounterVec
	audioBytes    *prometheus.CounterVec
	charged       *prometheus.CounterVec
	meterDrift    *prometheus.CounterVec
	meteredBy     *prometheus.CounterVec
	decisions     *prometheus.CounterVec
	leases        *prometheus.CounterVec
	leaseSeconds  prometheus.Histogram
	storeErrors   *prometheus.CounterVec
	handshake     *prometheus.HistogramVec
	upstreamError *prometheus.CounterVec
	backpressure  *prometheus.CounterVec
	models        *prometheus.CounterVec
	lost          prometheus.Counter

	vendors *Vendors // the same of their handshakes, for people who watch
}

// NewMetrics registers the collectors.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "sttgate", Name: name, Help: help}, labels)
		reg.MustRegister(c)
		return c
	}
	m := &Metrics{
		streamsActive: prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: "sttgate", Name: "streams_active", Help: "Streams, uploads and jobs running now."}, []string{"provider"}),
		streams:       counter("streams_total", "Streams, uploads and jobs that ended, and requests that were refused.", "provider", "result"),
		audioSeconds:  counter("audio_seconds_total", "Audio as time, forwarded to the vendor or dropped.", "provider", "mode", "kind"),
		audioBytes:    counter("audio_bytes_total", "Audio in bytes, forwarded to the vendor or dropped.", "provider", "kind"),
		charged:       counter("charged_seconds_total", "What users were charged when their streams and uploads ended; basis says whose figure it was.", "provider", "basis"),
		meterDrift:    counter("meter_drift_seconds_total", "Difference between the vendor's figure and ours; sign is over where the vendor counted more.", "provider", "sign"),
		meteredBy:     counter("metered_streams_total", "Streams and uploads that ended, by how their time was found.", "provider", "method"),
		decisions:     counter("decisions_total", "What the budgets said to requests, and to streams that they end or stop.", "decision", "reason", "shadow"),
		leases:        counter("lease_requests_total", "Calls to the ledger by result.", "result"),
		storeErrors:   counter("store_errors_total", "Calls to the ledger that failed.", "op", "class"),
		models:        counter("models_replaced_total", "Streams, uploads and jobs that were given another model than they asked for, by their user's stage.", "provider", "shadow"),
		upstreamError: counter("upstream_errors_total", "Vendor handshakes, requests and streams that failed, by the vendor's status or by what else was wrong.", "provider", "code"),
		backpressure:  counter("relay_backpressure_seconds_total", "How long writes of streams have waited for a peer to read.", "direction"),
		leaseSeconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: "sttgate", Name: "lease_duration_seconds", Help: "How long the ledger took to answer.",
			Buckets: []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5},
		}),
		handshake: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: "sttgate", Name: "upstream_handshake_seconds", Help: "From dialling the vendor to its answer.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5},
		}, []string{"provider"}),
		lost: prometheus.NewCounter(prometheus.CounterOpts{
			Namespace: "sttgate", Name: "settles_lost_total",
			Help: "Streams and uploads whose price could be written neither to the ledger nor to its journal.",
		}),
	}
	m.vendors = newVendors()
	reg.MustRegister(m.streamsActive, m.leaseSeconds, m.handshake, m.lost)
	m.appear()
	return m
}

func (m *Metrics) started(provider string) { m.streamsActive.WithLabelValues(provider).Inc() }

// ended counts a stream or upload that is over; basis is the ProviderConfig.Charge that its price came from.
func (m *Metrics) ended(provider, result, basis string, chargedMillis int64) {
	m.streamsActive.WithLabelValues(provider).Dec()
	m.streams.WithLabelValues(provider, result).Inc()
	m.settled(provider, basis, chargedMillis)
}

// refused counts a request that never became a stream. provider is "none" where
// the path named no vendor.
func (m *Metrics) refused(provider, result string) {
	m.streams.WithLabelValues(provider, result).Inc()
}

func (m *Metrics) audio(vendor string, mode provider.Mode, kind string, d time.Duration, bytes int64) {
	if bytes == 0 {
		return
	}
	m.audioSeconds.WithLabelValues(vendor, string(mode), kind).Add(d.Seconds())
	m.audioBytes.WithLabelValues(vendor, kind).Add(float64(bytes))
}

func (m *Metrics) drift(provider string, vendorMinusOurs time.Duration) {
	sign := "over"
	if vendorMinusOurs < 0 {
		sign, vendorMinusOurs = "under", -vendorMinusOurs
	}
	m.meterDrift.WithLabelValues(provider, sign).Add(vendorMinusOurs.Seconds())
}

// metered counts how the time of a stream or an upload was found.
func (m *Metrics) metered(provider, method string) {
	m.meteredBy.WithLabelValues(provider, method).Inc()
}

// decided counts an answer of the budgets.
func (m *Metrics) decided(decision, reason string, shadow bool) {
	m.decisions.WithLabelValues(decision, reason, strconv.FormatBool(shadow)).Inc()
}

// lease is told of every call to the ledger.
func (m *Metrics) lease(op, result, class string, took time.Duration) {
	if op == "lease" {
		m.leases.WithLabelValues(result).Inc()
	}
	if result == "error" {
		m.storeErrors.WithLabelValues(op, class).Inc()
	}
	m.leaseSeconds.Observe(took.Seconds())
}

// dark counts a place that was taken while the ledger did not answer.
func (m *Metrics) dark(err error) { m.storeErrors.WithLabelValues("slots", ledger.Class(err)).Inc() }

// The directions of backpressure: who does not read.
const (
	toVendor = "to_vendor"
	toClient = "to_client"
)

// stalled counts how long a peer has not read.
func (m *Metrics) stalled(direction string, d time.Duration) {
	if d > 0 {
		m.backpressure.WithLabelValues(direction).Add(d.Seconds())
	}
}

// settled counts what something has cost: with ended, or a job whose price came later.
func (m *Metrics) settled(provider, basis string, chargedMillis int64) {
	m.charged.WithLabelValues(provider, basis).Add(float64(chargedMillis) / 1000)
}

// failed counts what the vendor did not answer with success.
func (m *Metrics) failed(provider, code string) {
	m.upstreamError.WithLabelValues(provider, code).Inc()
}

// unsettled counts a price that is lost; err is nil where it is not.
func (m *Metrics) unsettled(err error) {
	if err != nil {
		m.lost.Inc()
	}
}

func (m *Metrics) dialled(provider, failure string, took time.Duration) {
	m.handshake.WithLabelValues(provider).Observe(took.Seconds())
	m.vendors.told(provider, failure, took, time.Now())
	if failure != "" {
		m.upstreamError.WithLabelValues(provider, failure).Inc()
	}
}
