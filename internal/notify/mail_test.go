package notify

import (
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/lead"
	"leadrelay/internal/locale"
	"leadrelay/internal/loopback"
	"leadrelay/internal/smtp"
	"leadrelay/internal/smtp/smtptest"
	"leadrelay/internal/store"
	"leadrelay/internal/store/storetest"
)

func mailboxAt(t *testing.T, addr string) Mailbox {
	t.Helper()
	u, err := url.Parse("smtp://" + addr + "?from=leads@casas.mx")
	require.NoError(t, err)
	server, err := smtp.Parse(u, loopback.IsHost(u.Hostname()))
	require.NoError(t, err)
	return Mailbox{
		Server: server, To: "ventas@casas.mx", Site: "Casas de la Costa", Lang: locale.ES, After: 15 * time.Minute,
		Dialable: func(phone string) string { return strings.ReplaceAll(phone, " ", "") },
	}
}

func postOffice(t *testing.T) *smtptest.Server {
	t.Helper()
	o, err := smtptest.Listen("127.0.0.1:0", nil)
	require.NoError(t, err)
	t.Cleanup(o.Close)
	return o
}

// read returns the headers of a mail, its text and its page.
func read(t *testing.T, data string) (head mail.Header, text, page string) {
	t.Helper()
	msg, err := mail.ReadMessage(strings.NewReader(data))
	require.NoError(t, err)
	kind, params, err := mime.ParseMediaType(msg.Header.Get("Content-Type"))
	require.NoError(t, err)
	require.Equal(t, "multipart/alternative", kind)
	var parts []string
	for all := multipart.NewReader(msg.Body, params["boundary"]); ; {
		part, err := all.NextRawPart()
		if err == io.EOF {
			break
		}
		require.NoError(t, err)
		require.Equal(t, "quoted-printable", part.Header.Get("Content-Transfer-Encoding"))
		body, err := io.ReadAll(quotedprintable.NewReader(part))
		require.NoError(t, err)
		parts = append(parts, strings.ReplaceAll(string(body), "\r\n", "\n"))
	}
	require.Len(t, parts, 2)
	return msg.Header, parts[0], parts[1]
}

func inquiry(notice lead.Notice) lead.Delivery {
	d := delivery()
	d.Notice, d.Lead.PropertyID, d.Lead.Name, d.Lead.Email, d.Lead.Phone = notice, "EB-AB1234", "Ana Luz", "ana@ejemplo.mx", "+52 55 1234 5678"
	d.RemoteID, d.Lead.ReceivedAt, d.Lead.Extra = 7, d.At, []lead.Pair{{Name: "Zona", Value: "Roma & Condesa"}}
	return d
}

func TestAMailSaysWhatTheVisitorWrote(t *testing.T) {
	o := postOffice(t)
	box := mailboxAt(t, o.Addr)
	for notice, subject := range map[lead.Notice]string{
		lead.NoticeReceived: "Casas de la Costa · consulta 7 · EB-AB1234",
		lead.NoticeWaiting:  "Casas de la Costa · consulta 7: aún no está en EasyBroker · EB-AB1234",
		lead.NoticeArrived:  "Casas de la Costa · consulta 7: ya está en EasyBroker · EB-AB1234",
	} {
		d := inquiry(notice)
		require.Equal(t, Result{Taken: true, Status: 250}, box.Sender()(t.Context(), d, time.Now()))
		taken := o.Taken()
		head, text, page := read(t, taken[len(taken)-1].Data)
		decoded, err := new(mime.WordDecoder).DecodeHeader(head.Get("Subject"))
		require.NoError(t, err)
		require.Equal(t, subject, decoded)
		require.Equal(t, `"Ana Luz" <ana@ejemplo.mx>`, head.Get("Reply-To"))
		require.Equal(t, "<msg_1@casas.mx>", head.Get("Message-Id"), "the same at each attempt")
		require.Equal(t, "auto-generated", head.Get("Auto-Submitted"))
		require.Empty(t, head.Get("List-Unsubscribe"))
		for _, said := range []string{"EB-AB1234", "Ana Luz", "ana@ejemplo.mx", "+52 55 1234 5678", "mailto:ana@ejemplo.mx", "tel:+525512345678", "https://wa.me/525512345678", "Folio 7"} {
			require.Contains(t, text, said)
			require.Contains(t, strings.ReplaceAll(page, "&#43;", "+"), said)
		}
		require.Contains(t, text, "¿Sigue <disponible>? 🏡")
		require.Contains(t, page, "¿Sigue &lt;disponible&gt;? 🏡")
		require.Contains(t, page, "Roma &amp; Condesa")
		for _, tracks := range []string{"<img", "<script", "src=", "<link", "ZgotmplZ"} {
			require.NotContains(t, page, tracks)
		}
	}
	box.Lang = locale.EN
	box.Sender()(t.Context(), inquiry(lead.NoticeWaiting), time.Now())
	_, text, _ := read(t, o.Taken()[3].Data)
	require.Contains(t, text, "After 15 min it is not known to be in EasyBroker")
}

// Whatever somebody calls himself, a mail has the headers that we write, and goes to the
// agency alone.
func TestNothingOfTheVisitorIsAHeader(t *testing.T) {
	o := postOffice(t)
	send := mailboxAt(t, o.Addr).Sender()
	for name, test := range map[string]struct{ name, email, wantName, wantEmail string }{
		"a header more":    {"Ana\r\nBcc: todos@casas.mx", "ana@ejemplo.mx", "Ana Bcc todos casas.mx", "ana@ejemplo.mx"},
		"marks":            {`Ana", <otra@x.mx>; "`, "ana@ejemplo.mx", "Ana otra x.mx", "ana@ejemplo.mx"},
		"an encoded word":  {"=?utf-8?q?a=0D=0ABcc:x@x.mx?=", "ana@ejemplo.mx", "utf-8 q a 0D 0ABcc x x.mx", "ana@ejemplo.mx"},
		"very long":        {strings.Repeat("ñandú ", 500), "ana@ejemplo.mx", strings.Repeat("ñandú ", 9) + "ñandú", "ana@ejemplo.mx"},
		"right to left":    {"\u202eمريم\u2066 الزهراء", "ana@ejemplo.mx", "مريم الزهراء", "ana@ejemplo.mx"},
		"signs alone":      {"🏡\x00\u2028", "ana@ejemplo.mx", "", "ana@ejemplo.mx"},
		"odd signs":        {"Ana", "o'hara+{x}|%=?@ejemplo.mx", "Ana", "o'hara+{x}|%=?@ejemplo.mx"},
		"other letters":    {"José", "josé@ejemplo.mx", "", ""},
		"two addresses":    {"Ana", "a@x.mx, b@x.mx", "", ""},
		"a header's end":   {"Ana", "a@x.mx\r\nBcc: b@x.mx", "", ""},
		"no address":       {"Ana", "", "", ""},
		"a name's address": {"Ana", "Ana <a@x.mx>", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			d := inquiry(lead.NoticeReceived)
			d.Lead.Name, d.Lead.Email, d.Lead.PropertyID = test.name, test.email, "EB-1\r\nBcc: x@x.mx"
			require.True(t, send(t.Context(), d, time.Now()).Taken)
			taken := o.Taken()
			last := taken[len(taken)-1]
			require.Equal(t, []string{"ventas@casas.mx"}, last.To)
			head, _, _ := read(t, last.Data)
			for name := range head {
				require.Contains(t, []string{"Auto-Submitted", "Content-Type", "Date", "From", "Message-Id", "Mime-Version", "Reply-To", "Subject", "To"}, name)
			}
			if test.wantEmail == "" {
				require.Empty(t, head.Get("Reply-To"))
				return
			}
			to, err := head.AddressList("Reply-To")
			require.NoError(t, err)
			require.Equal(t, []*mail.Address{{Name: test.wantName, Address: test.wantEmail}}, to)
			require.NotContains(t, head.Get("Subject"), "Bcc")
		})
	}
}

func TestWhyAMailIsNotTaken(t *testing.T) {
	o := postOffice(t)
	o.Answer(func(line string) string {
		if strings.HasPrefix(line, "RCPT") {
			return "550 5.1.1 ventas@casas.mx s3cret"
		}
		return ""
	})
	require.Equal(t, Result{Status: 550, Why: "the mail server did not take it"}, mailboxAt(t, o.Addr).Sender()(t.Context(), inquiry(lead.NoticeReceived), time.Now()))
	require.Equal(t, Result{Why: "the mail server cannot be reached"}, mailboxAt(t, "127.0.0.1:1").Sender()(t.Context(), inquiry(lead.NoticeReceived), time.Now()))
}

// waiting runs a carrier for a mailbox that gets what waits for a quarter of an hour.
func waiting(t *testing.T, run func(t *testing.T, s *store.Store, box *receiver)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "leads.db"))
		require.NoError(t, err)
		ventas := lead.MailChannel("casas", "ventas@casas.mx")
		s.Subscribe(map[string][]lead.Subscription{"casas": {{Channel: ventas, Notices: []lead.Notice{lead.NoticeWaiting}, After: 15 * time.Minute}}})
		box := &receiver{answer: takes}
		end := carryTo(t, s, Channel{Name: ventas, Send: box.send})
		run(t, s, box)
		end()
		require.NoError(t, s.Close())
	})
}

func TestALeadThatArrivesInTimeIsNoMail(t *testing.T) {
	waiting(t, func(t *testing.T, s *store.Store, box *receiver) {
		id := keep(t, s)
		time.Sleep(14 * time.Minute)
		confirm(t, s, id)
		time.Sleep(time.Hour)
		asked, _ := box.counted()
		require.Zero(t, asked)
		told, err := s.Deliveries(t.Context(), id)
		require.NoError(t, err)
		require.Empty(t, told)
	})
}

func TestALeadThatWaitsIsAMailAndThenAnother(t *testing.T) {
	if testing.Short() {
		t.Skip("it has nothing to race with")
	}
	waiting(t, func(t *testing.T, s *store.Store, box *receiver) {
		id := keep(t, s)
		time.Sleep(15*time.Minute - 2*time.Second)
		asked, _ := box.counted()
		require.Zero(t, asked)
		time.Sleep(5 * time.Second)
		require.Equal(t, []lead.Notice{lead.NoticeWaiting}, noticesOf(t, s, id))
		time.Sleep(24 * time.Hour)
		asked, _ = box.counted()
		require.Equal(t, 1, asked)
		confirm(t, s, id)
		time.Sleep(time.Hour)
		require.Equal(t, []lead.Notice{lead.NoticeWaiting, lead.NoticeArrived}, noticesOf(t, s, id))
		_, taken := box.counted()
		require.Equal(t, 2, taken)
	})
}

// When the mail server comes back after the lead has arrived, the agency is told only that.
func TestAMailIsNotLate(t *testing.T) {
	waiting(t, func(t *testing.T, s *store.Store, box *receiver) {
		box.set(refuses)
		id := keep(t, s)
		time.Sleep(time.Hour)
		confirm(t, s, id)
		box.set(takes)
		time.Sleep(5 * time.Hour)
		require.Equal(t, []lead.Notice{lead.NoticeArrived}, noticesOf(t, s, id))
		_, taken := box.counted()
		require.Equal(t, 1, taken)
	})
}

// A quarter of an hour counts from when a person has let the lead go on its way.
func TestAReleasedLeadWaitsFromThenOn(t *testing.T) {
	waiting(t, func(t *testing.T, s *store.Store, box *receiver) {
		draft := storetest.Draft(t, time.Now())
		draft.Quarantine("spam")
		kept, err := s.Keep(t.Context(), lead.Submission{Lead: draft, Tick: lead.Milliseconds})
		require.NoError(t, err)
		time.Sleep(time.Hour)
		_, err = s.Amend(t.Context(), kept.RemoteID, func(l *lead.Lead) error { return l.Release(time.Now()) })
		require.NoError(t, err)
		require.NoError(t, s.OpenChannel(t.Context(), lead.MailChannel("casas", "ventas@casas.mx")))
		time.Sleep(14 * time.Minute)
		asked, _ := box.counted()
		require.Zero(t, asked, "not even if the mailbox was off and is tried again")
		time.Sleep(2 * time.Minute)
		asked, _ = box.counted()
		require.Equal(t, 1, asked)
	})
}

func confirm(t *testing.T, s *store.Store, id lead.RemoteID) {
	t.Helper()
	isNews, err := s.Confirm(t.Context(), id, time.Now(), "")
	require.NoError(t, err)
	require.True(t, isNews)
}

func noticesOf(t *testing.T, s *store.Store, id lead.RemoteID) (all []lead.Notice) {
	t.Helper()
	told, err := s.Deliveries(t.Context(), id)
	require.NoError(t, err)
	for _, d := range told {
		if d.State == lead.DeliveryTaken {
			all = append(all, d.Notice)
		}
	}
	return all
}

// Times are in the zone of the process, as in the console, and say which that is.
func TestTimesAreInTheZoneOfTheProcess(t *testing.T) {
	zone, was := time.FixedZone("CST", -6*60*60), time.Local
	time.Local = zone
	defer func() { time.Local = was }()
	box := Mailbox{Site: "casas.mx", Lang: locale.EN, Dialable: func(string) string { return "" }}
	at := time.Date(2026, 3, 2, 3, 0, 0, 0, time.UTC)
	text, page := box.texts(&lead.Delivery{Notice: lead.NoticeReceived, Lead: lead.Lead{ReceivedAt: at}})
	for _, one := range []string{text, page} {
		require.Contains(t, one, "2026-03-01 21:00 CST")
	}
}
