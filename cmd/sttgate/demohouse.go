package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/sttgate/sttgate/config"
)

// demoBudget is what the stage restrict allows in the demo, in milliseconds.
const demoBudget = 4000

// demoRules is the demo's config file. The window is a rolling one: at
// midnight a day would begin anew and the second stream with it.
func demoRules() string {
	var rules strings.Builder
	rules.WriteString("budgets:\n")
	for _, name := range []string{"deepgram", "soniox", "speechmatics"} {
		fmt.Fprintf(&rules, "  - {name: %s-daily, providers: [%s], stages: [restrict], window: 24h, limit: %dms}\n", name, name, demoBudget)
	}
	return rules.String()
}

// house is everything the demo runs: the vendors, a gateway and a ledger on disk,
// on free ports of the loopback.
type house struct {
	dir     string
	vendors *vendors
	gateway *gateway
	admin   adminClient
}

// openHouse starts it with rules as its config file. ctx only bounds the start.
func openHouse(ctx context.Context, log *slog.Logger, rules string) (h *house, err error) {
	h = &house{}
	defer func() {
		if err != nil {
			err = errors.Join(err, h.close())
		}
	}()
	if h.dir, err = os.MkdirTemp("", "sttgate-demo-"); err != nil {
		return h, err
	}
	if h.vendors, err = startVendors(ctx, "127.0.0.1:0"); err != nil {
		return h, err
	}
	file := filepath.Join(h.dir, "sttgate.yaml")
	if err := os.WriteFile(file, []byte(rules), 0o600); err != nil {
		return h, err
	}
	live, err := config.Open(file, h.environ())
	if err != nil {
		return h, err
	}
	// The gateway outlives the start, and ends with close only.
	if h.gateway, err = startGateway(context.WithoutCancel(ctx), live, log, thisBuild().Version); err != nil {
		return h, err
	}
	h.admin = adminClient{addr: h.gateway.AdminAddr()}
	return h, nil
}

// environ is what depends on the machine. The caller's own STTGATE_* are about
// another gateway.
func (h *house) environ() []string {
	return append(h.vendors.environ(),
		"STTGATE_LISTEN=127.0.0.1:0",
		"STTGATE_ADMIN_LISTEN=127.0.0.1:0",
		"STTGATE_LEDGER_PATH="+filepath.Join(h.dir, "ledger"),
	)
}

// stopTimeout bounds the shutdown: no stream is left to be waited for.
const stopTimeout = 10 * time.Second

// close stops what was started and removes what was written.
func (h *house) close() error {
	var errs []error
	if h.gateway != nil {
		ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
		defer cancel()
		errs = append(errs, h.gateway.Stop(ctx))
	}
	if h.vendors != nil {
		errs = append(errs, h.vendors.stop())
	}
	if h.dir != "" {
		errs = append(errs, os.RemoveAll(h.dir))
	}
	return errors.Join(errs...)
}

// target is the gateway as a user of the demo reaches it.
func (h *house) target(user string) target {
	return target{ws: true, host: h.gateway.DataAddr(), user: user}
}

// demoLog is where the demo's gateway logs: nowhere, unless somebody wants to see.
func demoLog(verbose bool, w io.Writer) *slog.Logger {
	if !verbose {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(slog.NewTextHandler(w, nil))
}
