package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
)

// maxReferenced is the largest file that a value may be read from, in bytes: a
// mistaken path to a log or a device must not fill the memory.
const maxReferenced = 64 << 10

// follow reads a value from where it points: "env:NAME" from the environment,
// "file:PATH" from a regular file, relative to the working directory, without the
// newline at its end. Any other value is itself, and via is "". What is found is
// not followed again. An empty result is an error: an empty secret would switch a
// protection off without a word.
func follow(value string, environ map[string]string) (content, via string, err error) {
	if name, ok := strings.CutPrefix(value, "env:"); ok {
		content, set := environ[name]
		switch {
		case !set:
			return "", value, fmt.Errorf("environment variable %s is not set", name)
		case content == "":
			return "", value, fmt.Errorf("environment variable %s is empty", name)
		}
		return content, value, nil
	}
	path, ok := strings.CutPrefix(value, "file:")
	if !ok {
		return value, "", nil
	}
	content, err = readShort(path)
	if err != nil {
		return "", value, fmt.Errorf("file %s: %w", path, err)
	}
	return content, value, nil
}

func readShort(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", cause(err)
	}
	if !info.Mode().IsRegular() {
		return "", errors.New("is not a regular file")
	}
	f, err := os.Open(path)
	if err != nil {
		return "", cause(err)
	}
	defer func() { _ = f.Close() }() // opened for reading: closing loses nothing
	b, err := io.ReadAll(io.LimitReader(f, maxReferenced+1))
	if err != nil {
		return "", cause(err)
	}
	if len(b) > maxReferenced {
		return "", fmt.Errorf("is larger than %d bytes", maxReferenced)
	}
	s := strings.TrimRight(string(b), "\r\n")
	if s == "" {
		return "", errors.New("is empty")
	}
	return s, nil
}

// cause drops the operation and the path, which the message has already.
func cause(err error) error {
	if pe := (*fs.PathError)(nil); errors.As(err, &pe) {
		return pe.Err
	}
	return err
}
