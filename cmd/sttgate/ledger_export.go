package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/sttgate/sttgate/meter/ledger"
	"github.com/sttgate/sttgate/meter/ledger/dayfile"
)

// exported is the result for programs.
type exported struct {
	File    string `json:"file"`
	ID      string `json:"id"`
	Records int64  `json:"records"`
}

func (p *program) exportDay(ctx context.Context, m moving, path string) (err error) {
	cfg, err := p.load(m.config)
	if err != nil {
		return err
	}
	c := cfg.Ledger.WithDefaults()
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: there is such a file already; an export may be the only copy of a day, so none is written over", path)
	}
	store, err := openDay(c, true)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.close()) }()
	h := dayfile.NewHeader(c.Store, c.Timezone, time.Now())
	n, err := p.writeDay(ctx, store, h, path)
	if err != nil {
		return inUse(err)
	}
	if m.json {
		return p.printJSON(exported{File: path, ID: h.ID, Records: n})
	}
	return p.print("exported %d records to %s\n", n, path)
}

// writeDay writes beside the file and renames, so that what stands under its name is whole.
func (p *program) writeDay(ctx context.Context, store ledger.Mover, h dayfile.Header, path string) (n int64, err error) {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*.part") // mode 0600
	if err != nil {
		return 0, err
	}
	defer func() {
		if err != nil {
			_ = f.Close() // or it is closed already
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	w, err := dayfile.NewWriter(f, h)
	if err != nil {
		return 0, err
	}
	shown := newProgressOf(p.stderr, "export", -1, counted)
	err = store.Export(ctx, func(e ledger.Entry) error {
		if err := w.Write(e); err != nil {
			return err
		}
		shown.at(w.Entries())
		return nil
	})
	shown.done()
	if err != nil {
		return 0, err
	}
	if w.Entries() == 0 && h.Store == ledger.StoreRedis {
		return 0, errors.New("no ledger to export: the server has nothing under ledger.redis.prefix")
	}
	if err := errors.Join(w.Close(), f.Sync()); err != nil {
		return 0, err
	}
	if err := f.Close(); err != nil {
		return 0, err
	}
	return w.Entries(), os.Rename(f.Name(), path)
}
