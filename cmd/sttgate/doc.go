/*
Sttgate is the program: one file per subcommand, and run, which each of them
is reached through.

	main ──► run(ctx, args, environ, stdin, stdout, stderr) int
	           │
	           ├─ serve ──────► config ─► gateway (the graph: ledger, policy, proxy, admin)
	           ├─ check ──────► config
	           ├─ healthcheck ► config ─► GET the admin listener
	           ├─ reload ─────► config ─► the admin API
	           ├─ user ───────► config ─► the admin API
	           ├─ token ──────► config ─► a caller token
	           ├─ ledger ─────► config ─► a store ◄─► a file
	           ├─ fake ───────► proxy/fake
	           ├─ send ───────► a vendor's SDK ══ audio ══► a gateway
	           └─ demo ───────► fake + gateway + send, in one process

Results go to stdout, as a table or with --json for programs; faults, progress
and logs go to stderr. The exit code is 0 when it is done, 1 when it failed and
2 when the command line was wrong.

Nothing here is a package variable that changes: a program value holds the
streams and the environment, so that tests can run many at once. The exception
is not ours: Deepgram's SDK logs through a process-wide logger and reads the
process environment (see quiet and dial).
*/
package main
