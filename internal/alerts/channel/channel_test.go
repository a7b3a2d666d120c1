package channel

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

var message = Message{Title: "leadrelay: «casas» está en pausa", Text: "Nada se pierde.\n<b>No</b> hay nada que hacer.", Link: "https://ops.casas.mx", Sequence: "ABC"}

// got is a request that a service has got.
type got struct {
	path   string
	header http.Header
	body   string
}

// service answers with the status and the text, and says what it has got.
func service(t *testing.T, status int, answer string) (host string, asked *got) {
	t.Helper()
	asked = new(got)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		*asked = got{r.URL.RequestURI(), r.Header, string(body)}
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, answer)
	}))
	t.Cleanup(s.Close)
	u, err := url.Parse(s.URL)
	require.NoError(t, err)
	return u.Host, asked
}

func TestWhatServicesGet(t *testing.T) {
	host, asked := service(t, http.StatusOK, `{"ok":true}`)
	hooks, api, telegram := slackHooks, slackAPI, telegramAPI
	slackHooks, slackAPI, telegramAPI = "http://"+host+"/services/", "http://"+host+"/api/chat.postMessage", "http://"+host
	defer func() { slackHooks, slackAPI, telegramAPI = hooks, api, telegram }()
	for name, test := range map[string]struct {
		address, path, auth string
		says                map[string]any
	}{
		"ntfy": {
			"ntfy://:tk_s3cret@" + host + "/relay?scheme=http", "/", "Basic OnRrX3MzY3JldA==",
			map[string]any{
				"topic": "relay", "title": message.Title, "message": message.Text, "click": message.Link, "sequence_id": "ABC",
				"priority": 4.0, "tags": []any{"warning"},
			},
		},
		"a hook of Slack": {"slack://hook:T0-B0-x@webhook", "/services/T0/B0/x", "", map[string]any{"text": message.Title + "\n\nNada se pierde.\n&lt;b&gt;No&lt;/b&gt; hay nada que hacer.\n\n" + message.Link}},
		"as it was":       {"slack://T0/B0/x", "/services/T0/B0/x", "", nil},
		"a bot of Slack":  {"slack://xoxb:1-2-abc@C01", "/api/chat.postMessage", "Bearer xoxb-1-2-abc", nil},
		"Telegram": {"telegram://123:AAb@telegram?chats=@casas", "/bot123:AAb/sendMessage", "", map[string]any{
			"chat_id": "@casas", "text": message.all(), "link_preview_options": map[string]any{"is_disabled": true},
		}},
		"a workflow of Teams": {"teams+http://" + host + "/workflows/1?sig=s3cret", "/workflows/1?sig=s3cret", "", nil},
		"any, as JSON": {
			"generic+http://" + host + "/hook?template=json&titlekey=head&$to=me&@Authorization=s3cret&a=1", "/hook?a=1", "s3cret",
			map[string]any{"head": message.Title, "message": message.body(), "to": "me"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := Parse(test.address)
			require.NoError(t, err)
			require.NoError(t, c.Send(t.Context(), message))
			require.Equal(t, test.path, asked.path)
			require.Equal(t, test.auth, asked.header.Get("Authorization"))
			var says map[string]any
			require.NoError(t, json.Unmarshal([]byte(asked.body), &says))
			if test.says != nil {
				require.Equal(t, test.says, says)
			}
		})
	}
	c, err := Parse("generic://" + host + "/hook?disabletls=yes")
	require.NoError(t, err)
	require.NoError(t, c.Send(t.Context(), message))
	require.Equal(t, message.all(), asked.body)
	require.NoError(t, Ask(t.Context(), "http://"+host+"/beat"))
	require.Equal(t, "/beat", asked.path)
}

// What a channel answers is judged, and its errors say nothing of its address.
func TestWhatIsNoSuccess(t *testing.T) {
	api := slackAPI
	defer func() { slackAPI = api }()
	for name, test := range map[string]struct {
		status int
		answer string
		why    string
	}{
		"refused":                   {403, "s3cret", "refused with status 403"},
		"sent elsewhere":            {302, "", "refused with status 302"},
		"answers that it is no use": {200, `{"ok":false,"error":"s3cret"}`, "it answers that it did not take the message"},
		"answers with anything":     {200, "<html>", "it answers that it did not take the message"},
	} {
		t.Run(name, func(t *testing.T) {
			host, _ := service(t, test.status, test.answer)
			slackAPI = "http://" + host
			c, err := Parse("slack://xoxb:s3cret@C01")
			require.NoError(t, err)
			err = c.Send(t.Context(), message)
			require.EqualError(t, err, test.why)
		})
	}
	host, _ := service(t, http.StatusOK, strings.Repeat("x", 1<<20))
	c, err := Parse("generic+http://" + host + "/s3cret")
	require.NoError(t, err)
	require.NoError(t, c.Send(t.Context(), message), "nobody reads all of it")
	c, err = Parse("generic+http://127.0.0.1:1/s3cret")
	require.NoError(t, err)
	require.EqualError(t, c.Send(t.Context(), message), "it cannot be reached")
}

func TestWhatIsNoAddress(t *testing.T) {
	for _, address := range []string{
		"s3cret", "gopher://s3cret", "ntfy://", "ntfy://h/a/b", "ntfy+https://s3cret/a", "ntfy://casas.mx/s3cret?scheme=http", "generic+http://casas.mx/s3cret",
		"generic+ftp://s3cret", "generic://", "generic+https://s3cret/?template=s3cret", "slack://s3cret", "slack://hook:s3cret@webhook", "telegram://s3cret@telegram?chats=a",
		"telegram://1:s3cret@telegram", "teams://s3cret", "teams://g@t/a/b?host=evil.mx", "teams+http://casas.mx/s3cret", "smtp://s3cret", "smtp://u:s3cret@h/?from=a@b.mx", "smtp://h/?from=s3cret&to=a@b.mx", "%zz",
	} {
		_, err := Parse(address)
		require.Error(t, err, address)
		require.NotContains(t, err.Error(), "s3cret")
	}
	for _, address := range []string{
		"smtp://u:p@mail.casas.mx:587/?from=a@b.mx&to=c@d.mx,e@f.mx", "teams://g@t/a/b/c?host=casas.webhook.office.com", "generic://casas.mx/hook", "ntfy://ntfy.sh/casas",
	} {
		_, err := Parse(address)
		require.NoError(t, err, address)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("smtp://u:p@mail.casas.mx:587/?from=a@b.mx&to=c@d.mx")
	f.Add("generic+https://casas.mx/?$a=b&@c=d")
	f.Fuzz(func(t *testing.T, address string) {
		if c, err := Parse(address); err == nil {
			require.NotNil(t, c.send)
			require.Contains(t, names, c.Kind)
		}
	})
}

// postOffice is a mail server for one mail. It says what it was told.
func postOffice(t *testing.T, answers map[string]string) (addr string, heard func() string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = ln.Close() })
	said := make(chan string, 1)
	go func() {
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		defer func() { _ = conn.Close() }()
		var all strings.Builder
		_, _ = fmt.Fprint(conn, "220 hola\r\n")
		inData := false
		for lines := bufio.NewScanner(conn); lines.Scan(); {
			line := lines.Text()
			all.WriteString(line + "\n")
			verb, _, _ := strings.Cut(line, " ")
			switch {
			case inData && line != ".":
			case inData:
				inData = false
				_, _ = fmt.Fprint(conn, "250 ok\r\n")
			case answers[verb] != "":
				_, _ = fmt.Fprint(conn, answers[verb]+"\r\n")
			case verb == "DATA":
				inData = true
				_, _ = fmt.Fprint(conn, "354 go on\r\n")
			default:
				_, _ = fmt.Fprint(conn, "250 ok\r\n")
			}
			if verb == "QUIT" {
				break
			}
		}
		said <- all.String()
	}()
	return ln.Addr().String(), func() string { return <-said }
}

func TestAMail(t *testing.T) {
	addr, heard := postOffice(t, nil)
	c, err := Parse("smtp://" + addr + "/?from=leads@casas.mx&to=ana@casas.mx,luz@casas.mx")
	require.NoError(t, err)
	require.NoError(t, c.Send(t.Context(), message))
	mail := heard()
	for _, wanted := range []string{
		"MAIL FROM:<leads@casas.mx>", "RCPT TO:<ana@casas.mx>", "RCPT TO:<luz@casas.mx>", "Subject: =?UTF-8?q?leadrelay:_=C2=ABcasas=C2=BB_est=C3=A1_en_pausa?=",
		"Auto-Submitted: auto-generated", "Nada se pierde.", "https://ops.casas.mx",
	} {
		require.Contains(t, mail, wanted)
	}
}

func TestAMailThatIsRefused(t *testing.T) {
	addr, _ := postOffice(t, map[string]string{"RCPT": "550 s3cret is nobody here"})
	c, err := Parse("smtp://" + addr + "/?from=leads@casas.mx&to=s3cret@casas.mx")
	require.NoError(t, err)
	require.EqualError(t, c.Send(t.Context(), message), "it answers that it did not take the message")
}

// A server that does not speak is given up.
func TestAChannelThatHangs(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = ln.Close() }()
	for _, address := range []string{
		"smtp://" + ln.Addr().String() + "/?from=leads@casas.mx&to=ana@casas.mx", "generic+http://" + ln.Addr().String(),
	} {
		c, err := Parse(address)
		require.NoError(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		require.EqualError(t, c.Send(ctx, message), "no answer in time", address)
		cancel()
	}
}

func TestTheTimeOfAMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := Channel{Kind: "ntfy", way: way{send: func(ctx context.Context, _ Message) error { <-ctx.Done(); return ctx.Err() }}}
		begun := time.Now()
		require.EqualError(t, c.Send(t.Context(), message), "no answer in time")
		require.Equal(t, timeout, time.Since(begun))
	})
}
