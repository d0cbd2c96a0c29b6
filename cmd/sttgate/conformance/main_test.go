package conformance

import (
	"flag"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
)

var (
	gatewayFile = flag.String("gateway", "", "drive the SDKs through this binary of the gateway; without it only the harness tests itself")
	update      = flag.Bool("update", false, "write docs/sdks.md anew; read the diff before committing it")
)

// guard is how long anything may take that has to happen. It is no speed goal: on a busy machine a process of
// Node's alone needs many seconds to begin.
const guard = 2 * time.Minute

// asDriver makes this test's binary the driver of Deepgram's Go SDK.
const asDriver = "STTGATE_CONFORMANCE_DRIVER"

func TestMain(m *testing.M) {
	if os.Getenv(asDriver) != "" {
		os.Exit(driveGo(os.Stdin, os.Stdout))
	}
	goleak.VerifyTestMain(m)
}
