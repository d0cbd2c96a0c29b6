package main

func itself() []row {
	return []row{{"The gateway itself", []graph{
		{
			title: "Gateways, by version", unit: "short", width: 6,
			good:    "As many as should run; two versions only during a rollout.",
			queries: []query{{`count by (version) (sttgate_build_info{` + us + `})`, "{{version}}"}},
		},
		{
			title: "Configs in force", unit: "short", width: 3, stat: true, alarm: 2,
			good:    "1. More for half an hour: SttgateConfigsDiffer.",
			queries: []query{{`count(count by (hash) (sttgate_config_info{` + us + `}))`, ""}},
		},
		{
			title: "Took their last config", unit: "percentunit", width: 3, stat: true, low: true, alarm: 1,
			good:    "100 %. Below: SttgateReloadFailed.",
			queries: []query{{`avg(sttgate_config_last_reload_successful{` + us + `})`, ""}},
		},
		{
			title: "Config in force for", unit: "s", width: 4, stat: true, alarm: 1e12,
			good:    "Since the last change that you know of.",
			queries: []query{{`time() - max(sttgate_config_last_reload_timestamp_seconds{` + us + `})`, ""}},
		},
		{
			title: "Going down", unit: "short", width: 4, stat: true, alarm: 1,
			good:    "0, but for rollouts.",
			queries: []query{{`sum(sttgate_draining{` + us + `})`, ""}},
		},
		{
			title: "Overdue", unit: "s", width: 4, stat: true, alarm: 60,
			good:    "0: how long streams run beyond drain.grace.",
			queries: []query{{`max(sttgate_drain_overdue_seconds{` + us + `})`, ""}},
		},
		{
			title: "Messages to the world, per hour", unit: "short", width: 8,
			good:    "delivered. dropped and refused are lost: SttgateEventsDropped.",
			queries: []query{{`sum by (sink, result) (increase(sttgate_usage_events_total{` + us + `}[1h]))`, "{{sink}} {{result}}"}},
		},
		{
			title: "Outbox", unit: "bytes", width: 8,
			good:    "Nearly empty. At events.max_bytes the oldest are dropped.",
			queries: []query{{`sum by (instance, sink) (sttgate_outbox_bytes{` + us + `})`, "{{instance}} {{sink}}"}},
		},
		{
			title: "Outbox, age of the next message", unit: "s", width: 8,
			good:    "Below a minute.",
			queries: []query{{`max by (sink) (sttgate_outbox_oldest_seconds{` + us + `})`, "{{sink}}"}},
		},
		{
			title: "Starts within half an hour", unit: "short", width: 4, stat: true, alarm: 3,
			good:    "0, or 1 where there was a release. 3 of one gateway: SttgateRestarts.",
			queries: []query{{`max(changes(process_start_time_seconds{` + us + `}[30m]))`, ""}},
		},
		{
			title: "Sessions not written down, per hour", unit: "short", width: 5,
			good:    "0. Reviews of these users see less.",
			queries: []query{{`sum by (instance) (increase(sttgate_sessions_lost_total{` + us + `}[1h]))`, "{{instance}}"}},
		},
		{
			title: "Processor", unit: "short", width: 5,
			good:    "Cores in use; docs/scale.md has what streams need.",
			queries: []query{{`rate(process_cpu_seconds_total{` + us + `}[$__rate_interval])`, "{{instance}}"}},
		},
		{
			title: "Memory", unit: "bytes", width: 5,
			good:    "Follows the streams and comes back.",
			queries: []query{{`process_resident_memory_bytes{` + us + `}`, "{{instance}}"}},
		},
		{
			title: "Open files, of what is allowed", unit: "percentunit", width: 5,
			good:    "Two for each stream. Near 1, connects fail.",
			queries: []query{{`process_open_fds{` + us + `} / process_max_fds{` + us + `}`, "{{instance}}"}},
		},
	}}}
}
