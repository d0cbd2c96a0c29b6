package notify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// ToFile is the name of the sink of [NewFile].
const ToFile = "file"

// tornMost is how much behind the last whole line may be taken for a line that a crash has torn: an event is never that long.
const tornMost = 1 << 20

// File writes messages to a file, one to a line. What it has taken is on the disk. A file that would grow over its size becomes
// NAME.1, what was NAME.1 NAME.2, and so on; the oldest is removed.
type File struct {
	name string
	most int64 // bytes
	keep int   // old ones

	f    *os.File // nil: to be opened with the next message
	size int64
}

var (
	_ Sink      = (*File)(nil)
	_ io.Closer = (*File)(nil)
	_ prompt    = (*File)(nil)
)

// NewFile opens the file of a config that Validate has passed, or makes it, readable for nobody else. Its directory must be there.
func NewFile(c EventsConfig) (*File, error) {
	f := &File{name: c.File, most: c.FileBytes, keep: c.FileKeep}
	return f, f.open()
}

// Name is Sink.Name.
func (f *File) Name() string { return ToFile }

func (f *File) prompt() {}

// Take is Sink.Take. All of them or none: after an error what may have been written is written again, and known by its id.
func (f *File) Take(_ context.Context, ms []Message) (int, error) {
	var lines bytes.Buffer
	for _, m := range ms {
		lines.Write(m.Body) // JSON, compact: there is no line's end in it
		lines.WriteByte('\n')
	}
	if err := f.write(lines.Bytes()); err != nil {
		_ = f.Close() // the next one looks at what there is
		return 0, fmt.Errorf("events.file: %w", err)
	}
	return len(ms), nil
}

func (f *File) write(lines []byte) error {
	if f.f == nil {
		if err := f.open(); err != nil {
			return err
		}
	}
	if f.size > 0 && f.size+int64(len(lines)) > f.most {
		if err := f.rotate(); err != nil {
			return err
		}
	}
	n, err := f.f.Write(lines)
	f.size += int64(n)
	if err != nil {
		return err
	}
	return f.f.Sync()
}

// open goes on behind the last whole line: what stands there torn is in the outbox still, and comes again.
func (f *File) open() error {
	file, err := os.OpenFile(f.name, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	size, err := wholeLines(file)
	if err == nil {
		err = syncDirectory(f.name)
	}
	if err != nil {
		return errors.Join(err, file.Close())
	}
	f.f, f.size = file, size
	return nil
}

// wholeLines cuts a torn line off, and returns what is left.
func wholeLines(file *os.File) (int64, error) {
	info, err := file.Stat()
	if err != nil {
		return 0, err
	}
	if !info.Mode().IsRegular() {
		return 0, fmt.Errorf("%s is no file", file.Name())
	}
	size := info.Size()
	tail := make([]byte, min(size, tornMost))
	if _, err := file.ReadAt(tail, size-int64(len(tail))); err != nil {
		return 0, err
	}
	torn := int64(len(tail) - 1 - bytes.LastIndexByte(tail, '\n'))
	switch {
	case torn == 0:
		return size, nil
	case torn == tornMost, tail[int64(len(tail))-torn] != '{':
		return 0, fmt.Errorf("%s does not end with an event: it is another file", file.Name())
	}
	return size - torn, file.Truncate(size - torn)
}

// rotate begins another file. A crash in the middle leaves a number without a file, which the next time is filled first: nothing is
// removed too early.
func (f *File) rotate() error {
	if err := f.Close(); err != nil {
		return err
	}
	last := 1
	for ; last <= f.keep; last++ {
		if _, err := os.Lstat(f.old(last)); errors.Is(err, os.ErrNotExist) {
			break
		}
	}
	for n := min(last, f.keep); n > 0; n-- {
		if err := os.Rename(f.old(n-1), f.old(n)); err != nil {
			return err
		}
	}
	return f.open()
}

// old is the name of the n-th file; 0 is the one that is written to.
func (f *File) old(n int) string {
	if n == 0 {
		return f.name
	}
	return fmt.Sprintf("%s.%d", f.name, n)
}

// syncDirectory makes sure that a file that was made or renamed is there after a power cut.
func syncDirectory(name string) error {
	d, err := os.Open(filepath.Dir(name))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Close lets go of the file.
func (f *File) Close() error {
	if f.f == nil {
		return nil
	}
	file := f.f
	f.f = nil
	return file.Close()
}
