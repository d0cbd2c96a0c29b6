// Package conformance drives the vendors' official SDKs through the gateway: real SDKs in
// processes of their own, the real binary, stand-in vendors over real sockets.
//
//	SDK (node, or this test again) ──► sttgate serve ──► fake vendor
//	  │ what its user sees                │ its log, metrics,     │ what was heard: bytes, SHA-256,
//	  │ one JSON line each                │ answers to operators  │ and with which credential
//	  └───────────────► the table: SDK x scene ◄──────────────────┘
//
// It holds no code of its own, only tests. Each pair of an SDK and a scene has a gateway, a
// vendor and credentials of its own, so that what one says can be told from all others.
// The drivers in testdata/sdk are as short as the SDKs' documentation would have them and
// judge nothing; what has to be seen is in the tables of sdks_*_test.go.
//
// A driver does not exit: its process ends when the SDK has nothing left to do. A hang and a
// reconnect loop are thus the same failure, a process that does not end.
//
// Every credential is a canary. At the end of a run no word of the gateway (log, metrics, answers
// to operators, errors that clients saw) may hold one, and the vendor may have seen only its own.
//
// The matrix needs Node and the packages of testdata/sdk/package-lock.json, so that go test
// without flags runs only the harness's own tests. `make conformance` installs them, runs the matrix
// and compares docs/sdks.md with it; `make conformance UPDATE=1` writes that file.
package conformance
