//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// gatewayConf turns everything on that a gateway in front of Deepgram has on: the
// identity comes by header from a trusted peer, the budgets are the default ones and
// far from spent, the ledger writes to disk.
const gatewayConf = `
listen: %[2]s
admin: {listen: %[3]s}
providers:
  deepgram: {url: %[4]s, key: bench-key}
ledger: {store: embedded, path: %[1]s/ledger}
limits: {streams: 20000, idle_timeout: 10m}
log: {level: info, format: json}
`

func startGateway(l *lab, dir string, up upstream) (proxy, error) {
	bin, err := l.gatewayBinary()
	if err != nil {
		return proxy{}, err
	}
	addr, err := freeAddr()
	if err != nil {
		return proxy{}, err
	}
	admin, err := freeAddr()
	if err != nil {
		return proxy{}, err
	}
	conf := filepath.Join(dir, "sttgate.yaml")
	text := fmt.Sprintf(gatewayConf, dir, addr, admin, up.scheme()+"://"+up.addr)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		return proxy{}, err
	}
	return startProgram(dir, gatewayName, addr, syscall.SIGKILL, []string{"SSL_CERT_FILE=" + up.ca}, bin, "serve", "--config", conf)
}

// gatewayBinary builds the gateway on first use.
func (l *lab) gatewayBinary() (string, error) {
	if l.gateway != "" {
		return l.gateway, nil
	}
	l.say("building ./cmd/sttgate")
	bin := filepath.Join(l.dir, gatewayName)
	out, err := exec.CommandContext(l.context, "go", "build", "-o", bin, "./cmd/sttgate").CombinedOutput() //nolint:gosec // fixed words
	if err != nil {
		return "", fmt.Errorf("build of the gateway: %w\n%s(run bench from the repository's root, or name a binary with -sttgate)", err, out)
	}
	l.gateway = bin
	return bin, nil
}
