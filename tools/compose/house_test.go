package compose

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"sync"
	"syscall"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
)

// house is what compose.yaml describes, as processes of this machine. Grafana is not among them: there is none to be had here.
type house struct {
	t               *testing.T
	project         *types.Project
	gateway, secret string
	at              map[string]string            // by service:port
	mounts          map[string]map[string]string // by service and path inside
	running         map[string]*process
}

type process struct {
	cmd  *exec.Cmd
	done chan struct{}
	mu   sync.Mutex
	said bytes.Buffer
}

func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.said.Write(b)
}

func (p *process) log() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.said.String()
}

func build(t *testing.T) *house {
	t.Helper()
	h := &house{
		t: t, project: load(t, home+"/compose.yaml"), gateway: absolute(t, gateway(t)), secret: "only-for-this-test",
		at: map[string]string{}, mounts: map[string]map[string]string{}, running: map[string]*process{},
	}
	for name, ports := range listens() {
		for _, port := range ports {
			h.at[name+":"+port] = "127.0.0.1:" + freePort(t)
		}
	}
	for name, s := range h.project.Services {
		if name != "grafana" {
			h.mount(s)
		}
	}
	return h
}

// command is a program in a container: what the service says it is, with args in place of its own where there are some.
func (h *house) command(name string, args ...string) *exec.Cmd {
	h.t.Helper()
	s, ok := h.project.Services[name]
	if !ok {
		h.t.Fatalf("compose.yaml has no service %s", name)
	}
	line, dir := args, ""
	if len(args) == 0 {
		line, dir = h.program(s)
		line = slices.Concat(line, s.Command, h.more(s))
	}
	for i, word := range line {
		line[i] = h.mapped(name, word)
	}
	cmd := exec.Command(line[0], line[1:]...) //nolint:gosec,noctx // compose.yaml's own; each has an end
	cmd.Dir = dir
	cmd.Env = []string{}
	for key, value := range s.Environment {
		if value != nil {
			cmd.Env = append(cmd.Env, key+"="+h.mapped(name, *value))
		}
	}
	return cmd
}

// run does docker compose exec, or a speaker's whole life.
func (h *house) run(name string, args ...string) (string, error) {
	h.t.Helper()
	out, err := h.command(name, args...).CombinedOutput()
	return string(out), err
}

// up starts a service when all that it waits for is healthy, and waits until it is, by its own health check.
func (h *house) up(name string) {
	h.t.Helper()
	if h.running[name] != nil {
		return
	}
	s := h.project.Services[name]
	for on := range s.DependsOn {
		h.up(on)
	}
	p := &process{cmd: h.command(name), done: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = p, p
	if err := p.cmd.Start(); err != nil {
		h.t.Fatalf("%s: %v", name, err)
	}
	h.running[name] = p
	go func() {
		defer close(p.done)
		_ = p.cmd.Wait() // its state tells
	}()
	h.t.Cleanup(func() {
		_ = p.cmd.Process.Kill() // most are stopped already
		<-p.done
		if h.t.Failed() {
			h.t.Logf("%s says:\n%s", name, p.log())
		}
	})
	until(h.t, name+" is not healthy", func() error {
		select {
		case <-p.done:
			h.t.Fatalf("%s has ended: %v", name, p.cmd.ProcessState)
		default:
		}
		check := s.HealthCheck.Test[1:]
		if out, err := h.run(name, slices.Clone(check)...); err != nil {
			return fmt.Errorf("%v: %w\n%s", check, err, out)
		}
		return nil
	})
}

// stop does docker compose stop, and waits.
func (h *house) stop(name string) *os.ProcessState {
	h.t.Helper()
	p := h.running[name]
	delete(h.running, name)
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		h.t.Fatal(err)
	}
	<-p.done
	return p.cmd.ProcessState
}
