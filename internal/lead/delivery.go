package lead

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"time"
)

// Notice is what somebody besides EasyBroker is told of a lead.
type Notice string

// The notices. A lead is received when it is queued: one that is quarantined, when it is
// released.
const (
	NoticeReceived  Notice = "lead.received"
	NoticeDelivered Notice = "lead.delivered"
	NoticeConfirmed Notice = "lead.confirmed"
	NoticeFailed    Notice = "lead.failed"

	// NoticeWaiting is that EasyBroker does not have a lead some time after it was queued,
	// and NoticeArrived that it has one of which that was told. They are for mail alone.
	NoticeWaiting Notice = "lead.waiting"
	NoticeArrived Notice = "lead.arrived"

	// NoticeTest is about a test inquiry. It goes to every channel of the site, whatever else
	// that asks for, so that all of them are tried.
	NoticeTest Notice = "lead.test"
)

// Notices returns the notices of a lead's moves.
func Notices() []Notice {
	return []Notice{NoticeReceived, NoticeDelivered, NoticeConfirmed, NoticeFailed}
}

// NoticeOf returns the notice about a lead that has moved, or "" if there is none. Whether
// a lead was received before is for the store to know.
func NoticeOf(was, is State) Notice {
	switch {
	case was == is:
	case is == Queued && (was == "" || was == Quarantined || was == Discarded):
		return NoticeReceived
	case is == Delivered:
		return NoticeDelivered
	case is == Confirmed:
		return NoticeConfirmed
	case is == Failed:
		return NoticeFailed
	}
	return ""
}

// Channel is the name of where notices of a site go. It has nothing of an address.
type Channel string

// HookChannel returns the channel of a site's webhook.
func HookChannel(site, address string) Channel { return channelOf("hook", site, address) }

// MailChannel returns the channel of somebody who gets a site's leads by mail.
func MailChannel(site, to string) Channel { return channelOf(KindMail, site, to) }

// KindMail is the kind of the channels that are mailboxes.
const KindMail = "mail"

func channelOf(kind, site, address string) Channel {
	sum := sha256.Sum256([]byte(address))
	return Channel(kind + ":" + site + ":" + hex.EncodeToString(sum[:8]))
}

// Site returns whose channel it is.
func (c Channel) Site() string {
	_, rest, _ := strings.Cut(string(c), ":")
	site, _, _ := strings.Cut(rest, ":")
	return site
}

// Kind returns what kind of channel it is, such as hook.
func (c Channel) Kind() string {
	kind, _, _ := strings.Cut(string(c), ":")
	return kind
}

// Subscription says which notices go to a channel.
type Subscription struct {
	Channel Channel
	Notices []Notice
	After   time.Duration // after which a lead is waiting
}

// Wants reports whether the notice goes to the channel.
func (s *Subscription) Wants(n Notice) bool { return slices.Contains(s.Notices, n) }

// DeliveryState is how far a delivery is.
type DeliveryState string

// The states of a delivery.
const (
	DeliveryDue     DeliveryState = "due"      // waits for its first or next attempt
	DeliveryTaken   DeliveryState = "taken"    // the channel has it
	DeliveryGivenUp DeliveryState = "given_up" // it was tried for as long as it may be
)

// Delivery is a notice on its way to a channel.
type Delivery struct {
	RemoteID RemoteID
	Channel  Channel
	Notice   Notice
	Number   int       // of the notices of this kind about the lead, from 1
	At       time.Time // when it happened
	State    DeliveryState
	Attempts int    // of which the last may be under way
	ID       string // the same at each attempt, and no other's
	Status   int    // what the last attempt was answered; 0 without an answer
	EndedAt  time.Time

	Lead Lead // as it is now, if the delivery was claimed
}

// DeliveryEnd is how an attempt of a delivery ended.
type DeliveryEnd struct {
	State  DeliveryState
	Status int
	At     time.Time
	DueAt  time.Time // of the next attempt
	Off    string    // why the channel is switched off; empty if it is not
}

// ChannelTrouble is a channel that takes nothing.
type ChannelTrouble struct {
	Channel Channel
	Since   time.Time // of the first attempt that failed
	OffAt   time.Time // zero if it is still tried
	Why     string    // it is off: gone, or expired
}

// Why a channel is off.
const (
	OffGone    = "gone"    // it answered that it is gone for good
	OffExpired = "expired" // it took nothing for as long as a delivery is tried
)
