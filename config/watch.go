package config

import (
	"bytes"
	"context"
	"crypto/sha256"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
)

// Watch times.
const (
	// settle is for how long a file has to stay as it is: whoever writes one does not do it at once.
	settle = 250 * time.Millisecond
	// settleLong is the same for a file that looks cut off: its last line has no end.
	settleLong = 2 * time.Second
	// lookEvery is how often the file is looked at whether or not anybody says that it has changed: not every file system
	// does, and secrets behind file: lie anywhere.
	lookEvery = 5 * time.Second
)

// Watch puts the file into force whenever it has changed, until ctx ends, and tells of each attempt. It watches the
// file's directory, as the file itself may be replaced (an editor's rename, the swapped link of a ConfigMap), and looks
// by itself every few seconds, so that neither a directory that goes away nor a system without notifications hides a change.
func (l *Live) Watch(ctx context.Context, log *slog.Logger, apply func(Config) error, tell func(Reloaded, error)) {
	l.watch(ctx, &watcher{dir: filepath.Dir(l.path), log: log, settle: settle, long: settleLong, every: lookEvery}, func() {
		if tried, r, err := l.look(apply); tried {
			tell(r, err)
		}
	})
}

func (l *Live) watch(ctx context.Context, w *watcher, changed func()) {
	if l.path == "" {
		return
	}
	defer w.close()
	w.ensure()
	again := time.NewTicker(w.every)
	defer again.Stop()
	due := time.NewTimer(0) // something may have changed since it was loaded
	soon := true            // due comes within settle
	var last fingerprint    // what was found new
	var since time.Time     // zero: nothing is
	for {
		select {
		case <-ctx.Done():
			return
		case _, ok := <-w.events():
			if !ok {
				w.close()
			}
		case err := <-w.lost(): // which ones does not matter
			w.log.Debug("changes in the config's directory were not told", slog.Any("error", err))
		case <-again.C:
			w.ensure()
		case <-due.C:
			soon = false
			f := l.fingerprint()
			switch {
			case l.known(f):
				since = time.Time{}
			case since.IsZero() || f.sum != last.sum:
				last, since = f, time.Now()
				due.Reset(w.pause(f))
			case time.Since(since) < w.pause(f):
				due.Reset(w.pause(f) - time.Since(since))
			default:
				since = time.Time{}
				changed()
			}
			continue
		}
		if !soon {
			soon = true
			due.Reset(w.settle)
		}
	}
}

// look reloads what has changed since the last attempt.
func (l *Live) look(apply func(Config) error) (tried bool, r Reloaded, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f := l.fingerprint()
	if f.sum == l.tried.sum {
		return false, Reloaded{}, nil // somebody else was faster
	}
	if f.blank {
		l.tried = f
		err = Faults{{At: Source{File: l.path}, What: errBlank.Error()}}
		r, err = l.refuse(ByFile, err)
		return true, r, err
	}
	r, err = l.put(ByFile, f, apply)
	return true, r, err
}

func (l *Live) known(f fingerprint) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.tried.sum == f.sum
}

// fingerprint is of everything that a load reads: the file, and the files that its values are in.
type fingerprint struct {
	sum   [sha256.Size]byte
	file  [sha256.Size]byte // of the file alone
	blank bool              // the file is there, and has no contents
	whole bool              // its last line has an end
}

func (l *Live) fingerprint() fingerprint {
	var f fingerprint
	sum := sha256.New()
	data, err := readFile(l.path)
	if err != nil {
		data = []byte(err.Error())
	}
	f.blank = err == nil && len(bytes.TrimSpace(data)) == 0
	f.whole = err == nil && bytes.HasSuffix(data, []byte("\n")) && !f.blank
	sum.Write(data)
	sum.Sum(f.file[:0])
	for _, path := range l.referenced() {
		content, err := readShort(path)
		if err != nil {
			content = err.Error()
		}
		sum.Write([]byte("\x00" + path + "\x00" + content))
	}
	sum.Sum(f.sum[:0])
	return f
}

// referenced are the files that values of the config in force are in.
func (l *Live) referenced() []string {
	now := l.Now()
	if now == nil {
		return nil
	}
	var out []string
	for _, at := range now.Sources {
		if path, ok := strings.CutPrefix(at.Via, "file:"); ok {
			out = append(out, path)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// watcher is told what happens in a directory. It gets over a directory that goes away and comes back, and over a system that has no
// watches left: whoever has it looks by himself, too.
type watcher struct {
	dir                 string
	log                 *slog.Logger
	settle, long, every time.Duration

	fs     *fsnotify.Watcher // nil: nobody tells
	info   os.FileInfo       // of the directory that fs watches
	silent bool              // that nobody tells has been said
}

func (w *watcher) pause(f fingerprint) time.Duration {
	if f.whole {
		return w.settle
	}
	return w.long
}

func (w *watcher) events() <-chan fsnotify.Event {
	if w.fs == nil {
		return nil
	}
	return w.fs.Events
}

func (w *watcher) lost() <-chan error {
	if w.fs == nil {
		return nil
	}
	return w.fs.Errors
}

// ensure watches the directory that is at the path now.
func (w *watcher) ensure() {
	info, err := os.Stat(w.dir)
	if w.fs != nil && err == nil && os.SameFile(info, w.info) && len(w.fs.WatchList()) > 0 {
		return
	}
	w.close()
	if err == nil {
		w.fs, err = fsnotify.NewWatcher()
	}
	if err == nil {
		w.info, err = info, w.fs.Add(w.dir)
	}
	switch {
	case err != nil:
		w.close()
		if !w.silent {
			w.log.Warn("the config's directory is not watched; it is looked at from time to time", slog.String("dir", w.dir), slog.Any("error", err))
		}
		w.silent = true
	case w.silent:
		w.log.Info("the config's directory is watched again", slog.String("dir", w.dir))
		w.silent = false
	}
}

func (w *watcher) close() {
	if w.fs != nil {
		_ = w.fs.Close() // it has nothing to lose
		w.fs = nil
	}
}
