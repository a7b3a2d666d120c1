package easybroker

import (
	"bytes"
	"crypto/x509"
	"net"
	"net/http"
	"time"
)

// NewTrusting is New with other certificate authorities.
func NewTrusting(opt Options, roots *x509.CertPool) *Client {
	return newClient(opt, &dialer{roots: roots})
}

// ReadPage, RetryAfter and Readable are the parsers themselves.
func ReadPage(body []byte) (Page, error) { return readPage(bytes.NewReader(body)) }

// RetryAfter reads the header as it would be read at now.
func RetryAfter(h http.Header, now time.Time) time.Duration { return retryAfter(h, now) }

// Readable makes a stranger's text fit for a screen.
func Readable(s string) string { return readable(s) }

// Doubt says why a body does not count as taken.
func Doubt(status int, body []byte) string { return answer{status: status, body: body}.doubt() }

// Complaint returns what a body says is wrong.
func Complaint(body []byte) (text string, namesRemoteID bool) {
	object, _ := readObject(body)
	c := readComplaint(object)
	return c.text(), c.namesRemoteID
}

// NewGate puts a gate before conn; the functions are its two halves.
func NewGate(conn net.Conn) (gated net.Conn, writes func() uint64, shutSince func(uint64) bool) {
	g := &gate{Conn: conn}
	return g, g.writes, g.shutSince
}
