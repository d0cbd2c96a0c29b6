package main

import (
	"log/slog"
	"math"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// sums add up metrics: people want sums where a scraper wants labels.
type sums map[string]*dto.MetricFamily

func newSums(g prometheus.Gatherer, log *slog.Logger) sums {
	t := sums{}
	families, err := g.Gather()
	if err != nil { // a collector failed; the others are here
		log.Error("metrics not gathered", slog.Any("error", err))
	}
	for _, f := range families {
		t[f.GetName()] = f
	}
	return t
}

// by sums a counter up by the values of a label.
func (t sums) by(name, label string) map[string]int64 {
	out := map[string]int64{}
	for _, m := range t[name].GetMetric() {
		out[labelOf(m, label)] += int64(math.Round(m.GetCounter().GetValue()))
	}
	return out
}

// millis sums up a counter of seconds, of what has a label's value; without a label, all of it.
func (t sums) millis(name, label, value string) int64 {
	var seconds float64
	for _, m := range t[name].GetMetric() {
		if label == "" || labelOf(m, label) == value {
			seconds += m.GetCounter().GetValue()
		}
	}
	return int64(math.Round(seconds * 1000))
}

// spread tells of a histogram of seconds how many there were, and under which bound, in microseconds, half of them and 99 in a hundred lie.
func (t sums) spread(name string) (n, median, p99 int64) {
	for _, m := range t[name].GetMetric() {
		h := m.GetHistogram()
		return int64(h.GetSampleCount()), bound(h, 50), bound(h, 99) //nolint:gosec // a count of calls
	}
	return 0, 0, 0
}

// bound is that of the bucket in which a percentile lies; of the last, which has none, that of the one before.
func bound(h *dto.Histogram, percent uint64) (micros int64) {
	want := (h.GetSampleCount()*percent + 99) / 100
	if want == 0 {
		return 0
	}
	for _, b := range h.GetBucket() {
		if !math.IsInf(b.GetUpperBound(), 1) {
			micros = int64(math.Round(b.GetUpperBound() * 1e6))
		}
		if b.GetCumulativeCount() >= want {
			break
		}
	}
	return micros
}

func labelOf(m *dto.Metric, name string) string {
	for _, l := range m.GetLabel() {
		if l.GetName() == name {
			return l.GetValue()
		}
	}
	return ""
}
