package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/url"
	"runtime"
	"strconv"
	"sync"
	"time"

	"leadrelay/internal/bench/stock"
)

// pressed is what came of a load.
type pressed struct {
	Accepted int     // all that were acknowledged
	Rate     float64 // per second, once it was warm
	P50, P99 float64 // latency in milliseconds

	Relay, Server time.Duration // processor time meanwhile
}

// load posts inquiries over all connections at once. It shares the
// machine with the server, so it does next to nothing.
func load(ctx context.Context, p part) (pressed, error) {
	runtime.GOMAXPROCS(1)
	begin := time.Now().Add(p.Warm)
	runs := make([]loader, connections)
	var posting sync.WaitGroup
	for i := range runs {
		posting.Go(func() { runs[i].run(ctx, p.Address, begin, begin.Add(p.For)) })
	}
	posting.Wait()
	var all pressed
	var latencies []float64
	for _, r := range runs {
		if r.err != nil {
			return all, r.err
		}
		all.Accepted += r.accepted
		latencies = append(latencies, r.latencies...)
	}
	all.Rate = float64(len(latencies)) / p.For.Seconds()
	all.P50, all.P99 = median(latencies), quantile(latencies, 0.99)
	return all, nil
}

// loader is one connection's part of the load.
type loader struct {
	accepted  int
	latencies []float64 // of what ended in the measured time
	err       error
}

func (l *loader) run(ctx context.Context, address string, begin, end time.Time) {
	c, err := dial(ctx, address)
	if err != nil {
		l.err = err
		return
	}
	defer func() { _ = c.Close() }()
	l.latencies = make([]float64, 0, 1024)
	for last := time.Now(); last.Before(end); {
		if _, l.err = c.post(); l.err != nil {
			return
		}
		now := time.Now()
		l.accepted++
		if now.After(begin) && now.Before(end) {
			l.latencies = append(l.latencies, milliseconds(now.Sub(last)))
		}
		last = now
	}
}

// visitor is a connection that posts inquiries: the least of HTTP that does.
type visitor struct {
	net.Conn
	request []byte
	mark    []byte // where the request tells itself from any other
	buffer  [4096]byte
}

func dial(ctx context.Context, address string) (*visitor, error) {
	c, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	body, err := inquiry()
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	request := fmt.Appendf(nil, "POST /f/default HTTP/1.1\r\nHost: %s\r\nAccept: application/json\r\n"+
		"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n%s", address, len(body), body)
	mark := request[len(request)-len(unmarked):]
	return &visitor{Conn: c, request: request, mark: mark}, nil
}

// unmarked ends an inquiry, for a number to take its place: what is the same
// would be one lead.
const unmarked = "0123456789abcdef"

// inquiry is the body of a form.
func inquiry() (string, error) {
	l, err := stock.Draft(time.Now())
	if err != nil {
		return "", err
	}
	return url.Values{
		"propiedad": {l.PropertyID}, "nombre": {l.Name}, "correo": {l.Email}, "telefono": {l.Phone},
		"page_url": {l.Context["page_url"]},
	}.Encode() + "&mensaje=" + url.QueryEscape(l.Message) + "+" + unmarked, nil
}

// post sends the inquiry and returns the answer's body, which the next call
// overwrites. Anything but 202 is an error.
func (v *visitor) post() ([]byte, error) {
	var number [len(unmarked) / 2]byte
	binary.BigEndian.PutUint64(number[:], rand.Uint64())
	hex.Encode(v.mark, number[:])
	if _, err := v.Write(v.request); err != nil {
		return nil, err
	}
	have, want, head := 0, len(v.buffer), 0
	for have < want {
		n, err := v.Read(v.buffer[have:])
		if err != nil {
			return nil, err
		}
		have += n
		if head == 0 {
			if head, want, err = parseHead(v.buffer[:have]); err != nil {
				return nil, err
			}
		}
	}
	return v.buffer[head:have], nil
}

var (
	accepted = []byte("HTTP/1.1 202 ")
	length   = []byte("\r\nContent-Length: ")
	blank    = []byte("\r\n\r\n")
)

// parseHead returns where the head ends and where the body does. While the
// head is not whole, both are further than any answer goes.
func parseHead(answer []byte) (head, end int, err error) {
	i := bytes.Index(answer, blank)
	if i < 0 {
		return 0, len(answer) + 1, nil
	}
	head = i + len(blank)
	if !bytes.HasPrefix(answer, accepted) {
		return 0, 0, fmt.Errorf("not accepted: %q", answer)
	}
	_, rest, found := bytes.Cut(answer[:head], length)
	digits, _, _ := bytes.Cut(rest, []byte("\r"))
	n, err := strconv.Atoi(string(digits))
	if !found || err != nil {
		return 0, 0, fmt.Errorf("an answer without its length: %q", answer)
	}
	return head, head + n, nil
}
