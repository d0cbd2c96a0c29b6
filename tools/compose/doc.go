// Package compose tests the house of charts/compose, where no container engine runs. Nothing but tests is in it.
//
//	compose.yaml ──► the compose specification's own loader (strict) ──► what each container may, mounts, reaches
//	             ──► its commands, environments and files, with addresses mapped to this machine's loopback:
//	                 gateway ── stand-in vendors    redis-server    prometheus ◄── the dashboard's queries
//	dashboard.json ──► Grafana's types (strict)
//	alerts, queries ─► the parsers of the Prometheus that compose.yaml names
//
// What is true in the end: each health check turns healthy, each target is up, each rule and each query of the dashboard is
// evaluated by a Prometheus that scrapes a gateway at work, and an alert fires. What is not tested here: images being pulled and
// built, an engine's networks and volumes, and Grafana itself.
//
// compose-go is v2.16.2 of 2026-10-21, grafana-foundation-sdk v0.0.22 of 2026-10-29, prometheus v0.316.0 of 2026-11-05 (its parsers), in a module
// of their own so that they choose no version of anything that is linked.
package compose
