package chart

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// entrypoint is the image's: the Dockerfile says so, and tools/image holds the archive against it.
const entrypoint = "/sttgate"

// guard is how long anything may take that has to happen; no goal.
const guard = 2 * time.Minute

// container is one of a rendered pod's, on this machine: a root that has the image's program and the pod's volumes and
// nothing else, the user, the command line, the environment and the probes that are rendered. A pod's network is this machine's loopback.
type container struct {
	t    *testing.T
	spec corev1.Container
	root string
	cmd  *exec.Cmd

	mu  sync.Mutex
	log bytes.Buffer
}

// create makes the container's root, as a kubelet would before it starts it for the first time.
func create(t *testing.T, p *pod, name string) *container {
	t.Helper()
	c := &container{t: t, spec: p.container(t, name), root: t.TempDir()}
	program, err := os.ReadFile(tool(t, "gateway"))
	must(t, err)
	must(t, os.WriteFile(filepath.Join(c.root, entrypoint), program, 0o755))
	for _, m := range c.spec.VolumeMounts {
		if m.SubPath != "" {
			t.Fatalf("%s is mounted with a subPath: a change of it would not be seen", m.MountPath)
		}
		p.mount(t, m.Name, filepath.Join(c.root, m.MountPath))
	}
	return c
}

// command is a process inside: the root is its own, and it is who the pod says.
func (c *container) command(ctx context.Context, argv ...string) *exec.Cmd {
	user, own := uint32(*c.spec.SecurityContext.RunAsUser), os.Getuid()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Env, cmd.Dir = c.environ(), "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: c.root, Credential: &syscall.Credential{Uid: user, Gid: user, NoSetGroups: own != 0}}
	if own != 0 { // whoever is not root may still have a root of their own, where they are somebody else
		cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: int(user), HostID: own, Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: int(user), HostID: os.Getgid(), Size: 1}}
	}
	return cmd
}

func (c *container) environ() (out []string) {
	for _, v := range c.spec.Env {
		if v.ValueFrom != nil {
			c.t.Fatalf("%s comes from what this kubelet does not know: %v", v.Name, v.ValueFrom)
		}
		out = append(out, v.Name+"="+v.Value)
	}
	return out
}

// start starts it and waits until its startup and then its readiness probe are content, as a kubelet does.
func (c *container) start() {
	c.t.Helper()
	argv := c.spec.Command
	if len(argv) == 0 {
		argv = []string{entrypoint}
	}
	c.cmd = c.command(context.Background(), append(argv, c.spec.Args...)...)
	c.cmd.Stderr = c
	must(c.t, c.cmd.Start())
	c.t.Cleanup(func() {
		c.kill()
		if c.t.Failed() {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.t.Logf("the gateway's log:\n%s", c.log.String())
		}
	})
	for name, probe := range map[string]*corev1.Probe{"startup": c.spec.StartupProbe, "readiness": c.spec.ReadinessProbe, "liveness": c.spec.LivenessProbe} {
		if probe == nil {
			c.t.Fatalf("the gateway has no %s probe", name)
		}
	}
	c.becomes("started", c.spec.StartupProbe)
	c.becomes("ready", c.spec.ReadinessProbe)
	c.becomes("alive", c.spec.LivenessProbe)
}

func (c *container) becomes(what string, probe *corev1.Probe) {
	c.t.Helper()
	until(c.t, "the gateway is "+what, func() error { return c.probe(probe) })
}

// probe asks once.
func (c *container) probe(p *corev1.Probe) error {
	ctx, cancel := context.WithTimeout(context.Background(), guard)
	defer cancel()
	switch {
	case p.Exec != nil:
		if out, err := c.command(ctx, p.Exec.Command...).CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w: %s", strings.Join(p.Exec.Command, " "), err, out)
		}
		return nil
	case p.HTTPGet != nil:
		return fmt.Errorf("%v is asked at the pod's address, where a sidecar does not listen", p.HTTPGet)
	}
	return errors.New("the probe asks nothing")
}

// exec is `kubectl exec`.
func (c *container) exec(argv ...string) string {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), guard)
	defer cancel()
	var faults bytes.Buffer
	cmd := c.command(ctx, argv...)
	cmd.Stderr = &faults
	out, err := cmd.Output()
	if err != nil {
		c.t.Fatalf("%s: %v: %s", strings.Join(argv, " "), err, faults.String())
	}
	return string(out)
}

// Write keeps its log.
func (c *container) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.log.Write(b)
}

// says looks for a word in its log.
func (c *container) says(word string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !bytes.Contains(c.log.Bytes(), []byte(word)) {
		return fmt.Errorf("the log does not have %q", word)
	}
	return nil
}

// kill is what comes when there is no grace left, and returns when the process is gone.
func (c *container) kill() {
	if c.cmd.ProcessState == nil {
		_ = c.cmd.Process.Kill() // it may have ended by itself
		_ = c.cmd.Wait()         // of the signal
	}
}

// stop ends a process as a kubelet does that has time.
func stop(t *testing.T, name string, cmd *exec.Cmd) {
	t.Helper()
	must(t, cmd.Process.Signal(syscall.SIGTERM))
	hang := time.AfterFunc(guard, func() { _ = cmd.Process.Kill() }) // the exit code tells
	defer hang.Stop()
	if err := cmd.Wait(); err != nil {
		t.Errorf("%s does not end well after SIGTERM: %v", name, err)
	}
}

// until repeats what may need a while.
func until(t *testing.T, what string, try func() error) {
	t.Helper()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for end := time.Now().Add(guard); ; <-again.C {
		err := try()
		if err == nil {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("wanted: %s; but %v", what, err)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// status asks for an address that has to answer with 200.
func status(url string) error {
	client := http.Client{Timeout: guard, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get(url)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return errors.New(resp.Status)
	}
	return nil
}
