//go:build linux

package main

import (
	"net"
	"net/http/httputil"
	"net/url"
)

// reverseMain is net/http/httputil.ReverseProxy, which copies bytes both ways after the upgrade.
func reverseMain(args []string) error {
	return serveProxy(args, func(p goProxy, l net.Listener) error {
		u, err := url.Parse(p.http())
		if err != nil {
			return err
		}
		return handlerServer(l, &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(u) }})
	})
}
