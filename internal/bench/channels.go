package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"leadrelay/internal/lead"
	"leadrelay/internal/smtp/smtptest"
)

// told is a relay whose site tells others of each lead, and what its visitors saw.
type told struct {
	*relay
	accepts, arrivals []float64 // in milliseconds: medians of rounds
}

// channels measures what a webhook and a mail server that take a connection and never
// answer do to visitors and to EasyBroker's leads, against some that work and against none.
func (b *bench) channels(ctx context.Context) error {
	deaf, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0") // nobody accepts: the system does
	if err != nil {
		return err
	}
	defer func() { _ = deaf.Close() }()
	hook, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	takes := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) })}
	go func() { _ = takes.Serve(hook) }()
	defer func() { _ = takes.Close() }()
	mail, err := smtptest.Listen("127.0.0.1:0", nil)
	if err != nil {
		return err
	}
	defer mail.Close()

	secret, err := filepath.Abs(filepath.Join(b.dir, "hook.secret"))
	if err != nil {
		return err
	}
	if err := os.WriteFile(secret, []byte("whsec_YmVuY2gtYmVuY2gtYmVuY2gtYmVuY2gtYmVuY2gtYmU="), 0o600); err != nil {
		return err
	}
	none, alive, dead := &told{}, &told{}, &told{}
	all := []*told{none, alive, dead}
	for i, to := range []struct{ hook, mail string }{{}, {hook.Addr().String(), mail.Addr}, {deaf.Addr().String(), deaf.Addr().String()}} {
		file := filepath.Join(b.dir, fmt.Sprintf("channels-%d", i))
		if all[i].relay, err = newRelay(ctx); err != nil {
			return err
		}
		defer all[i].close()
		if err := all[i].openBroker(ctx, b.binary); err != nil {
			return err
		}
		if err := os.WriteFile(file+".yaml", []byte(tellingSite(to.hook, to.mail, secret)), 0o600); err != nil {
			return err
		}
		if err := all[i].open(ctx, b.binary, file+".db", "LEADRELAY_SOURCE=", "LEADRELAY_CONFIG="+file+".yaml"); err != nil {
			return err
		}
	}
	for range b.scale.rounds {
		for _, t := range all {
			if err := t.visit(ctx, b.scale.arrivals); err != nil {
				return err
			}
		}
	}
	b.table.atMost(1.05, "accept latency: dead channels ÷ some that work", ratio(dead.accepts, alive.accepts), "")
	b.table.atMost(1.05, "from 202 to EasyBroker: dead channels ÷ some that work", ratio(dead.arrivals, alive.arrivals), "")
	for i, name := range []string{"no channels", "a webhook and a mailbox that work", "both dead"} {
		b.table.add("accept latency, "+name+", p50", median(all[i].accepts), "ms")
		b.table.add("  from 202 to EasyBroker, p50", median(all[i].arrivals), "ms")
	}
	return nil
}

// tellingSite is a site whose leads others are told of, if there are any.
func tellingSite(hook, mail, secret string) string {
	const site = "sites:\n  default:\n    source: casas.mx\n"
	if hook == "" {
		return site
	}
	return "smtp: smtp://" + mail + "?from=leads@casas.mx\n" + site + "    mail: {to: ventas@casas.mx, when: received}\n" +
		"    webhooks: [{url: 'http://" + hook + "/', secret_file: " + secret + ", allow_private: true}]\n"
}

// visit posts so many inquiries, one by one.
func (t *told) visit(ctx context.Context, n int) error {
	before, err := t.book(ctx)
	if err != nil {
		return err
	}
	answered, accepts, err := postOneByOne(ctx, t.public, n)
	if err != nil {
		return err
	}
	arrived, err := t.awaitArrivals(ctx, len(before)+len(answered))
	if err != nil {
		return err
	}
	t.accepts, t.arrivals = append(t.accepts, median(accepts)), append(t.arrivals, median(sinceAnswers(answered, arrived)))
	return nil
}

// sinceAnswers returns how many milliseconds after its 202 each lead arrived.
func sinceAnswers(answered, arrived map[lead.RemoteID]time.Time) (took []float64) {
	for id, at := range answered {
		took = append(took, max(0, milliseconds(arrived[id].Sub(at)))) // it may arrive before we have read the answer
	}
	return took
}
