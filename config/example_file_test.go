package config

import (
	"bytes"
	"os"
	"reflect"
	"strings"
	"testing"
)

const exampleFile = "../config.example.yaml"

func TestTheExampleFileHasEveryKeyWithItsDefaultAndAComment(t *testing.T) {
	c, s, err := Load(exampleFile, nil) // a key that does not exist is an error here
	if err != nil {
		t.Fatal(err)
	}
	if want := Default(); !reflect.DeepEqual(c, want) {
		t.Errorf("the example says\n%+v\nthe code says\n%+v", c, want)
	}
	data, err := os.ReadFile(exampleFile)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(data), "\n")
	schema(Default()).leaves(func(n *node) {
		at := s[n.path]
		if at.Default() {
			t.Errorf("%s is not in the example", n.path)
			return
		}
		if n.kind == list {
			return // its items carry the comments
		}
		if line := lines[at.Line-1]; !strings.Contains(line, " # ") || !strings.Contains(line, n.name+":") {
			t.Errorf("line %d: %s has no comment: %s", at.Line, n.path, line)
		}
	})
}

func TestTheExampleTestNoticesAMissingKey(t *testing.T) {
	data, err := os.ReadFile(exampleFile)
	if err != nil {
		t.Fatal(err)
	}
	cut := bytes.Replace(data, []byte("  max_streams: 0"), []byte("  # max_streams: 0"), 1)
	_, s, err := load("cut", cut, nil)
	if err != nil || bytes.Equal(cut, data) || !s["providers.deepgram.max_streams"].Default() {
		t.Errorf("a key that is commented out counts as present: %v", err)
	}
}
