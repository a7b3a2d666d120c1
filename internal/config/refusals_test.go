package config_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A lead that EasyBroker refuses is not lost, but waits for a person.
func TestWhatEasyBrokerWouldRefuseIsToldBeforehand(t *testing.T) {
	for name, test := range map[string]struct {
		site string
		want []string // what it takes
	}{
		"a partner as usual":                                {"api: partner", nil},
		"an account as usual":                               {"api: account", nil},
		"a partner with either":                             {"api: partner}, require: [property_id, email|phone, message", nil},
		"a partner without a property":                      {"api: partner}, require: [email, message", []string{"without property_id"}},
		"a partner whose property may be anything":          {"api: partner}, require: [property_id|name, email, message", []string{"without property_id"}},
		"a partner without anything else":                   {"api: partner}, require: [property_id", []string{"without email or phone", "without message"}},
		"a partner whose template has more to say":          {`api: partner}, message_template: "{message}\nDe casas.mx", require: [property_id, phone`, nil},
		"an account with a property and a name":             {"api: account}, require: [property_id, name", nil},
		"an account with a property and anything":           {"api: account}, require: [property_id, name|email|phone", nil},
		"an account with a property and nobody":             {"api: account}, require: [property_id, message", []string{"without name or email or phone"}},
		"an account that takes general inquiries":           {"api: account}, require: [name, email|phone, message", nil},
		"an account that asks for more without a property":  {"api: account}, require: [property_id|name, email|phone, property_id|message", nil},
		"an account whose general inquiries have no name":   {"api: account}, require: [email, message", []string{"without property_id and without name"}},
		"an account whose general inquiries have a way out": {"api: account}, require: [name, message", []string{"without property_id and without email or phone"}},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := loadFile("sites:\n  casas: {source: casas.mx, easybroker: {api_key: k3y, " + closed(test.site))
			require.NoError(t, err)
			var warnings []string
			for _, lack := range test.want {
				column := strings.Index("  casas: {source: casas.mx, easybroker: {api_key: k3y, "+test.site, "require") + 1
				warnings = append(warnings, fmt.Sprintf("relay.yaml:2:%d: the site casas takes inquiries %s, and EasyBroker refuses those; require it", column, lack))
			}
			require.Equal(t, warnings, c.Warnings)
		})
	}
}

// closed returns a line of YAML with its open brackets closed.
func closed(text string) string {
	if strings.Contains(text, "[") {
		return text + "]}\n"
	}
	return text + "}}\n"
}

func TestAnAccountWithoutASourceIsToldBeforehand(t *testing.T) {
	for api, want := range map[string]int{"partner": 0, "account": 1} {
		c, err := loadFile("easybroker: {api: " + api + ", api_key: k3y, send_source: false}\nsites: {casas: {source: casas.mx}}\n")
		require.NoError(t, err)
		require.Len(t, c.Warnings, want)
		if want > 0 {
			require.Equal(t, "relay.yaml:1:42: EasyBroker wants the source from an account, and refuses every lead of the site casas without it", c.Warnings[0])
		}
	}
}

func TestAWrongListIsNotWarnedOfTwice(t *testing.T) {
	c, err := loadFile("easybroker: {api_key: k3y}\nsites: {casas: {source: casas.mx, require: [everything]}}\n")
	require.Len(t, complaints(err), 1)
	require.Empty(t, c.Warnings)
}

func TestAPrivacyTextNeedsItsNotice(t *testing.T) {
	const one = "sites: {a: {source: a.mx, easybroker: {api_key: k}, privacy_text: %s%s}}"
	c, err := loadFile(fmt.Sprintf(one, "Usamos tus datos", ""))
	require.NoError(t, err)
	require.Contains(t, strings.Join(c.Warnings, "\n"), "is not shown without one; name it with privacy_url")
	c, err = loadFile(fmt.Sprintf(one, "Usamos tus datos", ", privacy_url: https://a.mx/aviso"))
	require.NoError(t, err)
	require.NotContains(t, strings.Join(c.Warnings, "\n"), "privacy")
	require.Equal(t, "Usamos tus datos", c.Sites[0].PrivacyText)
	_, err = loadFile(fmt.Sprintf(one, strings.Repeat("ñ", 301), ""))
	require.ErrorContains(t, err, "has more than 300 characters")
}
