package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
)

func main() {
	var o options
	var binaries string
	flag.StringVar(&binaries, "binaries", "", "`ARCH=FILE,…`: the program for each architecture")
	flag.StringVar(&o.certificates, "certificates", "/etc/ssl/certs/ca-certificates.crt", "the authorities that the program trusts")
	flag.StringVar(&o.version, "version", "dev", "of the program")
	flag.StringVar(&o.revision, "revision", "", "commit that it was built from")
	flag.StringVar(&o.out, "out", "", "the archive to write")
	flag.Parse()
	if err := o.parse(binaries); err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		flag.Usage()
		os.Exit(2)
	}
	digest, err := build(o)
	if err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
	fmt.Printf("%s %s\n", o.out, digest)
}

// options are what an image is made of.
type options struct {
	programs     []program
	certificates string
	version      string
	revision     string
	out          string
}

type program struct{ arch, file string }

func (o *options) parse(binaries string) error {
	for _, b := range strings.Split(binaries, ",") {
		arch, file, ok := strings.Cut(b, "=")
		if !ok || arch == "" || file == "" {
			return fmt.Errorf("-binaries %q: ARCH=FILE, separated by commas", binaries)
		}
		o.programs = append(o.programs, program{arch, file})
	}
	if o.out == "" {
		return errors.New("-out names no file")
	}
	return nil
}
