package main

func vendors() []row {
	return []row{{"Vendors", []graph{
		{
			title: "Failures, by code", unit: "reqps", width: 12,
			good: "0, but for canceled (clients that leave). 402: pay. 401, 403: the key. 429: what runs at once. unreachable, timeout, 5xx: theirs, or the way to them.",
			queries: []query{{
				`sum by (provider, code) (rate(sttgate_upstream_errors_total{` + them + `}[$__rate_interval])) > 0`,
				"{{provider}} {{code}}",
			}},
		},
		{
			title: "Handshake, dialling to answer", unit: "s", width: 12,
			good: "Steady: it is distance and TLS. The client waits for it.",
			queries: []query{
				{`histogram_quantile(0.5, sum by (provider, le) (rate(sttgate_upstream_handshake_seconds_bucket{` + them + `}[$__rate_interval])))`, "{{provider}} half"},
				{`histogram_quantile(0.99, sum by (provider, le) (rate(sttgate_upstream_handshake_seconds_bucket{` + them + `}[$__rate_interval])))`, "{{provider}} 99 of 100"},
			},
		},
		{
			title: "Drift between the vendor's figure and ours", unit: "percentunit", width: 8,
			good: "Below 2 % (SttgateMeterDrift). Speechmatics counts under by the silence at the end.",
			queries: []query{{
				`sum by (provider, sign) (increase(sttgate_meter_drift_seconds_total{` + them + `}[1h])) / ignoring (sign) group_left () sum by (provider) (increase(sttgate_audio_seconds_total{kind="forwarded",` + them + `}[1h]))`,
				"{{provider}} {{sign}}",
			}},
		},
		{
			title: "How the time of streams is found, per hour", unit: "short", width: 8, stack: true,
			good:    "length and container. vendor, wall_clock and none are audio that could not be measured here.",
			queries: []query{{`sum by (method) (increase(sttgate_metered_streams_total{` + them + `}[1h]))`, "{{method}}"}},
		},
		{
			title: "Streams that wait for a peer to read", unit: "short", width: 8,
			good:    "Well below 1 on average: to_vendor above it is a vendor that is slow, to_client phones on bad networks.",
			queries: []query{{`sum by (direction) (rate(sttgate_relay_backpressure_seconds_total{` + us + `}[$__rate_interval]))`, "{{direction}}"}},
		},
	}}}
}
