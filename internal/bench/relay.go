package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"leadrelay/internal/lead"
)

// relay is the real binary, delivering to a pretend EasyBroker.
type relay struct {
	public, operator, broker string
	process, brokers         *process
}

// newRelay returns a relay that has its addresses and does not run yet.
func newRelay(ctx context.Context) (*relay, error) {
	r := &relay{}
	for _, address := range []*string{&r.public, &r.operator, &r.broker} {
		var err error
		if *address, err = freeAddress(ctx); err != nil {
			return nil, err
		}
	}
	return r, nil
}

func freeAddress(ctx context.Context) (string, error) {
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return ln.Addr().String(), ln.Close()
}

// benchToken opens the operator's door.
const benchToken = "bench-bench-bench-bench"

// open starts the relay on a database and waits until it is ready.
func (r *relay) open(ctx context.Context, binary, database string, settings ...string) (err error) {
	env := append(os.Environ(),
		"EASYBROKER_API_KEY=bench", "EASYBROKER_URL=http://"+r.broker+"/v1", "LEADRELAY_SOURCE=casas.mx", "LEADRELAY_DATABASE="+database, "LEADRELAY_OPERATOR_TOKEN="+benchToken,
		"LEADRELAY_ADDR="+r.public, "LEADRELAY_OPERATOR_ADDR="+r.operator, "LEADRELAY_LIMIT_ADDRESS=off", "LEADRELAY_LIMIT_SITE=off",
		"LEADRELAY_COURIER_RATE=1000000", // else the pace is what is measured
	)
	if r.process, err = startUnheard(ctx, binary, []string{"serve"}, append(env, settings...)); err != nil {
		return err
	}
	return r.await(ctx, r.process, r.public, "/readyz")
}

// openBroker starts the pretend EasyBroker.
func (r *relay) openBroker(ctx context.Context, binary string) (err error) {
	if r.brokers, err = startUnheard(ctx, binary, []string{"fakebroker", "--addr", r.broker}, os.Environ()); err != nil {
		return err
	}
	return r.await(ctx, r.brokers, r.broker, "/_control/faults")
}

// await asks until the process answers 200.
func (r *relay) await(ctx context.Context, p *process, address, path string) error {
	const patience, pause = 10 * time.Second, time.Millisecond
	for begun := time.Now(); ctx.Err() == nil && time.Since(begun) < patience; time.Sleep(pause) {
		if isReady(ctx, address, path) {
			return nil
		}
	}
	p.kill()
	return fmt.Errorf("%s%s is not ready after %v: %s", address, path, patience, p.errors.String())
}

func isReady(ctx context.Context, address, path string) bool {
	c, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return false
	}
	defer func() { _ = c.Close() }()
	if _, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", path, address); err != nil {
		return false
	}
	status := make([]byte, len("HTTP/1.1 200"))
	_, err = io.ReadFull(c, status)
	return err == nil && string(status) == "HTTP/1.1 200"
}

func (r *relay) close() {
	for _, p := range []*process{r.process, r.brokers} {
		if p != nil {
			p.kill()
		}
	}
}

// openRelay opens a relay on the database, with a pretend EasyBroker.
func (b *bench) openRelay(ctx context.Context, database string) (*relay, error) {
	r, err := newRelay(ctx)
	if err != nil {
		return nil, err
	}
	if err = r.openBroker(ctx, b.binary); err == nil {
		err = r.open(ctx, b.binary, database)
	}
	if err != nil {
		r.close()
		return nil, err
	}
	return r, nil
}

// book returns when each lead arrived at the pretend EasyBroker.
func (r *relay) book(ctx context.Context) (map[lead.RemoteID]time.Time, error) {
	text, err := fetch(ctx, "http://"+r.broker+"/_control/book")
	if err != nil {
		return nil, err
	}
	var book struct {
		Kept []struct {
			RemoteID   lead.RemoteID `json:"remote_id"`
			HappenedAt time.Time     `json:"happened_at"`
		}
	}
	if err := json.Unmarshal(text, &book); err != nil {
		return nil, err
	}
	arrived := make(map[lead.RemoteID]time.Time, len(book.Kept))
	for _, k := range book.Kept {
		arrived[k.RemoteID] = k.HappenedAt
	}
	return arrived, nil
}
