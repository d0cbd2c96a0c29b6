//go:build !linux

package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "bench reads the CPU accounting of Linux and does not run elsewhere")
	os.Exit(1)
}
