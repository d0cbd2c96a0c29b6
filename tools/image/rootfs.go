package main

import (
	"archive/tar"
	"bytes"
	"fmt"
	"os"
	"time"
)

// nobody runs the program and owns its data. By number: there is no /etc/passwd.
const nobody = 65532

// epoch is the time of everything in the image: a real one would make each build another.
func epoch() time.Time { return time.Unix(0, 0).UTC() }

// rootfs is the image's only layer: the program, the authorities, and a directory for the ledger. What the
// Dockerfile copies, no more.
func rootfs(binary, certificates string) ([]byte, error) {
	exe, err := os.ReadFile(binary)
	if err != nil {
		return nil, fmt.Errorf("the program: %w", err)
	}
	ca, err := os.ReadFile(certificates)
	if err != nil {
		return nil, fmt.Errorf("the authorities (Debian: ca-certificates): %w", err)
	}
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, f := range []struct {
		name    string
		mode    int64
		owner   int
		content []byte
	}{
		{name: "data/", mode: 0o755, owner: nobody},
		{name: "etc/", mode: 0o755},
		{name: "etc/ssl/", mode: 0o755},
		{name: "etc/ssl/certs/", mode: 0o755},
		{name: "etc/ssl/certs/ca-certificates.crt", mode: 0o644, content: ca},
		{name: "sttgate", mode: 0o755, content: exe},
	} {
		h := &tar.Header{Name: f.name, Mode: f.mode, Uid: f.owner, Gid: f.owner, Size: int64(len(f.content)), ModTime: epoch(), Format: tar.FormatUSTAR, Typeflag: tar.TypeReg}
		if f.content == nil {
			h.Typeflag = tar.TypeDir
		}
		if err := w.WriteHeader(h); err != nil {
			return nil, err
		}
		if _, err := w.Write(f.content); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
