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

// ReadPage reads a page as a list's answer has it.
func ReadPage(body []byte) (Page, error) { return readPage(bytes.NewReader(body)) }

// RetryAfter reads the header as it is read at now.
func RetryAfter(h http.Header, now time.Time) time.Duration { return retryAfter(h, now) }

// Readable makes a foreign text fit for a screen.
func Readable(s string) string { return readable(s) }

// Doubt returns why a body does not count as taken.
func Doubt(status int, body []byte) string { return answer{status: status, body: body}.doubt() }

// Complaint returns what a body says is wrong.
func Complaint(body []byte) (text string, namesRemoteID bool) {
	object, _ := readObject(body)
	c := readComplaint(object)
	return c.text(), c.namesRemoteID
}

// NewWatchedConn returns a connection that watches conn, and its two methods.
func NewWatchedConn(conn net.Conn) (watched net.Conn, writesBegun func() uint64, shutSince func(uint64) bool) {
	c := &watchedConn{Conn: conn}
	return c, func() uint64 { return c.take(nil) }, c.shutSince
}
