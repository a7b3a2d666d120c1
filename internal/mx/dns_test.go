package mx_test

import (
	"context"
	"net"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/dns/dnsmessage"
)

// zone is what a name server knows.
type zone struct {
	rcode map[question]dnsmessage.RCode // what it answers instead
	mute  map[string]bool               // names that it does not answer for
	lame  map[string]bool               // names that it says it is not responsible for
	mail  map[string][]string           // mail servers
	v4    map[string]bool               // names with an address
	v6    map[string]bool
	text  map[string]bool // names that exist, for something else

	apart bool // it knows nothing of the internet
}

type question struct {
	name string
	kind dnsmessage.Type
}

// server is a name server on the loopback.
type server struct {
	zone
	conn net.PacketConn

	mu    sync.Mutex
	asked []question
}

// serve starts a name server, and returns a resolver that asks only that one.
func serve(t *testing.T, z zone) (*server, *net.Resolver) {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	s := &server{zone: z, conn: conn}
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.run()
	}()
	t.Cleanup(func() {
		require.NoError(t, conn.Close())
		<-done
	})
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "udp", conn.LocalAddr().String())
	}
	return s, &net.Resolver{PreferGo: true, Dial: dial}
}

func (s *server) run() {
	buf := make([]byte, 4096)
	for {
		n, from, err := s.conn.ReadFrom(buf)
		if err != nil {
			return
		}
		if answer := s.answer(buf[:n]); answer != nil {
			_, _ = s.conn.WriteTo(answer, from)
		}
	}
}

// answer returns what the server says, or nil if it says nothing.
func (s *server) answer(query []byte) []byte {
	var m dnsmessage.Message
	if m.Unpack(query) != nil || len(m.Questions) != 1 {
		return nil
	}
	q := question{m.Questions[0].Name.String(), m.Questions[0].Type}
	s.mu.Lock()
	s.asked = append(s.asked, q)
	s.mu.Unlock()
	if s.mute[q.name] {
		return nil
	}
	m.Response, m.RecursionAvailable, m.Additionals = true, !s.lame[q.name], nil
	m.RCode, m.Answers = s.tell(q)
	packed, err := m.Pack()
	if err != nil {
		return nil
	}
	return packed
}

func (s *server) tell(q question) (dnsmessage.RCode, []dnsmessage.Resource) {
	if code, ok := s.rcode[q]; ok {
		return code, nil
	}
	_, hasMail := s.mail[q.name]
	isWorld := !s.apart && q.name == "com."
	if !hasMail && !isWorld && !s.v4[q.name] && !s.v6[q.name] && !s.text[q.name] && !s.lame[q.name] && !s.hasCode(q.name) {
		return dnsmessage.RCodeNameError, nil
	}
	var all []dnsmessage.Resource
	add := func(body dnsmessage.ResourceBody) {
		head := dnsmessage.ResourceHeader{Name: dnsmessage.MustNewName(q.name), Class: dnsmessage.ClassINET, TTL: 60}
		all = append(all, dnsmessage.Resource{Header: head, Body: body})
	}
	switch q.kind {
	case dnsmessage.TypeNS:
		add(&dnsmessage.NSResource{NS: dnsmessage.MustNewName("a.gtld-servers.net.")})
	case dnsmessage.TypeMX:
		for i, host := range s.mail[q.name] {
			add(&dnsmessage.MXResource{Pref: uint16(i), MX: dnsmessage.MustNewName(host)}) //nolint:gosec // a few
		}
	case dnsmessage.TypeA:
		if s.v4[q.name] {
			add(&dnsmessage.AResource{A: [4]byte{192, 0, 2, 1}})
		}
	case dnsmessage.TypeAAAA:
		if s.v6[q.name] {
			add(&dnsmessage.AAAAResource{AAAA: [16]byte{0x20, 0x01, 0x0d, 0xb8, 15: 1}})
		}
	}
	return dnsmessage.RCodeSuccess, all
}

// hasCode reports whether the name exists, though not all of it is answered.
func (s *server) hasCode(name string) bool {
	for q := range s.rcode {
		if q.name == name {
			return true
		}
	}
	return false
}

func (s *server) questions() []question {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]question(nil), s.asked...)
}
