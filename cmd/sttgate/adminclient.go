package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"github.com/sttgate/sttgate/config/secret"
)

// adminTimeout bounds one call of the admin API.
const adminTimeout = 10 * time.Second

// adminClient talks to a gateway's admin listener.
type adminClient struct {
	addr  string // host:port
	token secret.Value
}

// adminFlags say which gateway: the one that the config describes, or --admin.
type adminFlags struct{ config, addr string }

func (f *adminFlags) add(c *cobra.Command) {
	configFlag(c, &f.config)
	c.Flags().StringVar(&f.addr, "admin", "", "the admin listener's host:port (default: admin.listen of the config)")
}

// admin finds the admin listener of a gateway on this machine.
func (p *program) admin(f adminFlags) (adminClient, error) {
	cfg, err := p.load(f.config)
	if err != nil {
		return adminClient{}, err
	}
	addr := f.addr
	if addr == "" {
		addr = cfg.Admin.Listen
	}
	if addr, err = dialable(addr); err != nil {
		return adminClient{}, usagef("--admin: %v", err)
	}
	return adminClient{addr: addr, token: cfg.Admin.Token}, nil
}

// dialable turns an address to listen on into one to call: a listener on every
// address is reached over loopback.
func dialable(addr string) (string, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return "", err
	}
	ip, err := netip.ParseAddr(host)
	switch {
	case host == "" || err == nil && ip == netip.IPv4Unspecified():
		host = "127.0.0.1"
	case err == nil && ip == netip.IPv6Unspecified():
		host = "::1"
	}
	return net.JoinHostPort(host, port), nil
}

// call does one request below the admin listener; in and out may be nil.
func (a adminClient) call(ctx context.Context, method, path string, in, out any) error {
	return a.callWith(ctx, method, path, nil, in, out)
}

// callWith is call with headers of one's own.
func (a adminClient) callWith(ctx context.Context, method, path string, header http.Header, in, out any) error {
	ctx, cancel := context.WithTimeout(ctx, adminTimeout)
	defer cancel()
	var body bytes.Buffer
	if in != nil {
		if err := json.NewEncoder(&body).Encode(in); err != nil {
			return err
		}
	}
	req, err := a.request(ctx, method, path, &body)
	if err != nil {
		return err
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	maps.Copy(req.Header, header)
	return a.told(getJSON(req, out))
}

// told adds to an error what to do about it, where that is the same for every call.
func (a adminClient) told(err error) error {
	var answered *answerError
	var offline *net.OpError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &offline):
		return fmt.Errorf("no gateway answers operators at %s; start one, or say where it listens with --admin: %w", a.addr, err)
	case errors.As(err, &answered) && answered.code == http.StatusUnauthorized && a.token.Empty():
		return fmt.Errorf("admin API: %w; the config has no admin.token: name the gateway's own with --config, or set STTGATE_ADMIN_TOKEN", err)
	case errors.As(err, &answered) && answered.code == http.StatusUnauthorized:
		return fmt.Errorf("admin API: %w; the admin.token of the config is not that of the gateway", err)
	}
	return fmt.Errorf("admin API: %w", err)
}

// text reads what is not JSON.
func (a adminClient) text(ctx context.Context, path string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, adminTimeout)
	defer cancel()
	req, err := a.request(ctx, http.MethodGet, path, http.NoBody)
	if err != nil {
		return "", err
	}
	b, err := fetch(req)
	return string(b), a.told(err)
}

func (a adminClient) request(ctx context.Context, method, path string, body io.Reader) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://"+a.addr+path, body)
	if err != nil {
		return nil, err
	}
	if !a.token.Empty() {
		req.Header.Set("Authorization", "Bearer "+a.token.Reveal())
	}
	return req, nil
}

// userPath is the address of a user. An id may hold what a path must not.
func userPath(id, rest string) string { return "/admin/v1/users/" + url.PathEscape(id) + rest }
