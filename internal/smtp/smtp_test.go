package smtp

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/wneessen/go-mail"

	"leadrelay/internal/smtp/smtptest"
)

func parse(t *testing.T, address string) Server {
	t.Helper()
	u, err := url.Parse(address)
	require.NoError(t, err)
	s, err := Parse(u, u.Hostname() == "127.0.0.1")
	require.NoError(t, err)
	return s
}

func office(t *testing.T) *smtptest.Server {
	t.Helper()
	s, err := smtptest.Listen("127.0.0.1:0", nil)
	require.NoError(t, err)
	t.Cleanup(s.Close)
	return s
}

func send(t *testing.T, s Server) error {
	t.Helper()
	msg := s.NewMessage("ventas@casas.mx")
	msg.Subject("Hola")
	msg.SetBodyString(mail.TypeTextPlain, ".\r\n..\r\nadiós\r\n")
	return s.Send(t.Context(), msg)
}

func TestAServerTakesAMail(t *testing.T) {
	o := office(t)
	o.Demand("leads@casas.mx", "s3cret")
	require.NoError(t, send(t, parse(t, "smtp://leads%40casas.mx:s3cret@"+o.Addr+"?from=leads@casas.mx")))
	taken := o.Taken()
	require.Len(t, taken, 1)
	require.Equal(t, "leads@casas.mx", taken[0].From)
	require.Equal(t, []string{"ventas@casas.mx"}, taken[0].To)
	require.Contains(t, taken[0].Data, "\n.\n..\nadi=C3=B3s\n", "a line that is a dot ends nothing")

	err := send(t, parse(t, "smtp://leads%40casas.mx:other@"+o.Addr+"?from=leads@casas.mx"))
	require.Equal(t, &RefusedError{Status: 535, AtLogin: true}, err)
}

// What a server has taken is not sent again, whatever it says afterwards.
func TestWhatAServerAnswers(t *testing.T) {
	for name, test := range map[string]struct {
		verb, answer string
		want         error
	}{
		"nobody there":            {"RCPT", "550 5.1.1 s3cret@casas.mx is nobody", &RefusedError{Status: 550}},
		"come back later":         {"RCPT", "451 4.7.1 greylisted", &RefusedError{Status: 451}},
		"no sender":               {"MAIL", "553 no", &RefusedError{Status: 553}},
		"no contents":             {"DATA", "554 no", &RefusedError{Status: 554}},
		"a bad temper afterwards": {"RSET", "421 s3cret", nil},
		"a bad word at the end":   {"QUIT", "500 s3cret", nil},
	} {
		t.Run(name, func(t *testing.T) {
			o := office(t)
			o.Answer(func(line string) string {
				if strings.HasPrefix(line, test.verb) {
					return test.answer
				}
				return ""
			})
			err := send(t, parse(t, "smtp://"+o.Addr+"?from=leads@casas.mx"))
			require.Equal(t, test.want, err)
			if test.want == nil {
				require.Len(t, o.Taken(), 1)
			}
		})
	}
}

// Without TLS nothing is sent that leaves the machine, not even a name or a password.
func TestWithoutTLSNothingIsSaid(t *testing.T) {
	o := office(t)
	s := parse(t, "smtp://leads:s3cret@"+o.Addr+"?from=leads@casas.mx")
	require.True(t, s.mayBePlain)
	s.mayBePlain = false
	require.Error(t, send(t, s))
	for _, line := range o.Heard() {
		require.NotContains(t, line, "AUTH")
		require.NotContains(t, line, "MAIL")
	}
	require.False(t, parse(t, "smtp://mail.casas.mx?from=leads@casas.mx").mayBePlain)
	require.True(t, parse(t, "smtps://mail.casas.mx?from=leads@casas.mx").tls)
	require.Equal(t, 465, parse(t, "smtps://mail.casas.mx?from=leads@casas.mx").port)
	require.Equal(t, 587, parse(t, "smtp://mail.casas.mx?from=leads@casas.mx").port)
}

// A server that never ends its answer, or gives none, holds up nobody and fills no memory.
func TestAServerWithoutEnd(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = ln.Close() }()
	wrote := make(chan int, 1)
	go func() {
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		n, all := 0, 0
		for _, _ = fmt.Fprint(conn, "220-"); err == nil; all += n {
			n, err = conn.Write(bytes.Repeat([]byte("x"), 64<<10))
		}
		wrote <- all
	}()
	s := parse(t, "smtp://"+ln.Addr().String()+"?from=leads@casas.mx")
	require.Error(t, send(t, s))
	require.Less(t, <-wrote, 32<<20)

	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, s.Send(ctx, s.NewMessage("ventas@casas.mx")), context.DeadlineExceeded)
}

func TestNothingPrintsAServer(t *testing.T) {
	s := parse(t, "smtp://leads:s3cret@mail.casas.mx?from=leads@casas.mx")
	for _, verb := range []string{"%v", "%+v", "%s", "%#v"} {
		require.Equal(t, "•••", fmt.Sprintf(verb, s))
		require.NotContains(t, fmt.Sprintf(verb, struct{ S Server }{s}), "s3cret")
	}
	require.Empty(t, Server{}.String())
	require.Equal(t, "casas.mx", s.Domain())
}
