package torture_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/courier"
	"leadrelay/internal/fakebroker"
	"leadrelay/internal/lead"
)

// The process is killed at each instant of an attempt, and comes back with
// another template. A plain account's list has no remote_id, so by its words
// alone can a lead be known there.
func TestATemplateThatChangesWithTheProcess(t *testing.T) {
	page, err := lead.ParseTemplate("{message}\n\nDe: {name}")
	require.NoError(t, err)
	phone, err := lead.ParseTemplate("{message}\nTel. {phone}")
	require.NoError(t, err)
	for name, templates := range map[string][]lead.Template{"another": {page, phone}, "a new one": {{}, page}, "none more": {phone, {}}} {
		died := faults()[0]
		for n, at := range died.at {
			if isLeftOut(n) {
				continue
			}
			t.Run(name+", "+at.String(), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					b := makeBed(t, cell{fault: &died, at: at, everyNth: 1}, courier.Options{}, fakebroker.Faults{ListLag: fakebroker.Duration(time.Minute)})
					for _, template := range templates {
						b.routes = append(b.routes, courier.Route{Site: site, Account: plainAccount(), SendSource: true, Template: template})
					}
					b.startHosts(0)
					b.post(1)
					b.rest(3 * time.Hour)
					require.NotEmpty(t, b.hit)
					book := b.broker.Book()
					require.Len(t, book, 1)
					require.True(t, strings.HasPrefix(book[0].Message, "lead 1"))
					require.Equal(t, 1, b.count(lead.Confirmed))
				})
			})
		}
	}
}
