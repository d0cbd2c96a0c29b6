// Command bench measures what a proxy costs per relayed audio frame, per
// handshake and per idle stream, and sets sttgate beside nginx and three usual
// ways to write a WebSocket proxy in Go.
//
//	   own process     own process(es)     own process
//	  ┌───────────┐   ┌───────────────┐   ┌───────────┐
//	  │   load    │──►│ proxy under   │──►│  vendor   │
//	  │ raw frames│◄──│ test          │◄──│ counts    │
//	  └─────▲─────┘   └───────▲───────┘   └─────▲─────┘
//	go/stop │     CPU clock,  │ RSS      counts │
//	        └────────────── bench ──────────────┘
//
// The figure is the CPU time that the kernel accounts to the proxy's processes in
// a window, divided by the frames that arrived at the vendor in that window.
// Load and vendor are separate processes, so what they burn is not counted.
// Contenders take turns (A B C A B C ...), so that a disturbance of the machine
// meets all of them, and ratios are taken within a round.
//
// The same binary plays every role but nginx and sttgate: bench starts itself
// again with a role as first argument. Children die with their parent.
//
// Concurrency: the orchestrating side is one goroutine, locked to one thread
// because the kernel ties "die with your parent" to the thread that forked.
//
// "bench ledger" is about the other half of a large installation, Redis: what streams ask of it, what their
// users take in it, and what one core of it carries.
//
//	virtual streams: Account.Spend in real time ──► ledger.Redis ──► scripts ──► redis-server, one core
//	     no relay, no client's socket             as in a gateway              INFO cpu, stats, commandstats
//
// It runs on Linux only: CPU clocks of other processes, epoll and /proc.
package main
