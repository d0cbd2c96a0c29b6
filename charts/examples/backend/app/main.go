// Command app is a backend, as small as one can be: it has what its users say transcribed with Deepgram's
// own SDK. It knows of no gateway; where the SDK connects to is in the environment that the chart gives it.
//
//	curl --data-binary @talk.raw "127.0.0.1:8000/transcripts?user=ann"     16 bit, 16 kHz, one channel, no header
//
// It is an example, and what the chart's tests run beside the gateway's container.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/deepgram/deepgram-go-sdk/v3/pkg/client/listen"
)

func main() {
	at := flag.String("listen", ":8000", "`host:port` for whoever asks")
	listen.InitWithDefault() // the SDK's log has flags of its own, and parses all there are
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := serve(ctx, *at); err != nil {
		fmt.Fprintln(os.Stderr, "app:", err)
		os.Exit(1)
	}
}

// drain is how long requests may run on after SIGTERM: less than the pod's terminationGracePeriodSeconds.
const drain = 100 * time.Second

// serve answers until ctx is done, and then the requests that it has.
func serve(ctx context.Context, at string) error {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("POST /transcripts", answer)
	s := &http.Server{Addr: at, Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- s.ListenAndServe() }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	left, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain)
	defer cancel()
	err := s.Shutdown(left)
	if ended := <-failed; !errors.Is(ended, http.ErrServerClosed) {
		err = errors.Join(err, ended)
	}
	return err
}

// answer streams a request's body to the vendor as it comes, and says what was said in it.
func answer(w http.ResponseWriter, r *http.Request) {
	words, err := transcribe(r.Context(), r.URL.Query().Get("user"), r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]string{"transcript": strings.Join(words, " ")}) // the asker may be gone
}
