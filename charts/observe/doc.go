// Command observe writes the Grafana dashboard of the gateway, and its tests hold everything that operators look at against docs/metrics.yaml:
//
//	docs/metrics.yaml ──► the dashboard's queries    charts/sttgate/files/dashboard.json (written by make dashboard)
//	                  ──► the alerts' expressions    charts/sttgate/files/alerts.yaml, tested with promtool
//	                  ──► the runbooks' queries      docs/runbooks/, one page for each alert
//
// The gateway itself is held against the same list by cmd/sttgate. It is no part of the program that runs.
package main
