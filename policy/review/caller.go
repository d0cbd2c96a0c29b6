package review

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/sttgate/sttgate/config/secret"
)

// caller asks a service over HTTP. It follows no redirect, which would carry the key to whoever is named there, reads a bounded
// answer, and never repeats a URL, a key or an answer in an error: the first two may hold secrets, the last what a user has said.
//
// It is the standard library's client: two POSTs and two GETs with strict bounds are less code than the configuration of an SDK whose
// retries, redirects and errors would have to be turned off one by one.
type caller struct {
	url     string // {user} in it is replaced
	key     secret.Value
	timeout time.Duration
	most    int64 // bytes of an answer
	client  *http.Client
}

// connectTimeout bounds the way to a service, within the timeout of the whole call.
const connectTimeout = 10 * time.Second

// newCaller returns a caller; roots may be nil, for the system's.
func newCaller(address string, key secret.Value, timeout time.Duration, most int64, roots *tls.Config) caller {
	conf := &tls.Config{MinVersion: tls.VersionTLS12}
	if roots != nil {
		conf = roots.Clone()
	}
	dial := net.Dialer{Timeout: connectTimeout}
	return caller{url: address, key: key, timeout: timeout, most: most, client: &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, DialContext: dial.DialContext, TLSClientConfig: conf, ForceAttemptHTTP2: true,
			TLSHandshakeTimeout: connectTimeout, MaxResponseHeaderBytes: 64 << 10, IdleConnTimeout: time.Minute, MaxIdleConnsPerHost: 4,
		},
	}}
}

// close gives the idle connections up.
func (c caller) close() { c.client.CloseIdleConnections() }

// errStatus is an answer that is not 200.
type errStatus int

func (e errStatus) Error() string {
	if e >= 300 && e < 400 {
		return fmt.Sprintf("answered with status %d: redirects are not followed, configure the address that they lead to", int(e))
	}
	return fmt.Sprintf("answered with status %d", int(e))
}

// errTooBig says that an answer was not read to its end.
var errTooBig = errors.New("the answer is too large")

// post sends JSON, get asks with the user in the URL; each returns the body of a 200.
func (c caller) post(ctx context.Context, body []byte) ([]byte, error) {
	return c.call(ctx, http.MethodPost, c.url, body)
}

func (c caller) get(ctx context.Context, user string) ([]byte, error) {
	// A name that a server would take for a step up or down its tree would ask about something else.
	if user == "." || user == ".." {
		return nil, fmt.Errorf("user %q cannot stand in a URL", user)
	}
	return c.call(ctx, http.MethodGet, strings.ReplaceAll(c.url, userPlace, url.QueryEscape(user)), nil)
}

// userPlace is where a user's id stands in a URL or a key.
const userPlace = "{user}"

func (c caller) call(ctx context.Context, method, address string, body []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return nil, errors.New("the URL cannot be asked") // the error would show it
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "sttgate")
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/json")
	}
	if !c.key.Empty() {
		req.Header.Set("Authorization", "Bearer "+c.key.Reveal())
	}
	resp, err := c.client.Do(req)
	if err != nil {
		return nil, bare(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, errStatus(resp.StatusCode)
	}
	answer, err := io.ReadAll(io.LimitReader(resp.Body, c.most+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("the answer broke off: %w", bare(err))
	case int64(len(answer)) > c.most:
		return nil, fmt.Errorf("%w: more than %d bytes", errTooBig, c.most)
	}
	return answer, nil
}

// bare takes the URL off an error of the client's.
func bare(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}
