package config

import (
	"context"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// hang is how long a test waits for what must happen.
const hang = 2 * time.Minute

// short is how long a file that looks cut off is waited for, where that is not what a test is about.
const short = 50 * time.Millisecond

// watched is a stand that is watched; told has what became of each attempt.
type watched struct {
	*stand
	told chan error
	log  *lines
}

// lines is a log that may be read while it is written.
type lines struct {
	mu  sync.Mutex
	all strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.Write(p)
}

// watch begins to watch. Without looks of its own only what the system tells leads to a reload.
func watch(t *testing.T, s *stand, every, long time.Duration) *watched {
	t.Helper()
	w := &watched{stand: s, told: make(chan error, 100), log: &lines{}}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	dir := filepath.Dir(s.path)
	go func() {
		defer close(done)
		s.watch(ctx, &watcher{dir: dir, log: slog.New(slog.NewTextHandler(w.log, nil)), settle: 10 * time.Millisecond, long: long, every: every}, func() {
			if tried, _, err := s.look(func(Config) error { return nil }); tried {
				w.told <- err
			}
		})
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return w
}

// comes waits for an attempt.
func (w *watched) comes(ok bool) {
	w.t.Helper()
	select {
	case err := <-w.told:
		if (err == nil) != ok {
			w.t.Fatalf("the attempt came to %v", err)
		}
	case <-time.After(hang):
		w.t.Fatal("the change is not seen")
	}
}

// streams waits until a config with so many streams is in force. Attempts before are no matter: a file may be seen while it is written.
func (w *watched) streams(n int) {
	w.t.Helper()
	for end := time.After(hang); w.Now().Config.Proxy.Limits.Streams != n; {
		select {
		case <-w.told:
		case <-end:
			w.t.Fatalf("%d streams are not in force", n)
		}
	}
}

func numbered(n string) string { return "limits: {streams: " + n + "}\n" }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestAWatchSeesEveryWayInWhichAFileIsReplaced(t *testing.T) {
	for name, replace := range map[string]func(t *testing.T, file string){
		"written over": func(t *testing.T, file string) {
			must(t, os.WriteFile(file, []byte(numbered("6")), 0o600))
		},
		"renamed over, as editors do": func(t *testing.T, file string) {
			must(t, os.WriteFile(file+".swp", []byte(numbered("6")), 0o600))
			must(t, os.Rename(file+".swp", file))
		},
		"deleted and made again": func(t *testing.T, file string) {
			must(t, os.Remove(file))
			must(t, os.WriteFile(file, []byte(numbered("6")), 0o600))
		},
		"moved away and made again": func(t *testing.T, file string) {
			must(t, os.Rename(file, file+"~"))
			must(t, os.WriteFile(file, []byte(numbered("6")), 0o600))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := watch(t, newStand(t, numbered("5")), time.Hour, short)
			for range 2 { // and back, so that a watch that dies with the first change is found out
				replace(t, w.file)
				w.streams(6)
				must(t, os.WriteFile(w.file, []byte(numbered("5")), 0o600))
				w.streams(5)
			}
		})
	}
}

// TestAConfigMapIsFollowed swaps the link that a kubelet swaps.
func TestAConfigMapIsFollowed(t *testing.T) {
	dir := t.TempDir()
	mount := func(version, n string) {
		must(t, os.Mkdir(filepath.Join(dir, version), 0o700))
		must(t, os.WriteFile(filepath.Join(dir, version, "gate.yaml"), []byte(numbered(n)), 0o600))
		must(t, os.Symlink(version, filepath.Join(dir, "..data_tmp")))
		must(t, os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")))
	}
	mount("..2026_1", "5")
	must(t, os.Symlink("..data/gate.yaml", filepath.Join(dir, "gate.yaml")))
	s := &stand{t: t, file: filepath.Join(dir, "gate.yaml")}
	var err error
	if s.Live, err = Open(s.file, nil); err != nil {
		t.Fatal(err)
	}
	w := watch(t, s, time.Hour, short)
	mount("..2026_2", "6")
	must(t, os.RemoveAll(filepath.Join(dir, "..2026_1")))
	w.streams(6)
	mount("..2026_3", "7")
	w.streams(7)
}

func TestAFileThatIsBeingWrittenIsWaitedFor(t *testing.T) {
	s := newStand(t, numbered("10000"))
	w := watch(t, s, time.Hour, hang)
	f, err := os.Create(w.file) // empty for as long as this test likes: it would mean the defaults
	must(t, err)
	defer f.Close()
	_, err = io.WriteString(f, "limits: {streams: 100}") // a whole config, were there not more to come
	must(t, err)
	_, err = io.WriteString(f, "\nlog: {level: warn}\n")
	must(t, err)
	w.comes(true)
	if c := w.Now().Config; c.Proxy.Limits.Streams != 100 || c.Log.Level != "warn" {
		t.Errorf("in force are %d streams, level %s", c.Proxy.Limits.Streams, c.Log.Level)
	}
}

func TestABrokenFileIsToldOnceAndAGoodOneIsTaken(t *testing.T) {
	w := watch(t, newStand(t, numbered("5")), 5*time.Millisecond, short)
	w.write("limits: {streams: many}\n")
	w.comes(false)
	w.write("limits: {streams: 6}\n")
	w.comes(true)
	must(t, os.Remove(w.file))
	w.comes(false)
	if n := w.Now().Config.Proxy.Limits.Streams; n != 6 {
		t.Errorf("%d streams are in force", n)
	}
	w.write("limits: {streams: 7}\n")
	w.streams(7)
}

func TestAnEmptyFileIsNoConfigForAWatch(t *testing.T) {
	s := newStand(t, numbered("5"))
	s.write(" \n\n")
	if tried, _, err := s.look(s.apply); !tried || err == nil || !strings.Contains(err.Error(), "is empty") {
		t.Errorf("%v, %v", tried, err)
	}
	if s.Now().Config.Proxy.Limits.Streams != 5 || s.Last().Err == nil {
		t.Error("an empty file was taken for the defaults")
	}
	if _, err := s.Reload(ByAPI, s.apply); err != nil || s.Now().Config.Proxy.Limits.Streams != 10000 {
		t.Errorf("whoever asks for it gets it: %v", err)
	}
}

// TestADirectoryThatGoesAwayIsWatchedAgain also covers file systems that tell nothing: what is seen then is seen by looking.
func TestADirectoryThatGoesAwayIsWatchedAgain(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "conf")
	must(t, os.Mkdir(dir, 0o700))
	s := &stand{t: t, file: filepath.Join(dir, "gate.yaml")}
	s.write(numbered("5"))
	var err error
	if s.Live, err = Open(s.file, nil); err != nil {
		t.Fatal(err)
	}
	w := watch(t, s, 5*time.Millisecond, short)
	must(t, os.Rename(dir, dir+".old"))
	must(t, os.Mkdir(dir, 0o700))
	s.write(numbered("6"))
	w.streams(6)
	must(t, os.RemoveAll(dir))
	for end := time.Now().Add(hang); ; { // nobody can watch what is not there
		w.log.mu.Lock()
		said := strings.Contains(w.log.all.String(), "is not watched")
		w.log.mu.Unlock()
		if said {
			break
		}
		if time.Now().After(end) {
			t.Fatal("a directory that cannot be watched is not told")
		}
		<-time.After(time.Millisecond)
	}
	must(t, os.Mkdir(dir, 0o700))
	s.write(numbered("7"))
	w.streams(7)
	if got := w.log.all.String(); strings.Count(got, "is not watched") > strings.Count(got, "watched again")+1 {
		t.Errorf("it is said again and again:\n%s", got)
	}
}

// TestASecretBehindAFileIsFollowed: its file may lie anywhere, so nobody tells of it.
func TestASecretBehindAFileIsFollowed(t *testing.T) {
	key := filepath.Join(t.TempDir(), "key")
	must(t, os.WriteFile(key, []byte("CANARY-one"), 0o600))
	s := newStand(t, "providers: {deepgram: {key: \"file:"+key+"\"}}\n")
	if tried, _, _ := s.look(s.apply); tried {
		t.Error("nothing has changed, and it was loaded again")
	}
	w := watch(t, s, 5*time.Millisecond, short)
	must(t, os.WriteFile(key+".new", []byte("CANARY-two"), 0o600))
	must(t, os.Rename(key+".new", key))
	w.comes(true)
	if got := w.Now().Config.Proxy.Providers["deepgram"].Key.Reveal(); got != "CANARY-two" {
		t.Errorf("the key in force is not the new one")
	}
}

func TestWithoutAFileNothingIsWatched(t *testing.T) {
	l, err := Open("", []string{"STTGATE_LIMITS_STREAMS=5"})
	if err != nil {
		t.Fatal(err)
	}
	l.Watch(t.Context(), slog.New(slog.DiscardHandler), nil, nil) // returns at once
	if r, err := l.Reload(ByAPI, func(Config) error { return nil }); err != nil || len(r.Changes) != 0 {
		t.Errorf("%+v, %v", r, err)
	}
}
