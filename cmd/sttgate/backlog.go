package main

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sttgate/sttgate/policy/notify"
)

// backlogs tell at each scrape what waits in the outbox.
type backlogs struct{ box *notify.Outbox }

func (backlogs) bytes() *prometheus.Desc {
	return prometheus.NewDesc("sttgate_outbox_bytes",
		"Messages and usage events that wait to be delivered, in bytes; at events.max_bytes the oldest are dropped.", []string{"sink"}, nil)
}

func (backlogs) age() *prometheus.Desc {
	return prometheus.NewDesc("sttgate_outbox_oldest_seconds",
		"Age of the message that is to be delivered next; 0 where none waits.", []string{"sink"}, nil)
}

// Describe is prometheus.Collector.Describe.
func (b backlogs) Describe(to chan<- *prometheus.Desc) { to <- b.bytes(); to <- b.age() }

// Collect is prometheus.Collector.Collect.
func (b backlogs) Collect(to chan<- prometheus.Metric) {
	for _, l := range b.box.Backlogs() {
		age := 0.0
		if !l.Oldest.IsZero() {
			age = max(time.Since(l.Oldest).Seconds(), 0)
		}
		to <- prometheus.MustNewConstMetric(b.bytes(), prometheus.GaugeValue, float64(l.Bytes), l.Sink)
		to <- prometheus.MustNewConstMetric(b.age(), prometheus.GaugeValue, age, l.Sink)
	}
}
