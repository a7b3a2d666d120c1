package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// processorOf is the processor time of the children of a server's process so far, those
// that have ended, too.
func processorOf(server int) (all time.Duration) {
	files, _ := filepath.Glob("/proc/[0-9]*/stat") // the pattern is none that can be wrong
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil { // it has just ended
			continue
		}
		// The name of the program comes in brackets, and may have blanks in it.
		fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
		const ppid, utime, stime, endedUtime, endedStime = 1, 11, 12, 13, 14
		switch strconv.Itoa(server) {
		case fields[ppid]:
			all += ticks(fields[utime]) + ticks(fields[stime])
		case filepath.Base(filepath.Dir(file)):
			all += ticks(fields[endedUtime]) + ticks(fields[endedStime])
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
