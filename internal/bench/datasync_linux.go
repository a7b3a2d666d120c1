package main

import (
	"os"
	"syscall"
)

// datasync waits until what was written to the file is on disk, as the store
// does.
func datasync(f *os.File) error { return syscall.Fdatasync(int(f.Fd())) }
