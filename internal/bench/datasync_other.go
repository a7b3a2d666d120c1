//go:build !linux

package main

import "os"

// datasync waits until what was written to the file is on disk.
func datasync(f *os.File) error { return f.Sync() }
