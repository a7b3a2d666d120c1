package main

import (
	"context"
	"os"
	"path/filepath"
)

// memory measures the most memory that the relay takes when it accepts and
// delivers as fast as it can.
func (b *bench) memory(ctx context.Context) error {
	r, err := b.openRelay(ctx, filepath.Join(b.dir, "memory.db"))
	if err != nil {
		return err
	}
	defer r.close()
	idle, err := r.process.peak()
	if err != nil {
		return err
	}
	done, err := press(ctx, r.public, warmUp, b.scale.saturate)
	if err != nil {
		return err
	}
	peak, err := r.process.peak()
	if err != nil {
		return err
	}
	arrived, err := r.book(ctx)
	b.table.add("memory after the start", idle, "MB")
	b.table.atMost(64, "peak memory, accepting and delivering", peak, "MB")
	b.table.add("  meanwhile accepted", done.Rate, "/s")
	b.table.add("  meanwhile delivered", float64(len(arrived))/(warmUp+b.scale.saturate).Seconds(), "/s")
	return err
}

// size measures the binary.
func (b *bench) size(context.Context) error {
	info, err := os.Stat(b.binary)
	if err != nil {
		return err
	}
	b.table.atMost(36, "size of the binary", float64(info.Size())/1e6, "MB")
	return nil
}
