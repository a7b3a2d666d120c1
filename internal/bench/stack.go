package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	_ "net/http/pprof" // only this program's stacks have it
	"os"
	"sync"
	"sync/atomic"

	"github.com/go-chi/chi/v5"
	"github.com/rs/zerolog"

	"leadrelay/internal/bench/stock"
	"leadrelay/internal/intake"
	"leadrelay/internal/lead"
	"leadrelay/internal/server"
	"leadrelay/internal/site"
	"leadrelay/internal/spam"
	"leadrelay/internal/store"
)

// The stacks that are compared.
const (
	durable   = "durable" // as in production
	unguarded = "no look at spam and repeats"
	nothing   = "nothing stored"
	single    = "one to a commit"
)

// serve is the public door as the relay builds it, with the keeper of the
// part's stack and without limits. It says where it listens, and ends when its
// standard input does.
func serve(ctx context.Context, p part, out io.Writer) error {
	keeper, err := newKeeper(ctx, p)
	if err != nil {
		return err
	}
	server.TuneMemory()
	void, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	log, flush := server.NewLog(void, zerolog.InfoLevel)
	defer flush()
	metrics := server.NewMetrics("bench")
	mux := chi.NewRouter()
	mux.Use(server.AccessLog(log, metrics, "public"), server.Recover, new(server.Drain).Middleware)
	mux.Mount("/debug", http.DefaultServeMux)
	mux.Mount("/", intake.New(sites(p), keeper, intake.Options{Accepted: metrics.Accepted}))
	door, err := server.Listen(ctx, "127.0.0.1:0", nil, mux)
	if err != nil {
		return err
	}
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		_ = door.Close()
	}()
	_, _ = fmt.Fprintln(out, door.Addr())
	return door.Serve()
}

func sites(p part) []site.Site {
	s := site.Site{ID: stock.Site, Source: "casas.mx", Locale: "es", Rules: lead.DefaultRules(), Tick: lead.Milliseconds}
	if p.Stack != unguarded {
		s.SpamThreshold = spam.DefaultThreshold
	}
	return []site.Site{s}
}

func newKeeper(ctx context.Context, p part) (intake.Keeper, error) {
	if p.Stack == nothing {
		return new(forgetful), nil
	}
	s, err := openStore(ctx, p.Database)
	if err != nil {
		return nil, err
	}
	switch p.Stack {
	case unguarded:
		return trusting{s}, nil
	case single:
		return &lonely{store: s}, nil
	}
	return s, nil
}

// forgetful keeps nothing.
type forgetful struct{ last atomic.Int64 }

func (f *forgetful) Keep(context.Context, lead.Submission) (lead.Kept, error) {
	return lead.Kept{RemoteID: lead.RemoteID(f.last.Add(1))}, nil
}

// trusting takes a repeat for another lead.
type trusting struct{ *store.Store }

func (t trusting) Keep(ctx context.Context, sub lead.Submission) (lead.Kept, error) {
	sub.Content = lead.Digest{}
	return t.Store.Keep(ctx, sub)
}

// lonely keeps one lead at a time, so each has a commit of its own.
type lonely struct {
	mu    sync.Mutex
	store *store.Store
}

func (l *lonely) Keep(ctx context.Context, sub lead.Submission) (lead.Kept, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.store.Keep(ctx, sub)
}
