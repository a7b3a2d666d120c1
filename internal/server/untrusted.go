package server

import (
	"net/http"
	"net/netip"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/time/rate"
)

// WarnOfUntrusted logs, at most once a minute, that requests come through a proxy
// that is not trusted: all visitors then share the limits of one address. It names
// the proxy if its address is private. A public address may be that of a visitor who
// wrote the header.
func (p Proxies) WarnOfUntrusted(log zerolog.Logger) func(http.Handler) http.Handler {
	lines := rate.NewLimiter(rate.Every(time.Minute), 1)
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if len(r.Header["X-Forwarded-For"])+len(r.Header["Forwarded"]) > 0 {
				if peer, ok := parseHop(r.RemoteAddr); ok && !p.trusts(peer) && lines.Allow() {
					warnOfUntrusted(log, peer)
				}
			}
			next.ServeHTTP(w, r)
		})
	}
}

func warnOfUntrusted(log zerolog.Logger, peer netip.Addr) {
	event := log.Warn()
	if peer.IsLoopback() || peer.IsPrivate() || peer.IsLinkLocalUnicast() {
		event = event.Stringer("proxy", peer).Str("trust_with", "LEADRELAY_TRUSTED_PROXIES="+netip.PrefixFrom(peer, peer.BitLen()).String())
	}
	event.Msg("requests come through a proxy that is not in LEADRELAY_TRUSTED_PROXIES: all of its visitors share the limits of one address")
}
