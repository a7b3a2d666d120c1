package main

import (
	"context"
	"fmt"
	"time"

	"leadrelay/internal/lead"
	"leadrelay/internal/store"
)

const (
	demoKey    = "demo-key"
	sampleSite = "costa" // whose key EasyBroker refuses in the demo
)

// samples are people who wrote to the other agency of the demo, with what has become of
// them and why. They are kept in this order.
var samples = []struct {
	name, property, message string
	ago                     time.Duration
	state                   lead.State
	reason                  string
}{
	{"Rosa Elena Ibarra", "EB-MR1001", "¿Tiene vista al mar? Nos gustaría verla en diciembre.", 70 * time.Hour, lead.Confirmed, lead.ReasonAccepted},
	{"Héctor Nava", "EB-MR1002", "Busco algo de dos recámaras cerca del malecón.", 52 * time.Hour, lead.Confirmed, lead.ReasonAccepted},
	{"Paula Quiñones", "EB-MR1001", "¿Aceptan crédito bancario?", 49 * time.Hour, lead.Confirmed, lead.ReasonAccepted},
	{"Ernesto y Lupita", "EB-MR1003", "¿Se puede visitar el sábado por la mañana?", 30 * time.Hour, lead.Confirmed, lead.ReasonAccepted},
	{"Karla Montaño", "EB-MR1002", "¿El mantenimiento incluye la alberca?", 26 * time.Hour, lead.Confirmed, lead.ReasonAccepted},
	{"Iván Robles", "EB-VENDIDA", "Sigo interesado, ¿todavía está disponible?", 25 * time.Hour, lead.Failed, lead.ReasonRefused},
	{"Beatriz Olmos", "EB-MR1001", "¿Cuánto piden de enganche?", 5 * time.Hour, lead.Confirmed, lead.ReasonAccepted},
	{"Tomás Ávila", "EB-MR1004", "Me interesa rentarla por un año.", 4 * time.Hour, lead.Doubtful, lead.ReasonUnanswered},
	{"Mejor Posición SEO", "EB-MR1001", "Ponemos tu sitio en el primer lugar de Google.", 3 * time.Hour, lead.Quarantined, "honeypot, seo"},
	{"Crédito Ya", "", "Préstamos sin buró, responde hoy.", 2 * time.Hour, lead.Quarantined, "loan, off_topic"},
	{"Sofía Landa", "EB-MR1003", "¿Admite mascotas? Tengo dos perros pequeños.", 40 * time.Minute, lead.Queued, ""},
	{"Raúl Treviño", "EB-MR1002", "Quisiera una cita por la tarde, por favor.", 12 * time.Minute, lead.Queued, ""},
}

// keepSamples keeps the samples, before the courier looks for leads.
func keepSamples(ctx context.Context, s *store.Store, now time.Time) error {
	for i, one := range samples {
		at := now.Add(-one.ago)
		inquiry := lead.Inquiry{
			Site: sampleSite, PropertyID: one.property, Name: one.name, Email: fmt.Sprintf("muestra%d@ejemplo.mx", i+1),
			Phone: fmt.Sprintf("322 555 01%02d", i), Message: one.message,
		}
		l, err := lead.New(inquiry, "costa.example", lead.Rules{}, at)
		if err != nil {
			return err
		}
		isSent := one.state != lead.Quarantined && one.state != lead.Queued
		if l.State = lead.Queued; one.state == lead.Quarantined {
			l.State, l.Reason = one.state, one.reason
			l.DueAt = time.Time{}
		}
		if _, err := s.Keep(ctx, lead.Submission{Lead: l, Tick: lead.Milliseconds}); err != nil {
			return err
		}
		if isSent {
			if err := sendSample(ctx, s, one.state, one.reason, at); err != nil {
				return err
			}
		}
	}
	return nil
}

// sendSample writes down an attempt for the lead that is due, and how it ended.
func sendSample(ctx context.Context, s *store.Store, state lead.State, reason string, at time.Time) error {
	const took = 900 * time.Millisecond
	claims, _, err := s.Begin(ctx, sampleSite, lead.Due{Now: at, N: 1, Lease: time.Minute})
	if err != nil || len(claims) == 0 {
		return err
	}
	attempt := lead.Attempt{Number: claims[0].Number, BegunAt: at, EndedAt: at.Add(took), Detail: reason}
	end := lead.Settlement{State: state, Reason: reason, At: attempt.EndedAt, Tries: 1, Attempt: &attempt}
	switch state {
	case lead.Failed:
		attempt.Outcome, attempt.Status = lead.OutcomeRefused, 422
		attempt.Detail = lead.WithStatus(reason, attempt.Status)
		end.Reason = attempt.Detail
	case lead.Doubtful:
		attempt.Outcome, end.DueAt = lead.OutcomeUnsure, end.At
	default: // it is confirmed below
		attempt.Outcome, attempt.Status, end.State, end.Reason, end.DueAt = lead.OutcomeDelivered, 200, lead.Delivered, "", end.At
	}
	if err := s.Settle(ctx, claims[0], end); err != nil || state != lead.Confirmed {
		return err
	}
	found, _, err := s.ClaimLookups(ctx, []string{sampleSite}, lead.Due{Now: at.Add(time.Hour), N: 1, Lease: time.Minute})
	if err != nil || len(found) == 0 {
		return err
	}
	return s.Settle(ctx, found[0], lead.Settlement{State: state, At: end.At.Add(10 * time.Second), Tries: 1})
}
