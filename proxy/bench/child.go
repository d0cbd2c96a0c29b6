//go:build linux

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// child is a process that bench started and will end.
type child struct {
	name string
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  *bufio.Reader
	log  string        // file of its stderr
	gone chan struct{} // closed when the process is
}

// patience bounds every wait for a child; the longest thing one does is opening 10 000 streams.
const patience = 3 * time.Minute

// start starts a program that dies by sig when bench dies. Its stdin and stdout are the control channel.
func start(dir, name string, sig syscall.Signal, env []string, argv ...string) (*child, error) {
	logName := filepath.Join(dir, name+".log")
	log, err := os.OpenFile(logName, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }()
	c := &child{name: name, cmd: exec.Command(argv[0], argv[1:]...), log: logName, gone: make(chan struct{})} //nolint:gosec,noctx // programs of this run; ended by close
	c.cmd.Env = append(os.Environ(), env...)
	c.cmd.Stderr = log
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: sig}
	c.in, err = c.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	// A pipe of our own: exec's closes when the process ends, perhaps before its last line is read.
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	c.cmd.Stdout, c.out = w, bufio.NewReader(r)
	err = c.cmd.Start()
	_ = w.Close()
	if err != nil {
		_ = r.Close()
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() {
		_ = c.cmd.Wait() // how it ended is in its log, and in what the run got from it
		close(c.gone)
	}()
	return c, nil
}

// startRole starts this binary in a role and waits until it is up.
func startRole(dir, role string, env []string, args ...string) (*child, string, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, "", err
	}
	c, err := start(dir, role, syscall.SIGKILL, env, append([]string{self, role}, args...)...)
	if err != nil {
		return nil, "", err
	}
	var h hello
	if err := c.hear(&h); err != nil {
		c.close()
		return nil, "", err
	}
	return c, h.Addr, nil
}

// ask sends a command and reads its answer.
func (c *child) ask(answer any, format string, args ...any) error {
	if _, err := fmt.Fprintf(c.in, format+"\n", args...); err != nil {
		return c.failed(err)
	}
	return c.hear(answer)
}

// hear reads one line. A child that says nothing for long is killed, which ends the read.
func (c *child) hear(v any) error {
	timer := time.AfterFunc(patience, func() { _ = c.cmd.Process.Kill() })
	defer timer.Stop()
	line, err := c.out.ReadBytes('\n')
	if err != nil {
		return c.failed(err)
	}
	if err := json.Unmarshal(line, v); err != nil {
		return c.failed(fmt.Errorf("%q: %w", line, err))
	}
	return nil
}

// failed adds the end of what the child wrote to stderr: that is where the cause is.
func (c *child) failed(err error) error {
	select {
	case <-c.gone:
	case <-time.After(time.Second):
	}
	return fmt.Errorf("%s: %w%s", c.name, err, tail(c.log))
}

func tail(file string) string {
	b, err := os.ReadFile(file) //nolint:gosec // the log of a child of this run
	if err != nil || len(b) == 0 {
		return ""
	}
	return "; its log ends:\n" + string(bytes.TrimSpace(b[max(0, len(b)-2000):]))
}

// close ends the child and waits until it is gone: politely by the end of its stdin
// and the signal it was started with, then by force.
func (c *child) close() {
	_ = c.in.Close()
	_ = c.cmd.Process.Signal(c.cmd.SysProcAttr.Pdeathsig)
	select {
	case <-c.gone:
	case <-time.After(5 * time.Second):
		_ = c.cmd.Process.Kill()
		<-c.gone
	}
}
