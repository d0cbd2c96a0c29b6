// Package chart checks charts/sttgate with Helm's own packages: linter, engine, values and
// schema, and the suites of helm-unittest. Only tests use it, in a module of its own, so that
// Helm stays out of the gateway's; as libraries these compile in half the time of the commands.
//
//	charts/sttgate ── load ── render ─┬─ testdata/golden/*.yaml ── kubectl-validate, kube-score
//	  ci/*-values.yaml ──────┘        ├─ and cmd/sttgate's tests: is each config one that it takes?
//	  charts/examples/backend         └─ pod ── container: the sidecar at work, beside a backend, without a cluster
//	  testdata/wrong/*.yaml ── refused, each with the message in its first line
//
// It is no product code: it panics on nothing and runs nothing in the background.
package chart
