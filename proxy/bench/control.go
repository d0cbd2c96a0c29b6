//go:build linux

package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
)

// serveControl is the child's side of its conversation with bench: one command per line on
// stdin, one JSON value per line on stdout. It returns when stdin ends, which is
// how a child learns that it is no longer needed.
func serveControl(first any, do func(cmd string) (any, error)) error {
	out := json.NewEncoder(os.Stdout)
	if err := out.Encode(first); err != nil {
		return err
	}
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		answer, err := do(in.Text())
		if err != nil {
			return fmt.Errorf("%s: %w", in.Text(), err)
		}
		if err := out.Encode(answer); err != nil {
			return err
		}
	}
	return in.Err()
}

// hello is what every child of ours says first.
type hello struct {
	Addr string `json:"addr,omitempty"` // where it listens
}
