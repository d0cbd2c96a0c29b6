// Package secrettest finds secrets in what a program has written.
//
//	canaries (random words) ──► the program, as keys, tokens, passwords
//	                              │
//	                              ▼ logs, answers, files, traces
//	     Find ◄──────────────── surfaces: each in every form that a word takes on its way
//
// A scan that finds nothing proves something only where it could have found: who uses it plants each canary in each form first.
//
// It is for tests; it knows nothing of the gateway.
package secrettest
