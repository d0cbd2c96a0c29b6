package config

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// Live is the config in force, and the one way in which another takes its place:
//
//	watch, signal, API ──► Reload ──► load, all faults ──► what only a start can change stays ──► apply ──► swap
//	                                     │ wrong                                                    │ no
//	                                     └──────────────► the old one stays in force ◄──────────────┘
//
// It is safe for concurrent use; reloads come one after the other.
type Live struct {
	path    string
	environ []string
	level   slog.LevelVar
	now     atomic.Pointer[State]
	last    atomic.Pointer[Attempt]

	mu    sync.Mutex  // one reload at a time; guards tried
	tried fingerprint // of what was read last, whatever came of it
}

// By is who has had a config loaded.
type By string

// All of them.
const (
	ByStart  By = "start"
	ByFile   By = "file" // it has changed
	BySignal By = "signal"
	ByAPI    By = "api"
)

// State is a config in force. It is never changed.
type State struct {
	Config  Config
	Sources Sources
	Hash    string    // Config.Hash
	Loaded  time.Time // when it was put into force
	By      By        // and by whom
	// Restart is what the file says otherwise and only a start can put into force: from what is in force to what is in the file.
	Restart []Change
}

// Attempt is a load, whatever came of it.
type Attempt struct {
	At  time.Time
	By  By
	Err error // nil: it is in force
}

// Reloaded is what a reload has done, or would do.
type Reloaded struct {
	Before, After string   // hashes; of an attempt that failed both are that of what stays in force
	Changes       []Change // that are in force now
	Restart       []Change // as State.Restart
}

// Open loads a config as Load does, and holds it.
func Open(path string, environ []string) (*Live, error) {
	l := &Live{path: path, environ: environ}
	before := l.fingerprint()
	c, s, err := Load(path, environ)
	if err != nil {
		return nil, err
	}
	l.store(&State{Config: c, Sources: s, Hash: c.Hash(), Loaded: time.Now(), By: ByStart})
	l.remember(before)
	return l, nil
}

// Now is the config in force.
func (l *Live) Now() *State { return l.now.Load() }

// Last is the last attempt to load.
func (l *Live) Last() Attempt { return *l.last.Load() }

// Path is the file, "" where there is none.
func (l *Live) Path() string { return l.path }

// Logger writes to w as the config says. Its level follows.
func (l *Live) Logger(w io.Writer) *slog.Logger { return l.Now().Config.Log.logger(w, &l.level) }

// store puts a state into force.
func (l *Live) store(s *State) {
	level, _ := s.Config.Log.level()
	l.level.Set(level)
	l.now.Store(s)
	l.last.Store(&Attempt{At: s.Loaded, By: s.By})
}

// Reload reads the file and the environment again and puts what they say into force: apply hands it to whoever does not ask Now. On an
// error, which is of type [Faults] where the file is to blame, everything stays as it was.
func (l *Live) Reload(by By, apply func(Config) error) (Reloaded, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.put(by, l.fingerprint(), apply)
}

// put is Reload where the lock is held. before was taken before the file is read: what changes from there on is seen by the next look.
func (l *Live) put(by By, before fingerprint, apply func(Config) error) (Reloaded, error) {
	l.tried = before
	next, r, err := l.prepare(Load(l.path, l.environ))
	if err == nil {
		err = apply(next.Config)
	}
	if err != nil {
		return l.refuse(by, err)
	}
	next.By = by
	l.store(next)
	l.remember(before)
	return r, nil
}

// refuse is the end of an attempt that failed.
func (l *Live) refuse(by By, err error) (Reloaded, error) {
	l.last.Store(&Attempt{At: time.Now(), By: by, Err: err})
	stays := l.Now().Hash
	return Reloaded{Before: stays, After: stays}, err
}

// remember takes what was read for known, with the files that its values are in.
func (l *Live) remember(before fingerprint) {
	l.tried = before
	if now := l.fingerprint(); now.file == before.file {
		l.tried = now
	}
}

// Check says what a reload would do if the file had these contents, and changes nothing.
func (l *Live) Check(contents []byte) (Reloaded, error) {
	if len(contents) > maxFile {
		return Reloaded{}, Faults{{At: Source{File: l.path}, What: fmt.Sprintf("is larger than %d bytes", maxFile)}}
	}
	_, r, err := l.prepare(load(l.path, contents, l.environ))
	return r, err
}

// prepare makes of a loaded config the one that can be put into force.
func (l *Live) prepare(loaded Config, sources Sources, err error) (*State, Reloaded, error) {
	if err != nil {
		return nil, Reloaded{}, err
	}
	now := l.Now()
	c := loaded.Keeping(now.Config)
	if err := l.fits(c, sources); err != nil {
		return nil, Reloaded{}, err
	}
	next := &State{Config: c, Sources: mixed(c, loaded, sources, now.Sources), Hash: c.Hash(), Loaded: time.Now()}
	next.Restart = Diff(c, loaded, next.Sources, sources)
	return next, Reloaded{Before: now.Hash, After: next.Hash, Changes: Diff(now.Config, c, now.Sources, next.Sources), Restart: next.Restart}, nil
}

// fits checks a config that is half the file's and half what it was.
func (l *Live) fits(c Config, sources Sources) error {
	var faults Faults
	for _, err := range flatten(c.Validate()) {
		key, what := "", err.Error()
		if m := faultLine.FindStringSubmatch(what); m != nil {
			key, what = m[1], m[2]
		}
		at := sources[key]
		if at.Default() {
			at = Source{File: l.path}
		}
		faults = append(faults, Fault{At: at, Key: key, What: what + " (until a restart: the file also changes what only a restart can)"})
	}
	if faults == nil {
		return nil
	}
	return faults.sorted()
}

// mixed are the sources of a config that is half loaded and half what it was.
func mixed(c, loaded Config, fresh, old Sources) Sources {
	theirs := map[string]string{}
	for _, e := range entriesOf(schema(loaded)) {
		theirs[e.path] = e.raw
	}
	out := Sources{}
	schema(c).leaves(func(n *node) {
		out[n.path] = fresh[n.path]
		if n.kind == list || n.kind == table {
			return
		}
		if was, ok := theirs[n.path]; !ok || was != raw(n) {
			out[n.path] = old[n.path]
		}
	})
	return out
}

// errBlank refuses a file that a watch finds without contents. An empty file means the defaults, and a file that is being
// written is empty, too, for a moment.
var errBlank = errors.New("is empty: taken for a file that is being written, so the old config stays (sttgate reload takes it as it is)")
