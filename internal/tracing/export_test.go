package tracing

import "net/http"

// Through has the tracer reach its collector in another way than the network.
func (t *Tracer) Through(transport http.RoundTripper) { t.exporter.client.Transport = transport }
