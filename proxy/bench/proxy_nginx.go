//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"syscall"
)

// nginxConf is plain upgrade proxying. TLS to the vendor is verified, as every Go
// contender does; TLS 1.3 is named because nginx before 1.23.4 leaves it out.
const nginxConf = `
daemon off;
worker_processes %[6]s;
pid %[1]s/nginx.pid;
error_log stderr warn;
user root;
events { worker_connections 32768; }
http {
  access_log off;
  client_body_temp_path %[1]s/body; proxy_temp_path %[1]s/proxy;
  fastcgi_temp_path %[1]s/fastcgi; uwsgi_temp_path %[1]s/uwsgi; scgi_temp_path %[1]s/scgi;
  server {
    listen %[2]s backlog=4096;
    location / {
      proxy_pass %[3]s://%[4]s;
      proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection "upgrade";
      proxy_buffer_size 16k;
      proxy_buffers 8 16k;
      proxy_read_timeout 1h;
      proxy_send_timeout 1h;
      proxy_socket_keepalive on;
      proxy_ssl_protocols TLSv1.2 TLSv1.3;
      proxy_ssl_verify on;
      proxy_ssl_trusted_certificate %[5]s;
      proxy_ssl_server_name on;
      proxy_ssl_name localhost;
    }
  }
}
`

func startNginx(workers string) func(*lab, string, upstream) (proxy, error) {
	return func(_ *lab, dir string, up upstream) (proxy, error) {
		bin, err := findNginx()
		if err != nil {
			return proxy{}, err
		}
		addr, err := freeAddr()
		if err != nil {
			return proxy{}, err
		}
		conf := filepath.Join(dir, "nginx.conf")
		text := fmt.Sprintf(nginxConf, dir, addr, up.scheme(), up.addr, up.ca, workers)
		if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
			return proxy{}, err
		}
		// The master passes SIGTERM on to its workers; SIGKILL would orphan them.
		return startProgram(dir, "nginx", addr, syscall.SIGTERM, nil, bin, "-p", dir, "-c", conf, "-e", "stderr")
	}
}

// needNginx installs it where that takes no questions: as root, on Debian.
func (l *lab) needNginx() error {
	_, err := findNginx()
	if err == nil {
		return nil
	}
	apt, aptErr := exec.LookPath("apt-get")
	if aptErr != nil || os.Geteuid() != 0 {
		return err
	}
	l.say("installing nginx-light")
	cmd := exec.CommandContext(l.context, apt, "install", "-y", "--no-install-recommends", "nginx-light") //nolint:gosec // fixed words
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	if out, aptErr := cmd.CombinedOutput(); aptErr != nil {
		return fmt.Errorf("%w (tried: %w: %s)", err, aptErr, out)
	}
	_, err = findNginx()
	return err
}

// findNginx looks where Debian puts it too: sbin is not on every user's path.
func findNginx() (string, error) {
	for _, name := range []string{"nginx", "/usr/sbin/nginx", "/usr/local/sbin/nginx"} {
		if p, err := exec.LookPath(name); err == nil {
			return p, nil
		}
	}
	return "", errors.New("nginx is not installed: run `apt-get update && apt-get install nginx-light` as root, or leave it out with -proxies sttgate,relay,reverse,gorilla,tcp")
}

// nginxVersion is "1.22.1", or why there is none.
func nginxVersion() string {
	bin, err := findNginx()
	if err != nil {
		return "not installed"
	}
	out, err := exec.Command(bin, "-v").CombinedOutput() //nolint:gosec,noctx // prints a line and ends
	if m := regexp.MustCompile(`nginx/(\S+)`).FindSubmatch(out); err == nil && m != nil {
		return string(m[1])
	}
	return "unknown"
}
