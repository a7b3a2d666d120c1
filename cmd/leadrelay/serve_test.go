package main

import (
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/config"
)

// The courier has no defaults of its own, so every setting of it must have one and be
// passed on.
func TestTheCourierGetsEverySetting(t *testing.T) {
	cfg, err := config.Load(map[string]string{"LEADRELAY_SOURCE": "casas.mx", "EASYBROKER_API_KEY": "k3y"}, config.Open)
	require.NoError(t, err)
	set, passed := reflect.ValueOf(cfg.Courier), reflect.ValueOf(courierOptions(cfg.Courier))
	for i := range set.NumField() {
		name := set.Type().Field(i).Name
		require.False(t, set.Field(i).IsZero(), "%s has no default", name)
		option := passed.FieldByName(name)
		require.True(t, option.IsValid(), "%s is no option", name)
		require.Equal(t, set.Field(i).Interface(), option.Convert(set.Field(i).Type()).Interface(), name)
	}
}
