package ledger_test

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

// TestMain is also the process that the crash test kills.
func TestMain(m *testing.M) {
	if dir := os.Getenv(victimDir); dir != "" {
		victim(dir)
		return
	}
	goleak.VerifyTestMain(m)
}
