package notify

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func fileConfig(t *testing.T) EventsConfig {
	t.Helper()
	return EventsConfig{File: filepath.Join(t.TempDir(), "usage.jsonl"), FileBytes: 1 << 20, FileKeep: 3}
}

func newFile(t *testing.T, c EventsConfig) *File {
	t.Helper()
	f, err := NewFile(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func take(t *testing.T, f *File, ids ...string) {
	t.Helper()
	var ms []Message
	for _, id := range ids {
		ms = append(ms, note(ToFile, id))
	}
	if n, err := f.Take(t.Context(), ms); n != len(ms) || err != nil {
		t.Fatalf("%d taken, %v", n, err)
	}
}

// ids are those in a file, "" for none.
func ids(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		return ""
	}
	var out []string
	for line := range bytes.Lines(text) {
		var e struct{ ID string }
		if err := json.Unmarshal(line, &e); err != nil || line[len(line)-1] != '\n' {
			t.Fatalf("%v: %q", err, line)
		}
		out = append(out, e.ID)
	}
	return strings.Join(out, " ")
}

func TestAFileHasALineForEachEventAndIsNobodyElses(t *testing.T) {
	c := fileConfig(t)
	f := newFile(t, c)
	take(t, f, "a", "b")
	take(t, f, "c")
	f.Close()
	take(t, newFile(t, c), "d")
	info, err := os.Stat(c.File)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info.Mode(), err)
	}
	if got := ids(t, c.File); got != "a b c d" {
		t.Error(got)
	}
}

func TestATornLineIsCutOff(t *testing.T) {
	for name, torn := range map[string]string{"in its middle": `{"id":"x","da`, "at its end": `{"id":"x"}`, "at its beginning": `{`} {
		for _, before := range []string{"", "{\"id\":\"a\"}\n"} {
			t.Run(name, func(t *testing.T) {
				c := fileConfig(t)
				if err := os.WriteFile(c.File, []byte(before+torn), 0o600); err != nil {
					t.Fatal(err)
				}
				take(t, newFile(t, c), "b")
				if got := ids(t, c.File); strings.TrimPrefix(got, "a ") != "b" || strings.HasPrefix(got, "a") != (before != "") {
					t.Error(got)
				}
			})
		}
	}
}

func TestAFileThatIsAnothersIsNotTouched(t *testing.T) {
	for name, text := range map[string]string{
		"without a line's end": "password", "large": strings.Repeat("x", tornMost+1), "of one endless event": "{" + strings.Repeat("x", tornMost),
	} {
		t.Run(name, func(t *testing.T) {
			c := fileConfig(t)
			if err := os.WriteFile(c.File, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := NewFile(c); err == nil || !strings.Contains(err.Error(), "another file") {
				t.Error(err)
			}
			if got, _ := os.ReadFile(c.File); string(got) != text {
				t.Error("it was changed")
			}
		})
	}
	if _, err := NewFile(EventsConfig{File: t.TempDir()}); err == nil {
		t.Error("a directory")
	}
	if _, err := NewFile(EventsConfig{File: "/dev/null"}); err == nil {
		t.Error("a device")
	}
	if _, err := NewFile(EventsConfig{File: filepath.Join(t.TempDir(), "no", "usage.jsonl")}); err == nil {
		t.Error("a directory that is not there")
	}
}

func TestAFileThatIsFullBecomesAnOldOneAndTheOldestGoes(t *testing.T) {
	c := fileConfig(t)
	c.FileBytes = 2 * int64(len(note("", "0").Body)+1)
	f := newFile(t, c)
	for n := range 10 {
		take(t, f, fmt.Sprint(n))
	}
	want := map[string]string{"": "8 9", ".1": "6 7", ".2": "4 5", ".3": "2 3", ".4": ""}
	for suffix, want := range want {
		if got := ids(t, c.File+suffix); got != want {
			t.Errorf("%q has %q, want %q", suffix, got, want)
		}
	}
	take(t, f, "large", "larger") // more than a file may have, and no other can take it
	if got := ids(t, c.File); got != "large larger" {
		t.Error(got)
	}
}

// TestACrashWhileFilesAreRenamedLosesNone leaves out a number, as such a crash does.
func TestACrashWhileFilesAreRenamedLosesNone(t *testing.T) {
	c := fileConfig(t)
	c.FileBytes = 1
	for name, id := range map[string]string{"": "new", ".1": "old", ".3": "oldest"} {
		if err := os.WriteFile(c.File+name, []byte(`{"id":"`+id+"\"}\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	take(t, newFile(t, c), "x")
	for suffix, want := range map[string]string{"": "x", ".1": "new", ".2": "old", ".3": "oldest"} {
		if got := ids(t, c.File+suffix); got != want {
			t.Errorf("%q has %q, want %q", suffix, got, want)
		}
	}
}

func TestAFileThatFailsIsOpenedAgain(t *testing.T) {
	f := newFile(t, fileConfig(t))
	take(t, f, "a")
	f.f.Close() // as a disk that fails
	if n, err := f.Take(t.Context(), []Message{note("", "b")}); n != 0 || err == nil {
		t.Errorf("%d taken, %v", n, err)
	}
	take(t, f, "b")
	if got := ids(t, f.name); got != "a b" {
		t.Error(got)
	}
	if err := f.Close(); err != nil || f.Close() != nil {
		t.Error(err)
	}
}

// TestWhatIsLeftIsInTheFileWhenTheGatewayHasEnded appends and closes at once.
func TestWhatIsLeftIsInTheFileWhenTheGatewayHasEnded(t *testing.T) {
	c := fileConfig(t)
	box := open(t, t.TempDir(), Options{}, newFile(t, c))
	var want []string
	var ms []Message
	for n := range 3 * someMessages {
		want = append(want, fmt.Sprint(n))
		ms = append(ms, note(ToFile, fmt.Sprint(n)))
	}
	if err := box.Append(ms...); err != nil {
		t.Fatal(err)
	}
	if err := box.Close(); err != nil {
		t.Fatal(err)
	}
	if got := ids(t, c.File); got != strings.Join(want, " ") {
		t.Error(got)
	}
}

// FuzzTornFile opens whatever a crash, or somebody, has left: what is kept are whole lines, and all of them.
func FuzzTornFile(f *testing.F) {
	f.Add([]byte("{\"id\":\"a\"}\n{\"id"))
	f.Add([]byte("a\n"))
	f.Add([]byte(nil))
	f.Fuzz(func(t *testing.T, text []byte) {
		c := EventsConfig{File: filepath.Join(t.TempDir(), "f"), FileBytes: 1 << 30, FileKeep: 1}
		if err := os.WriteFile(c.File, text, 0o600); err != nil {
			t.Fatal(err)
		}
		file, err := NewFile(c)
		got, rerr := os.ReadFile(c.File)
		if rerr != nil {
			t.Fatal(rerr)
		}
		if err != nil {
			if !bytes.Equal(got, text) {
				t.Error("a file that is another's was changed")
			}
			return
		}
		if err := file.Close(); err != nil {
			t.Error(err)
		}
		if want := text[:bytes.LastIndexByte(text, '\n')+1]; !bytes.Equal(got, want) || file.size != 0 && int(file.size) != len(want) {
			t.Errorf("%q is left of %q", got, text)
		}
	})
}
