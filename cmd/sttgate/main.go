package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// version is the release; the linker sets it: -X main.version=v1.2.3.
// Nothing else writes it.
var version string

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The second signal kills: who asks twice does not want to wait for a drain.
	context.AfterFunc(ctx, stop)
	code := run(ctx, os.Args[1:], os.Environ(), os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
