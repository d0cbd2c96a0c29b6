package compose

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
)

const (
	top  = "../.."
	home = top + "/charts/compose"
)

func TestMain(m *testing.M) {
	flag.String("gateway", "", "the program that the image has: make compose builds it")
	flag.Parse()
	os.Exit(m.Run())
}

func gateway(t *testing.T) string {
	t.Helper()
	exe := flag.Lookup("gateway").Value.String()
	if exe == "" {
		t.Fatal("-gateway names no program: run make compose")
	}
	return exe
}

// load reads compose files as an engine's client does, with all profiles.
func load(t *testing.T, files ...string) *types.Project {
	t.Helper()
	p, err := read(t.Context(), files...)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func read(ctx context.Context, files ...string) (*types.Project, error) {
	o, err := cli.NewProjectOptions(files, cli.WithProfiles([]string{"*"}), cli.WithDiscardEnvFile)
	if err != nil {
		return nil, err
	}
	return o.LoadProject(ctx)
}

// hang is when a test gives up. It is no goal.
const hang = 2 * time.Minute

// until asks again and again, and fails with the last answer.
func until(t *testing.T, what string, ask func() error) {
	t.Helper()
	look := time.NewTicker(100 * time.Millisecond)
	defer look.Stop()
	for end := time.Now().Add(hang); ; <-look.C {
		err := ask()
		if err == nil {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%s: %v", what, err)
		}
	}
}

func contents(t *testing.T, file string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.FromSlash(file))
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}
