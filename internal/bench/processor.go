package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// processorOf is the processor time of a server's process and its children so far.
func processorOf(server int) (all time.Duration) {
	files, _ := filepath.Glob("/proc/[0-9]*/stat") // the pattern is none that can be wrong
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil { // it has just ended
			continue
		}
		// The name of the program comes in brackets, and may have blanks in it.
		fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
		const ppid, utime, stime = 1, 11, 12
		if fields[ppid] == strconv.Itoa(server) {
			all += ticks(fields[utime]) + ticks(fields[stime])
		}
	}
	return all
}

// ticks reads a time as Linux shows it.
func ticks(field string) time.Duration {
	const tick = 10 * time.Millisecond
	n, _ := strconv.Atoi(field)
	return time.Duration(n) * tick
}
