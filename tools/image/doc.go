// Command image builds the container image without an engine: the root filesystem that the
// Dockerfile builds, for each architecture, as an OCI archive that engines, registries' tools and
// clusters load.
//
//	go build (per architecture) ─┐
//	CA certificates ─────────────┼─► rootfs layer ─► image ─┐
//	empty /data of uid 65532 ────┘                          ├─► index ─► sttgate.oci.tar
//	                                    the other one ──────┘
//
// What comes out depends on what goes in and on nothing else: no clock, no host name, no order of a
// directory. Two builds of the same tree are the same bytes. The layers and manifests are
// go-containerregistry's (v0.22.1 of 2026-09-04, Google's, what crane is made of), in a module of
// its own so that it stays out of the gateway's.
package main
