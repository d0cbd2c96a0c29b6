package main

// What is chosen above, in the braces of every query: us of what belongs to a gateway, them of what belongs to a vendor there.
const (
	us   = `job=~"$job",instance=~"$instance"`
	them = us + `,provider=~"$provider"`
)

func traffic() []row {
	return []row{
		{"Traffic", []graph{
			{
				title: "Streams now", unit: "short", width: 12, stack: true,
				good:    "Follows the day. A cliff is a gateway or a network that went; a plateau is a limit (limits.streams, the vendor's own).",
				queries: []query{{`sum by (provider) (sttgate_streams_active{` + them + `})`, "{{provider}}"}},
			},
			{
				title: "Audio forwarded, seconds per second", unit: "short", width: 12, stack: true,
				good:    "About one for each running stream: less is silence, much more are uploads, or clients that send faster than they play.",
				queries: []query{{`sum by (provider, mode) (rate(sttgate_audio_seconds_total{kind="forwarded",` + them + `}[$__rate_interval]))`, "{{provider}} {{mode}}"}},
			},
			{
				title: "How streams and requests end", unit: "reqps", width: 12,
				good:    "Nearly all ok. client_lost is phones; error is a fault of ours (SttgateFault).",
				queries: []query{{`sum by (result) (rate(sttgate_streams_total{job=~"$job",instance=~"$instance",provider=~"$provider|none"}[$__rate_interval]))`, "{{result}}"}},
			},
			{
				title: "Audio charged, seconds per second", unit: "short", width: 12,
				good:    "The same over a day as what was forwarded; it comes when streams end. basis says whose figure it was.",
				queries: []query{{`sum by (provider, basis) (rate(sttgate_charged_seconds_total{` + them + `}[$__rate_interval]))`, "{{provider}} {{basis}}"}},
			},
		}},
	}
}

func users() []row {
	return []row{
		{"Users and policy", []graph{
			{
				title: "What the budgets say", unit: "percentunit", width: 8, stack: true,
				good: "within_budget. near_limit (80 % used) becomes budget_exhausted some hours later.",
				queries: []query{{
					`sum by (reason) (rate(sttgate_decisions_total{shadow="false",` + us + `}[$__rate_interval])) / ignoring (reason) group_left () sum(rate(sttgate_decisions_total{shadow="false",` + us + `}[$__rate_interval]))`,
					"{{reason}}",
				}},
			},
			{
				title: "Users moved, per hour", unit: "short", width: 8,
				good:    "A few up and as many down. A jump: SttgateDeniesJump has the steps.",
				queries: []query{{`sum by (from, to, cause) (increase(sttgate_stage_transitions_total{` + us + `}[1h]))`, "{{from}} to {{to}} ({{cause}})"}},
			},
			{
				title: "Reviews, per hour", unit: "short", width: 8,
				good:    "failed and bad_answer are near 0: who is reviewed so is not moved.",
				queries: []query{{`sum by (result) (increase(sttgate_reviews_total{` + us + `}[1h]))`, "{{result}}"}},
			},
			{
				title: "Classifier, questions per hour", unit: "short", width: 12,
				good:    "ok. not_asked: it failed five times in a row.",
				queries: []query{{`sum by (result) (increase(sttgate_classifier_requests_total{` + us + `}[1h]))`, "{{result}}"}},
			},
			{
				title: "Classifier, how long it takes", unit: "s", width: 12,
				good: "Well below policy.review.classifier.timeout. No stream waits for it.",
				queries: []query{
					{`histogram_quantile(0.5, sum by (le) (rate(sttgate_classifier_duration_seconds_bucket{` + us + `}[1h])))`, "half"},
					{`histogram_quantile(0.95, sum by (le) (rate(sttgate_classifier_duration_seconds_bucket{` + us + `}[1h])))`, "95 of 100"},
				},
			},
			{
				title: "Users by stage", unit: "short", width: 12, stack: true,
				good:    "A small and steady part of all. Every gateway counts the whole ledger, each five minutes; nothing is shown beyond 20 000 records.",
				queries: []query{{`max by (stage) (sttgate_users_in_stage{` + us + `})`, "{{stage}}"}},
			},
			{
				title: "Given another model, per hour", unit: "short", width: 12,
				good: "Only where a stage says so. shadow: would have been.",
				queries: []query{
					{`sum by (provider) (increase(sttgate_models_replaced_total{shadow="false",` + them + `}[1h]))`, "{{provider}}"},
					{`sum by (provider) (increase(sttgate_models_replaced_total{shadow="true",` + them + `}[1h]))`, "{{provider}} shadow"},
				},
			},
		}},
	}
}

func refusals() []row {
	return []row{
		{"Refusals", []graph{
			{
				title: "Refused and ended by us", unit: "reqps", width: 8,
				good: "Flat and small. too_many_streams: a client that leaks them; unauthenticated: a token or a peer that has changed.",
				queries: []query{{
					`sum by (result) (rate(sttgate_streams_total{result=~"budget_exhausted|stage_restrict|too_many_streams|breaker_open|store_unavailable|draining|ended_by_operator|unauthenticated|bad_identity|unsupported|too_large",job=~"$job",instance=~"$instance",provider=~"$provider|none"}[$__rate_interval]))`,
					"{{result}}",
				}},
			},
			{
				title: "Audio dropped, seconds per second", unit: "short", width: 8,
				good:    "Users at the end of a budget whose client has not noticed. It costs nothing.",
				queries: []query{{`sum by (provider) (rate(sttgate_audio_seconds_total{kind="dropped",` + them + `}[$__rate_interval]))`, "{{provider}}"}},
			},
			{
				title: "Would be refused (shadow)", unit: "reqps", width: 8,
				good:    "What budgets and stages in shadow would do. Look here before shadow ends.",
				queries: []query{{`sum by (reason) (rate(sttgate_decisions_total{decision="deny",shadow="true",` + us + `}[$__rate_interval]))`, "{{reason}}"}},
			},
		}},
	}
}
