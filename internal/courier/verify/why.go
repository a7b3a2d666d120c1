package verify

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"

	"leadrelay/internal/courier/breaker"
	"leadrelay/internal/easybroker"
	"leadrelay/internal/lead"
)

// Why returns the reason for a person of a call to EasyBroker that failed, or of a list
// that could not be read. The log has the error itself.
func Why(err error) string {
	var (
		notSent    *easybroker.NotSentError
		unreadable *easybroker.UnreadableError
		status     *easybroker.StatusError
		stopped    *breaker.StoppedError
	)
	switch {
	case errors.As(err, &stopped):
		return lead.CredentialIs(stopped.State, stopped.Reason)
	case errors.As(err, &notSent):
		return whyNotSent(notSent)
	case errors.As(err, &unreadable):
		return lead.WithStatus(lead.ReasonUnreadable, unreadable.Status)
	case errors.As(err, &status):
		return lead.WithStatus(whyStatus(status), status.Status)
	case errors.Is(err, errTooManyPages):
		return lead.ReasonListTooLong
	case errors.Is(err, errTooLarge):
		return lead.ReasonListTooLarge
	case errors.Is(err, errMoving):
		return lead.ReasonListMoves
	case errors.Is(err, context.DeadlineExceeded):
		return lead.ReasonUnanswered
	}
	return lead.ReasonBroken
}

// whyNotSent tells a name, a certificate and a connection apart, because each is mended
// elsewhere.
func whyNotSent(err error) string {
	var (
		dns         *net.DNSError
		certificate *tls.CertificateVerificationError
	)
	switch {
	case errors.As(err, &dns):
		return lead.ReasonUnknownName
	case errors.As(err, &certificate):
		return lead.ReasonInsecure
	}
	return lead.ReasonUnreachable
}

func whyStatus(e *easybroker.StatusError) string {
	switch {
	case e.Status == http.StatusUnauthorized, e.Status == http.StatusForbidden:
		return lead.ReasonKeyRefused
	case e.Status == http.StatusTooManyRequests, e.Status == http.StatusTooEarly:
		return lead.ReasonPause
	case e.Status == http.StatusRequestTimeout:
		return lead.ReasonGateway
	case e.Status == http.StatusConflict:
		return lead.ReasonFolioRefused
	case e.Status == http.StatusNotFound && e.NotJSON:
		return lead.ReasonNotEasyBroker
	case e.Status >= 300 && e.Status < 400:
		return lead.ReasonRedirected
	case e.Status >= 500:
		return lead.ReasonError
	}
	return lead.ReasonRefused
}
