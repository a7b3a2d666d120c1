// Package smtptest is a mail server for tests. It keeps what it takes.
package smtptest

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"net"
	"strings"
	"sync"
)

// Mail is a mail that the server took.
type Mail struct {
	From string
	To   []string
	Data string // as it was sent, with line ends of one byte
}

// Server is a mail server without TLS.
type Server struct {
	Addr string

	ln    net.Listener
	mu    sync.Mutex
	say   func(line string) string
	taken []Mail
	told  func(Mail)
	login string
	heard []string
}

// Listen starts a server. Each mail that it takes is told of, if told is not nil.
func Listen(addr string, told func(Mail)) (*Server, error) {
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, err
	}
	s := &Server{Addr: ln.Addr().String(), ln: ln, told: told}
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go s.serve(conn)
		}
	}()
	return s, nil
}

// Close ends the server.
func (s *Server) Close() { _ = s.ln.Close() }

// Answer has lines answered otherwise. If the answer is empty, all is as ever.
func (s *Server) Answer(say func(line string) string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.say = say
}

// Demand has everybody log in.
func (s *Server) Demand(user, password string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.login = base64.StdEncoding.EncodeToString([]byte("\x00" + user + "\x00" + password))
}

// Taken returns the mails that the server took.
func (s *Server) Taken() []Mail {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Mail(nil), s.taken...)
}

// Heard returns the commands that the server heard.
func (s *Server) Heard() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.heard...)
}

// serve talks to one client.
func (s *Server) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	var m Mail
	_, _ = fmt.Fprint(conn, "220 hola\r\n")
	lines := bufio.NewScanner(conn)
	for lines.Scan() {
		answer := s.answer(&m, lines.Text())
		_, _ = fmt.Fprint(conn, answer+"\r\n")
		if strings.HasPrefix(answer, "221") {
			return
		}
		if !strings.HasPrefix(answer, "354") {
			continue
		}
		if m.Data = readData(lines); m.Data != "" {
			s.take(m)
			_, _ = fmt.Fprint(conn, "250 ok\r\n")
		}
	}
}

func (s *Server) answer(m *Mail, line string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.heard = append(s.heard, line)
	if s.say != nil {
		if answer := s.say(line); answer != "" {
			return answer
		}
	}
	verb, rest, _ := strings.Cut(line, " ")
	switch {
	case verb == "EHLO" && s.login != "":
		return "250-hola\r\n250 AUTH PLAIN"
	case verb == "AUTH" && rest == "PLAIN "+s.login:
		return "235 ok"
	case verb == "AUTH":
		return "535 no"
	case verb == "MAIL":
		*m = Mail{From: address(line)}
	case verb == "RCPT":
		m.To = append(m.To, address(line))
	case verb == "DATA":
		return "354 go on"
	case verb == "QUIT":
		return "221 adiós"
	}
	return "250 ok"
}

func address(line string) string {
	_, rest, _ := strings.Cut(line, "<")
	one, _, _ := strings.Cut(rest, ">")
	return one
}

func readData(lines *bufio.Scanner) string {
	var all strings.Builder
	for lines.Scan() {
		line := lines.Text()
		if line == "." {
			return all.String()
		}
		all.WriteString(strings.TrimPrefix(line, ".") + "\n")
	}
	return ""
}

func (s *Server) take(m Mail) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.taken = append(s.taken, m)
	if s.told != nil {
		s.told(m)
	}
}
