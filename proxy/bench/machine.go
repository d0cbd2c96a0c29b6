//go:build linux

package main

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// machine says where and with what a run was made.
type machine struct {
	Date    string `json:"date"`
	Cores   int    `json:"cores"`
	CPU     string `json:"cpu"`
	Kernel  string `json:"kernel"`
	Go      string `json:"go"`
	Gorilla string `json:"gorilla"`
	Nginx   string `json:"nginx"`
	Window  string `json:"window"`
	Rounds  int    `json:"rounds"`
}

func thisMachine(o options) machine {
	m := machine{
		Date: time.Now().UTC().Format(time.DateOnly), Cores: runtime.NumCPU(), CPU: cpuModel(),
		Go: runtime.Version(), Gorilla: "unknown", Nginx: nginxVersion(), Window: o.window.String(), Rounds: o.rounds,
	}
	var u unix.Utsname
	if unix.Uname(&u) == nil {
		// The kernel's own version; what a distribution or a cloud appends says nothing here.
		m.Kernel, _, _ = strings.Cut(unix.ByteSliceToString(u.Release[:]), "-")
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, d := range info.Deps {
			if d.Path == "github.com/gorilla/websocket" {
				m.Gorilla = d.Version
			}
		}
	}
	return m
}

func cpuModel() string {
	b, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "unknown"
	}
	for line := range strings.Lines(string(b)) {
		if k, v, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(k) == "model name" {
			return strings.TrimSpace(v)
		}
	}
	return runtime.GOARCH
}

func (m machine) String() string {
	return fmt.Sprintf("%s: %d cores (%s), Linux %s, %s, nginx %s, gorilla/websocket %s; windows of %s, %d rounds (idle streams: one), loopback",
		m.Date, m.Cores, m.CPU, m.Kernel, m.Go, m.Nginx, m.Gorilla, m.Window, m.Rounds)
}
