package compose

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/mattn/go-shellwords"
)

// typed are the lines of docs/laptop.md that begin with docker compose, as words behind it.
func typed(t *testing.T) (lines [][]string) {
	t.Helper()
	for i, block := range strings.Split(contents(t, top+"/docs/laptop.md"), "```") {
		if i%2 == 0 || !strings.HasPrefix(block, "sh\n") {
			continue
		}
		for line := range strings.Lines(block) {
			rest, ok := strings.CutPrefix(line, "docker compose ")
			if !ok {
				continue
			}
			words, err := shellwords.Parse(rest)
			if err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			lines = append(lines, words)
		}
	}
	return lines
}

// inside are the commands that the page runs in a container of the gateway: TestTheHouseAtWork runs them.
func inside(t *testing.T) (commands [][]string) {
	t.Helper()
	for _, words := range typed(t) {
		if words[0] == "exec" {
			commands = append(commands, words[2:])
		}
	}
	return commands
}

func TestThePageNamesWhatThereIs(t *testing.T) {
	p := load(t, home+"/compose.yaml")
	lines := typed(t)
	if len(lines) < 10 {
		t.Fatalf("the page has %d commands", len(lines))
	}
	for _, words := range lines {
		line := strings.Join(words, " ")
		for len(words) > 1 && strings.HasPrefix(words[0], "--") {
			switch words[0] {
			case "--file":
				if _, err := os.Stat(filepath.Join(home, words[1])); err != nil {
					t.Errorf("%s: %v", line, err)
				}
			case "--profile":
				if words[1] != "traffic" {
					t.Errorf("%s: there is no such profile", line)
				}
			default:
				t.Errorf("%s: what is %s?", line, words[0])
			}
			words = words[2:]
		}
		if !slices.Contains([]string{"up", "down", "exec", "logs", "stop", "start"}, words[0]) {
			t.Errorf("%s: what does it do?", line)
		}
		if slices.Contains([]string{"exec", "logs", "stop", "start"}, words[0]) {
			service := words[1]
			if words[0] == "logs" {
				service = words[len(words)-1]
			}
			if _, ok := p.Services[service]; !ok {
				t.Errorf("%s: there is no service %s", line, service)
			}
		}
	}
	var published []string
	for _, s := range p.Services {
		for _, port := range s.Ports {
			published = append(published, "http://"+port.HostIP+":"+port.Published)
		}
	}
	for _, url := range regexp.MustCompile(`http://127[0-9.:]+`).FindAllString(contents(t, top+"/docs/laptop.md"), -1) {
		if !slices.Contains(published, url) {
			t.Errorf("nothing is at %s", url)
		}
	}
}
