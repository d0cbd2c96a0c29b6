package notify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"
)

// postTimeout is the usual patience.
const postTimeout = 10 * time.Second

// poster sends bodies to one URL. It follows no redirects: who moved has to be configured anew.
type poster struct {
	url    string
	client *http.Client
	final  func(status int) bool // which answers refuse what was sent for good
	// patience bounds one attempt, and so how long Close may take.
	patience time.Duration
}

func newPoster(address string) poster {
	return poster{address, &http.Client{
		Transport:     &http.Transport{Proxy: http.ProxyFromEnvironment, MaxIdleConnsPerHost: 1, IdleConnTimeout: time.Minute, ForceAttemptHTTP2: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, notLater, postTimeout}
}

// post makes one attempt, which ctx's end does not cut short. Its errors do not show the URL: there may be a password in it.
func (p poster) post(ctx context.Context, body []byte, header http.Header) error {
	return p.postTo(ctx, p.url, body, header)
}

func (p poster) postTo(ctx context.Context, address string, body []byte, header http.Header) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), p.patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return errors.New("the URL is not one")
	}
	req.Header = header
	req.Header.Set("User-Agent", "sttgate")
	resp, err := p.client.Do(req)
	if err != nil {
		if shown := (*url.Error)(nil); errors.As(err, &shown) {
			err = shown.Err
		}
		return fmt.Errorf("no answer: %w", err)
	}
	defer resp.Body.Close()
	_, _ = io.CopyN(io.Discard, resp.Body, 64<<10) // so that the connection can be used again
	return p.answered(resp, time.Now())
}

// notLater is the usual meaning of an answer: what is the client's fault stays so, but for what asks to come again.
func notLater(code int) bool {
	again := []int{http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests}
	return code >= 400 && code < 500 && !slices.Contains(again, code)
}

// answered says what an answer means.
func (p poster) answered(resp *http.Response, now time.Time) error {
	code := resp.StatusCode
	if code >= 200 && code < 300 {
		return nil
	}
	err := fmt.Errorf("answer %d", code)
	if p.final(code) {
		return fmt.Errorf("%w: %w", err, ErrRefused)
	}
	if after := retryAfter(resp.Header.Get("Retry-After"), now); after > 0 {
		return &laterError{err, after}
	}
	return err
}

// retryAfter reads both forms, seconds and a date; anything else is none.
func retryAfter(s string, now time.Time) time.Duration {
	if n, err := strconv.Atoi(s); err == nil {
		return time.Duration(max(0, min(n, int(longestWish/time.Second)))) * time.Second
	}
	if at, err := http.ParseTime(s); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}

// Close lets go of the connection.
func (p poster) Close() error {
	p.client.CloseIdleConnections()
	return nil
}
