package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"
)

type leadsExportCmd struct {
	listFilter

	Format string `enum:"csv,ndjson" default:"csv" help:"csv for a spreadsheet, or ndjson for programs: a lead to a line."`
	Output string `short:"o" placeholder:"FILE" help:"Write a file that only you can read. It is there when it is whole, and takes the place of one of this name. Without it, the leads go to stdout."`
}

// Validate implements kong's check of the command line.
func (c leadsExportCmd) Validate() error {
	_, err := c.parameters()
	return err
}

// Run exports leads into a file, or to stdout.
func (c leadsExportCmd) Run(p *program) error {
	op, query, err := c.ask(p)
	if err != nil {
		return err
	}
	export := func(out io.Writer) error {
		return op.download(p.ctx, "/api/v1/leads."+c.Format+"?"+query.Encode(), out)
	}
	if c.Output != "" {
		return writeWhole(c.Output, export)
	}
	return export(p.stdout)
}

// writeWhole writes a file through another one beside it, so that a half file never has
// its name.
func writeWhole(name string, write func(io.Writer) error) error {
	if info, err := os.Lstat(name); err == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("%s is no regular file: name another one, or leave --output out and redirect stdout", name)
	}
	part, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".*.part") // with mode 0600
	if err != nil {
		return err
	}
	err = write(part)
	if err == nil {
		err = part.Sync()
	}
	err = errors.Join(err, part.Close())
	if err == nil {
		err = os.Rename(part.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(part.Name()))
	}
	return nil
}

// download copies an answer, however long it takes as long as something comes. It says
// how much there is so far.
func (o operator) download(ctx context.Context, path string, out io.Writer) error {
	var got atomic.Int64
	done := o.progress.startCounting("exporting", func() string { return fmt.Sprintf("%.1f MB", float64(got.Load())/1e6) })
	defer done()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	silence := time.AfterFunc(normalCall.timeout, func() { cancel(context.DeadlineExceeded) })
	defer silence.Stop()
	resp, err := o.send(ctx, http.MethodGet, path, nil)
	if err != nil {
		return o.streamError(ctx, err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return o.readProblem(resp)
	}
	if resp.Header.Get("Content-Disposition") == "" {
		return o.notRelayError(resp)
	}
	const piece = 64 << 10
	for buffer := make([]byte, piece); ; {
		n, err := resp.Body.Read(buffer)
		silence.Reset(normalCall.timeout)
		got.Add(int64(n))
		if _, failed := out.Write(buffer[:n]); failed != nil {
			return failed
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("the export broke off, and what has come is not whole: %w", o.streamError(ctx, err))
		}
	}
}

// streamError returns why an answer ended.
func (o operator) streamError(ctx context.Context, err error) error {
	if errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
		err = context.DeadlineExceeded
	}
	return o.callError(err, normalCall)
}
