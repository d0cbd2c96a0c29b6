package main

import (
	"archive/tar"
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

func TestMain(m *testing.M) {
	flag.String("archive", "", "the archive to look at: .ci/image check builds it")
	flag.String("archs", "amd64 arm64", "what it is for")
	flag.Parse()
	os.Exit(m.Run())
}

// open unpacks the archive and finds the image's index in it.
func open(t *testing.T) v1.ImageIndex {
	t.Helper()
	name := flag.Lookup("archive").Value.String()
	if name == "" {
		t.Fatal("-archive names no file: run make image-check")
	}
	f, err := os.Open(name) //nolint:gosec // the script's own
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }() // opened for reading: closing loses nothing
	dir := t.TempDir()
	unpack(t, f, dir)
	at, err := layout.FromPath(dir)
	if err != nil {
		t.Fatal(err)
	}
	top, err := at.ImageIndex()
	if err != nil {
		t.Fatal(err)
	}
	m, err := top.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Manifests) != 1 {
		t.Fatalf("the archive has %d images, not one", len(m.Manifests))
	}
	index, err := top.ImageIndex(m.Manifests[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	return index
}

func unpack(t *testing.T, r io.Reader, dir string) (names []string) {
	t.Helper()
	for tr := tar.NewReader(r); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return names
		}
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, fmt.Sprintf("%s %o %d", h.Name, h.Mode, h.Uid))
		to := filepath.Join(dir, filepath.FromSlash(h.Name)) //nolint:gosec // our own archive
		if h.Typeflag == tar.TypeDir {
			if err := os.MkdirAll(to, 0o700); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(tr)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, content, os.FileMode(h.Mode)&0o777); err != nil { //nolint:gosec // the same
			t.Fatal(err)
		}
	}
}

func images(t *testing.T, index v1.ImageIndex) map[string]v1.Image {
	t.Helper()
	m, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]v1.Image{}
	for _, d := range m.Manifests {
		img, err := index.Image(d.Digest)
		if err != nil {
			t.Fatal(err)
		}
		out[d.Platform.Architecture] = img
	}
	return out
}

func TestArchiveIsAValidImageForEachArchitecture(t *testing.T) {
	index := open(t)
	if err := validate.Index(index); err != nil {
		t.Error(err)
	}
	if got := slices.Sorted(maps.Keys(images(t, index))); !slices.Equal(got, strings.Fields(flag.Lookup("archs").Value.String())) {
		t.Errorf("is for %v", got)
	}
	for arch, img := range images(t, index) {
		size, err := img.Size()
		if err != nil {
			t.Fatal(err)
		}
		layers, err := img.Layers()
		if err != nil {
			t.Fatal(err)
		}
		bytes, err := layers[0].Size()
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %.1f MiB to download (manifest %d bytes)", arch, float64(bytes)/(1<<20), size)
	}
}

func TestRootHasTheProgramAuthoritiesAndDataAndNothingElse(t *testing.T) {
	want := []string{"data/ 755 65532", "etc/ 755 0", "etc/ssl/ 755 0", "etc/ssl/certs/ 755 0", "etc/ssl/certs/ca-certificates.crt 644 0", "sttgate 755 0"}
	for arch, img := range images(t, open(t)) {
		if got := extract(t, img, t.TempDir()); !slices.Equal(got, want) {
			t.Errorf("%s has\n%s", arch, strings.Join(got, "\n"))
		}
	}
}

func extract(t *testing.T, img v1.Image, dir string) []string {
	t.Helper()
	layers, err := img.Layers()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, l := range layers {
		r, err := l.Uncompressed()
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, unpack(t, r, dir)...)
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return names
}

// What the image starts is started: as its config says, from an empty environment, on this machine. What is for
// another machine's processor runs in an emulator of it.
func TestProgramRunsOutOfTheImage(t *testing.T) {
	all := images(t, open(t))
	if len(all) == 0 {
		t.Fatal("the archive has no image")
	}
	for arch, img := range all {
		t.Run(arch, func(t *testing.T) {
			c, err := img.ConfigFile()
			if err != nil {
				t.Fatal(err)
			}
			root := t.TempDir()
			extract(t, img, root)
			env := []string{"STTGATE_LISTEN=127.0.0.1:" + freePort(t), "STTGATE_ADMIN_LISTEN=127.0.0.1:" + freePort(t), "STTGATE_LEDGER_PATH=" + filepath.Join(root, "data")}
			command := func(args ...string) *exec.Cmd {
				argv := append(emulator(t, arch), filepath.Join(root, c.Config.Entrypoint[0]))
				argv = append(argv, args...)
				cmd := exec.CommandContext(t.Context(), argv[0], argv[1:]...) //nolint:gosec // out of our own image
				cmd.Env = env
				return cmd
			}
			runs(t, c.Config, command)
			if arch == runtime.GOARCH {
				return // `make demo` does the main job
			}
			out, err := command("demo").CombinedOutput()
			if err != nil {
				t.Errorf("the demo: %v", err)
			}
			t.Logf("%s", out)
		})
	}
}

// emulator is what runs another architecture's programs: QEMU's user mode, Debian's package qemu-user.
func emulator(t *testing.T, arch string) []string {
	t.Helper()
	if arch == runtime.GOARCH {
		return nil
	}
	name := "qemu-" + map[string]string{"amd64": "x86_64", "arm64": "aarch64"}[arch]
	at, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("the image for %s cannot be run here: %v (Debian: qemu-user)", arch, err)
	}
	return []string{at}
}

// runs starts what the image starts, asks whether it is well, and stops it.
func runs(t *testing.T, image v1.Config, command func(args ...string) *exec.Cmd) {
	t.Helper()
	for _, args := range [][]string{{"version"}, {"check"}} {
		out, err := command(args...).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
		if args[0] == "version" {
			t.Logf("%s", bytes.TrimSpace(out))
		}
	}
	gate := command(image.Cmd...)
	log, err := gate.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := gate.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(log)
	ready := false
	for !ready && lines.Scan() {
		ready = strings.Contains(lines.Text(), `"msg":"ready"`)
	}
	if !ready {
		t.Fatalf("is not ready: %v", gate.Wait())
	}
	if out, err := command(image.Healthcheck.Test[2:]...).CombinedOutput(); err != nil {
		t.Errorf("the health check: %v\n%s", err, out)
	}
	if err := gate.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, log); err != nil { // until it has closed its log
		t.Fatal(err)
	}
	if err := gate.Wait(); err != nil {
		t.Errorf("does not stop as it should: %v", err)
	}
}

func freePort(t *testing.T) string {
	t.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }() // nobody connected
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// The Dockerfile is the other way to the same image.
func TestConfigIsTheDockerfiles(t *testing.T) {
	text, err := os.ReadFile("../../Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	_, last, ok := strings.Cut(string(text), "\nFROM scratch\n")
	if !ok {
		t.Fatal("the Dockerfile's last stage is not scratch")
	}
	last = strings.ReplaceAll(last, "\\\n", "")
	of := func(word string) string {
		return strings.Join(strings.Fields(regexp.MustCompile(`(?m)^` + word + ` (.*)$`).FindStringSubmatch(last)[1]), " ")
	}
	c := config(options{version: "${VERSION}", revision: "${REVISION}"})
	quoted := func(list []string) string {
		b, err := json.Marshal(list)
		if err != nil {
			t.Fatal(err)
		}
		return string(bytes.ReplaceAll(b, []byte(","), []byte(", ")))
	}
	labels := []string{}
	for _, k := range slices.Sorted(maps.Keys(c.Labels)) {
		labels = append(labels, fmt.Sprintf("%s=%q", k, c.Labels[k]))
	}
	said := regexp.MustCompile(`[a-z.]+="[^"]*"`).FindAllString(of("LABEL"), -1)
	slices.Sort(said)
	h := c.Healthcheck
	for word, pair := range map[string][2]string{
		"USER": {of("USER"), c.User}, "ENV": {of("ENV"), strings.Join(c.Env, " ")}, "EXPOSE": {of("EXPOSE"), ports(c.ExposedPorts)},
		"VOLUME": {of("VOLUME"), strings.Join(slices.Sorted(maps.Keys(c.Volumes)), " ")}, "ENTRYPOINT": {of("ENTRYPOINT"), quoted(c.Entrypoint)}, "CMD": {of("CMD"), quoted(c.Cmd)},
		"HEALTHCHECK": {of("HEALTHCHECK"), fmt.Sprintf("--interval=%s --timeout=%s --start-period=%s CMD %s", h.Interval, h.Timeout, h.StartPeriod, quoted(h.Test[1:]))},
		"LABEL":       {strings.Join(said, "\n"), strings.Join(labels, "\n")},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s: the Dockerfile says\n%s\nand make image\n%s", word, pair[0], pair[1])
		}
	}
}

func ports(m map[string]struct{}) string {
	return strings.ReplaceAll(strings.Join(slices.Sorted(maps.Keys(m)), " "), "/tcp", "")
}
