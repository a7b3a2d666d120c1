package intake

import (
	"net/http"
	"strings"
)

// deliveryID returns the id that a webhook sender gave to a delivery, with the name
// of its header. The sender gives the same id when it tries again. deliveryID
// returns "" if there is none, and for browsers, which have none to give.
func deliveryID(h http.Header) string {
	if len(h["Origin"]) > 0 || len(h["Sec-Fetch-Mode"]) > 0 {
		return ""
	}
	best, found := 0, ""
	for name, values := range h {
		rank := deliveryRank(name)
		if rank == 0 || len(values) == 0 || values[0] == "" {
			continue
		}
		if id := name + " " + values[0]; found == "" || rank < best || (rank == best && id < found) {
			best, found = rank, id // the same of several each time
		}
	}
	return found
}

// deliveryRank returns 0 for a header that does not name a delivery. Of the others
// the lowest counts: a sender's own comes before that of a service in between.
//
// A header that changes with each try is none, such as Box-Delivery-Id
// (https://developer.box.com/guides/webhooks/v2). Nor is one that names the
// subscription, such as X-Claap-Webhook-Id (https://docs.claap.io/api-reference/webhooks).
// X-Request-Id comes last. Some senders repeat it. If a proxy makes a new one for
// each request, that does no harm, because an id counts only with the same content.
func deliveryRank(name string) int {
	switch name {
	case "Webhook-Id": // https://www.standardwebhooks.com, https://github.com/huggingface/hub-docs/pull/2749
		return 1
	case "Svix-Id": // the same by its older name: https://docs.svix.com/idempotency
		return 2
	case "X-Contentful-Idempotency-Key": // https://www.contentful.com/developers/changelog/idempotency-key-headers-for-webhook-requests
		return 3
	case "X-Shopify-Webhook-Id": // comes beside X-Shopify-Event-Id
		return 5
	case "X-Hookdeck-Eventid": // a service in between: https://trigger.dev/docs/webhooks/providers/hookdeck
		return 6
	case "X-Request-Id":
		return 7
	}
	if isDelivery(name) {
		return 4
	}
	return 0
}

// isDelivery reports whether the header is of the kind that senders with a header
// of their own use:
// X-WC-Webhook-Delivery-ID (https://github.com/woocommerce/woocommerce-rest-api-docs),
// X-DSGo-Delivery (https://github.com/jnealey-godaddy/designsetgo/wiki/Api-Form-Webhooks),
// X-Chatwoot-Delivery, X-GitHub-Delivery,
// X-Documenso-Delivery-Id (https://github.com/documenso/documenso/issues/3204),
// X-Webhook-Delivery-Id (https://developers.hiassessments.com/webhooks/delivery.html),
// X-Shopify-Event-Id (https://shopify.dev/docs/apps/build/webhooks/ignore-duplicates),
// X-PandaDoc-Webhook-Event-Id (https://developers.pandadoc.com/docs/webhook-deduplication),
// X-Event-Id (https://docs.openmail.sh/concepts/webhooks).
func isDelivery(name string) bool {
	return strings.HasPrefix(name, "X-") &&
		(strings.HasSuffix(name, "-Delivery") || strings.HasSuffix(name, "-Delivery-Id") || strings.HasSuffix(name, "-Event-Id"))
}
