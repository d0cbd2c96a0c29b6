package conformance

import (
	"bufio"
	"bytes"
	"context"
	"os/exec"
	"sync"
	"syscall"
)

// process is a child whose every line is kept.
type process struct {
	cmd   *exec.Cmd
	pipes sync.WaitGroup

	mu      sync.Mutex // guards what follows
	out     bytes.Buffer
	errs    bytes.Buffer
	changed chan struct{}
}

// launch starts a program; line is called with each line of its standard output or error.
func launch(cmd *exec.Cmd) (*process, error) {
	p := &process{cmd: cmd, changed: make(chan struct{})}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	keep := func(s *bufio.Scanner, into *bytes.Buffer) {
		s.Buffer(nil, 4<<20)
		for s.Scan() {
			p.mu.Lock()
			into.Write(append(s.Bytes(), '\n'))
			close(p.changed)
			p.changed = make(chan struct{})
			p.mu.Unlock()
		}
	}
	p.pipes.Go(func() { keep(bufio.NewScanner(stdout), &p.out) })
	p.pipes.Go(func() { keep(bufio.NewScanner(stderr), &p.errs) })
	return p, nil
}

// said is what it has written so far.
func (p *process) said() (out, errs []byte, changed <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return bytes.Clone(p.out.Bytes()), bytes.Clone(p.errs.Bytes()), p.changed
}

// until waits for what it writes to meet a condition.
func (p *process) until(ctx context.Context, ok func(out, errs []byte) bool) error {
	for {
		out, errs, changed := p.said()
		if ok(out, errs) {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// kill is kill -9.
func (p *process) kill() { _ = p.cmd.Process.Kill() } // it may have ended by itself

func (p *process) terminate() { _ = p.cmd.Process.Signal(syscall.SIGTERM) } // as above

// wait returns the exit code when it has ended; -1 for a signal.
func (p *process) wait() int {
	p.pipes.Wait()
	_ = p.cmd.Wait() // the code tells
	return p.cmd.ProcessState.ExitCode()
}
