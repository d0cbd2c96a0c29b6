package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/sttgate/sttgate/meter"
	"github.com/sttgate/sttgate/proxy/fake"
)

// standIn is one fake vendor.
type standIn interface {
	http.Handler
	Streams() []*fake.Stream
	Begun(ctx context.Context, n int) ([]*fake.Stream, error)
	Wait(ctx context.Context, n int) ([]*fake.Stream, error)
	Totals() fake.Totals
	Close()
}

// vendors are the fake vendors with the one server they share. Their paths do not
// collide, so each is where its own SDK looks for it.
type vendors struct {
	by       map[string]standIn
	server   *http.Server
	listener net.Listener
	failed   chan error // at most one: the server gave up
	done     chan struct{}
}

// startVendors serves until stop.
func startVendors(ctx context.Context, listen string) (*vendors, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", listen)
	if err != nil {
		return nil, fmt.Errorf("fake vendors: %w", err)
	}
	v := &vendors{
		by: map[string]standIn{
			"deepgram":     fake.NewDeepgram(fake.Options{Clock: vendorClock}),
			"soniox":       fake.NewSoniox(fake.Options{Clock: vendorClock}),
			"speechmatics": fake.NewSpeechmatics(fake.Options{Clock: vendorClock}),
		},
		listener: l, failed: make(chan error, 1), done: make(chan struct{}),
	}
	v.server = &http.Server{Handler: v, ReadHeaderTimeout: 5 * time.Second}
	go func() {
		defer close(v.done)
		if err := v.server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			v.failed <- fmt.Errorf("fake vendors: %w", err)
		}
	}()
	return v, nil
}

// ServeHTTP finds the vendor by the path.
func (v *vendors) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/livez", "/readyz": // so that sttgate healthcheck works in this container, too
		return
	case "/fake/totals":
		all := make(map[string]fake.Totals, len(v.by))
		for name, one := range v.by {
			all[name] = one.Totals()
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(all) // the asker may be gone
		return
	}
	v.by[pathOwner(r.URL.Path)].ServeHTTP(w, r)
}

// pathOwner is who serves a path. What nobody knows is refused by Deepgram's.
func pathOwner(path string) string {
	switch {
	case path == "/v2/listen":
		return "deepgram"
	case path == "/transcribe-websocket", path == "/v1/models", path == "/v1/auth/temporary-api-key",
		strings.HasPrefix(path, "/v1/files"), strings.HasPrefix(path, "/v1/transcriptions"):
		return "soniox"
	case path == "/v2", strings.HasPrefix(path, "/v2/"), path == "/v1/api_keys":
		return "speechmatics"
	}
	return "deepgram"
}

func (v *vendors) url() string { return "http://" + v.listener.Addr().String() }

// environ points a gateway at them.
func (v *vendors) environ() []string {
	ws := "ws://" + v.listener.Addr().String()
	return []string{
		"STTGATE_PROVIDERS_DEEPGRAM_URL=" + v.url(),
		"STTGATE_PROVIDERS_SONIOX_URL=" + v.url(),
		"STTGATE_PROVIDERS_SONIOX_REALTIME_URL=" + ws + "/transcribe-websocket",
		"STTGATE_PROVIDERS_SPEECHMATICS_URL=" + v.url(),
		"STTGATE_PROVIDERS_SPEECHMATICS_REALTIME_URL=" + ws + "/v2",
	}
}

// stop ends their streams with 1001 and waits for everything that was started.
func (v *vendors) stop() error {
	err := v.server.Close()
	for _, one := range v.by {
		one.Close()
	}
	<-v.done
	return err
}

// vendorClock is what a fake vendor reads containers and packets with. An encoding that is not known lasts no time.
func vendorClock(encoding string) fake.Clock { //nolint:ireturn // the port
	c, err := meter.Open(meter.Format{Encoding: meter.Encoding(encoding)})
	if err != nil {
		return nil
	}
	return c
}
