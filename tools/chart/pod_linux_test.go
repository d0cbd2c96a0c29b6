package chart

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/kubernetes/scheme"
)

// pod is one that is rendered, with the objects that it refers to.
type pod struct {
	corev1.PodSpec

	configMaps map[string]map[string]string
	secrets    map[string]map[string]string // the cluster's: none is in a rendering
}

// examplePod renders the example with the values that this machine needs: ports that are free, and a vendor that is none.
func examplePod(t *testing.T, vendor string, secrets map[string]map[string]string) *pod {
	t.Helper()
	values := map[string]any{"sttgate": map[string]any{
		"sidecar": map[string]any{"port": freePort(t), "adminPort": freePort(t)},
		"config":  map[string]any{"providers": map[string]any{"deepgram": map[string]any{"url": vendor}}},
	}}
	c, err := load(exampleDir)
	must(t, err)
	files, err := render(c, values, newest)
	must(t, err)
	p := &pod{configMaps: map[string]map[string]string{}, secrets: secrets}
	strict := serializer.NewCodecFactory(scheme.Scheme, serializer.EnableStrict).UniversalDeserializer()
	native, _ := manifests(files)
	for _, text := range bytes.Split([]byte(native), []byte("---\n"))[1:] {
		object, _, err := strict.Decode(text, nil, nil)
		must(t, err)
		switch o := object.(type) {
		case *appsv1.Deployment:
			p.PodSpec = o.Spec.Template.Spec
		case *corev1.ConfigMap:
			p.configMaps[o.Name] = o.Data
		}
	}
	return p
}

// container is one of the pod's by its name. The gateway has to be a native sidecar: an init container that runs on.
func (p *pod) container(t *testing.T, name string) corev1.Container {
	t.Helper()
	for _, c := range p.InitContainers {
		if c.Name == name && c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways {
			return c
		}
	}
	for _, c := range p.Containers {
		if c.Name == name {
			return c
		}
	}
	t.Fatalf("the pod has no container %s", name)
	return corev1.Container{}
}

// mount puts one of the pod's volumes at a path. An emptyDir is empty for each: a new pod.
func (p *pod) mount(t *testing.T, name, at string) {
	t.Helper()
	for _, v := range p.Volumes {
		switch {
		case v.Name != name:
		case v.ConfigMap != nil:
			swap(t, at, p.configMaps[v.ConfigMap.Name], 0o644)
			return
		case v.Projected != nil:
			files := map[string]string{}
			for _, s := range v.Projected.Sources {
				for _, item := range s.Secret.Items {
					value, ok := p.secrets[s.Secret.Name][item.Key]
					if !ok {
						t.Fatalf("volume %s wants the key %s of the Secret %s, and there is none", name, item.Key, s.Secret.Name)
					}
					files[item.Path] = value
				}
			}
			swap(t, at, files, os.FileMode(*v.Projected.DefaultMode))
			return
		case v.EmptyDir != nil:
			must(t, os.MkdirAll(at, 0o755))
			must(t, os.Chmod(at, 0o777))
			return
		default:
			t.Fatalf("volume %s is of a kind that this kubelet does not know", name)
		}
	}
	t.Fatalf("the pod has no volume %s", name)
}

// swap writes files as a kubelet does: into a directory of their own, which a link then points to, all at once.
func swap(t *testing.T, at string, files map[string]string, mode os.FileMode) {
	t.Helper()
	must(t, os.MkdirAll(at, 0o755))
	version, err := os.MkdirTemp(at, "..version_") //nolint:usetesting // beside the link, as a kubelet does
	must(t, err)
	must(t, os.Chmod(version, 0o755))
	for name, content := range files {
		must(t, os.WriteFile(filepath.Join(version, name), []byte(content), mode))
		link := filepath.Join(at, name)
		if _, err := os.Lstat(link); err != nil {
			must(t, os.Symlink(filepath.Join("..data", name), link))
		}
	}
	next := filepath.Join(at, "..data_tmp")
	must(t, os.Symlink(filepath.Base(version), next))
	must(t, os.Rename(next, filepath.Join(at, "..data")))
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer func() { _ = l.Close() }() // nobody connected
	a, ok := l.Addr().(*net.TCPAddr)
	if !ok {
		t.Fatal(fmt.Errorf("%v has no port", l.Addr()))
	}
	return a.Port
}
