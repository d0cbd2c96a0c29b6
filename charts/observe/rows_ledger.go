package main

func ledger() []row {
	return []row{{"Ledger", []graph{
		{
			title: "Gateways whose store takes writes", unit: "percentunit", width: 4, stat: true, low: true, alarm: 1,
			good:    "100 %. Below: SttgateStoreDown.",
			queries: []query{{`avg(sttgate_store_up{` + us + `})`, ""}},
		},
		{
			title: "Lost: resets, settles, refused ends (24 h)", unit: "short", width: 8, stat: true, alarm: 1,
			good: "0, all of them. Each has a runbook: ledger-reset, settles-lost, end-refused.",
			queries: []query{
				{`sum(increase(sttgate_ledger_resets_total{` + us + `}[1d]))`, "resets"},
				{`sum(increase(sttgate_settles_lost_total{` + us + `}[1d]))`, "settles lost"},
				{`sum(increase(sttgate_outage_refused_total{` + us + `}[1d]))`, "ends refused"},
			},
		},
		{
			title: "At risk", unit: "short", width: 4, stat: true, alarm: 1,
			good:    "0. The server would lose what was charged: at a restart (no_log) or when it is full (evicts).",
			queries: []query{{`max by (risk) (sttgate_ledger_at_risk{` + us + `})`, "{{risk}}"}},
		},
		{
			title: "Owed: ends that wait in the journals", unit: "short", width: 8, stat: true, alarm: 1,
			good:    "0, but for an outage and the seconds behind it.",
			queries: []query{{`sum(sttgate_outage_owed_streams{` + us + `})`, ""}},
		},
		{
			title: "Calls", unit: "reqps", width: 8, stack: true,
			good:    "About one for each stream in three seconds. error: see the classes.",
			queries: []query{{`sum by (result) (rate(sttgate_lease_requests_total{` + us + `}[$__rate_interval]))`, "{{result}}"}},
		},
		{
			title: "How long it takes", unit: "s", width: 8,
			good: "A millisecond, with a disk some. Above 0.1: SttgateLedgerSlow. No frame waits for it, connects do.",
			queries: []query{
				{`histogram_quantile(0.5, sum by (le) (rate(sttgate_lease_duration_seconds_bucket{` + us + `}[$__rate_interval])))`, "half"},
				{`histogram_quantile(0.99, sum by (le) (rate(sttgate_lease_duration_seconds_bucket{` + us + `}[$__rate_interval])))`, "99 of 100"},
			},
		},
		{
			title: "Errors, by class", unit: "reqps", width: 8,
			good:    "0. network and timeout heal by themselves; auth, tls and oom do not.",
			queries: []query{{`sum by (op, class) (rate(sttgate_store_errors_total{` + us + `}[$__rate_interval])) > 0`, "{{op}} {{class}}"}},
		},
		{
			title: "In hand: bought and not used", unit: "s", width: 12,
			good:    "A few seconds for each stream (ledger.slice). It is what a gateway that is killed leaves charged.",
			queries: []query{{`sum by (instance) (sttgate_lease_outstanding_seconds{` + us + `})`, "{{instance}}"}},
		},
		{
			title: "Lent while the ledger was away, seconds per second", unit: "short", width: 12,
			good:    "0. At most ledger.outage.grace_per_stream for each stream, then it ends.",
			queries: []query{{`sum by (instance) (rate(sttgate_outage_grace_seconds_total{` + us + `}[$__rate_interval]))`, "{{instance}}"}},
		},
	}}}
}
