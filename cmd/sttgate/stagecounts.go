package main

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sttgate/sttgate/policy"
)

// countForScrapes is how old the count of users may be that a scrape is told. It reads up to 20 000 records, and every gateway is scraped.
const countForScrapes = 5 * time.Minute

// stageCounts tells how many users are at each stage above none: the overview's count.
type stageCounts struct{ figures *opsFigures }

func (stageCounts) desc() *prometheus.Desc {
	return prometheus.NewDesc("sttgate_users_in_stage",
		"Users at a stage, and exempt ones, on the whole ledger and up to five minutes ago. No figure where there are too many to count.", []string{"stage"}, nil)
}

// Describe is prometheus.Collector.Describe.
func (c stageCounts) Describe(to chan<- *prometheus.Desc) { to <- c.desc() }

// Collect is prometheus.Collector.Collect.
func (c stageCounts) Collect(to chan<- prometheus.Metric) {
	c.figures.mu.Lock()
	defer c.figures.mu.Unlock()
	c.figures.storeUp(context.Background())
	n := c.figures.counted(context.Background(), countForScrapes)
	if !n.Whole {
		return
	}
	for _, s := range policy.Stages() {
		if s != policy.None { // whoever has no record is there, too
			to <- prometheus.MustNewConstMetric(c.desc(), prometheus.GaugeValue, float64(n.Stages[string(s)]), string(s))
		}
	}
	to <- prometheus.MustNewConstMetric(c.desc(), prometheus.GaugeValue, float64(n.Exempt), "exempt")
}
