package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"time"

	"leadrelay/internal/bench/stock"
)

// maxPage is how long a page of the console may take.
const maxPage = 100 // ms

// desk measures how long the relay takes for each page of the console.
func (b *bench) desk(ctx context.Context, database string) error {
	r, err := newRelay(ctx)
	if err != nil {
		return err
	}
	defer r.close()
	// Nothing is due, so nobody asks EasyBroker. What has ended long ago would be erased.
	if err := r.open(ctx, b.binary, database, "LEADRELAY_RETENTION_QUARANTINED=off", "LEADRELAY_RETENTION_DISCARDED=off"); err != nil {
		return err
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		return err
	}
	client := &http.Client{Jar: jar, Timeout: time.Minute}
	if _, err := watch(ctx, client, http.MethodPost, "http://"+r.operator+"/login", url.Values{"token": {benchToken}}); err != nil {
		return err
	}
	const times, countsLast = 5, 1100 * time.Millisecond
	folio := stock.PersonID(someone(b.scale.leads)).String()
	var worst float64
	b.table.add(fmt.Sprintf("pages of the console, %d leads: the worst of", b.scale.leads), times, "")
	for _, page := range []string{
		"/", "/?span=90d", "/leads", "/leads?state=failed", "/leads?q=maria&state=quarantined", "/leads/" + folio, "/quarantine", "/reports", "/sites",
	} {
		b.say("asking for %s", page)
		var slowest float64
		for range times {
			time.Sleep(countsLast) // else those of the page before would do
			took, err := watch(ctx, client, http.MethodGet, "http://"+r.operator+page, nil)
			if err != nil {
				return err
			}
			slowest = max(slowest, took)
		}
		b.table.add("  "+strings.Replace(page, folio, "FOLIO", 1), slowest, "ms")
		worst = max(worst, slowest)
	}
	b.table.atMost(maxPage, "  of all", worst, "ms")
	return nil
}

// watch returns how many milliseconds it takes until all of a page is there.
func watch(ctx context.Context, client *http.Client, method, address string, form url.Values) (float64, error) {
	request, err := http.NewRequestWithContext(ctx, method, address, strings.NewReader(form.Encode()))
	if err != nil {
		return 0, err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	begun := time.Now()
	answer, err := client.Do(request)
	if err != nil {
		return 0, err
	}
	_, err = io.Copy(io.Discard, answer.Body)
	took := milliseconds(time.Since(begun))
	if err := errors.Join(err, answer.Body.Close()); err != nil {
		return 0, err
	}
	if answer.StatusCode != http.StatusOK || answer.Request.URL.Path == "/login" {
		return 0, fmt.Errorf("%s: %s", answer.Request.URL, answer.Status)
	}
	return took, nil
}
