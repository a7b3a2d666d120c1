package main

import (
	"maps"
	"reflect"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/lead"
)

func TestLeadsEditHasEveryField(t *testing.T) {
	var c leadsEditCmd
	value := "x"
	for _, field := range reflect.ValueOf(&c).Elem().Fields() {
		if field.Type() == reflect.TypeFor[*string]() {
			field.Set(reflect.ValueOf(&value))
		}
	}
	require.ElementsMatch(t, lead.Fields(), slices.Collect(maps.Keys(c.changes())))
}
