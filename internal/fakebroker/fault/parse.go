package fault

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
)

// Parse decodes JSON over a copy of base. The error names an unknown field or value, and
// those that there are.
func Parse(base Faults, data []byte) (Faults, error) {
	f := base.Clone()
	if err := decode(data, &f); err != nil {
		return Faults{}, fmt.Errorf("faults: %w", err)
	}
	return f, f.Check()
}

// UnmarshalJSON implements [json.Unmarshaler]. It keeps nothing of what t was: a list of
// troubles that replaces another is decoded into its elements.
func (t *Trouble) UnmarshalJSON(data []byte) error {
	type plain Trouble // without this method
	var decoded plain
	if err := decode(data, &decoded); err != nil {
		return fmt.Errorf("trouble: %w", err)
	}
	*t = Trouble(decoded)
	return nil
}

// decode decodes one JSON object strictly. Its errors have none of Go's types in them.
func decode(data []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	err := d.Decode(into)
	if err == nil {
		if _, err := d.Token(); !errors.Is(err, io.EOF) {
			return errors.New("there is something behind the JSON object")
		}
		return nil
	}
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fmt.Errorf("%s cannot be a JSON %s", cmp.Or(wrong.Field, "this"), wrong.Value)
	}
	if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok { // which has no type of its own
		return fmt.Errorf("unknown field %s; the fields are %s", name, strings.Join(fieldNames(into), ", "))
	}
	if _, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Errorf(`not a JSON object such as {"list_lag":"30s"}: %w`, err)
	}
	return err
}

// fieldNames returns the JSON names of the struct's fields, sorted.
func fieldNames(pointer any) []string {
	var names []string
	for _, f := range reflect.VisibleFields(reflect.TypeOf(pointer).Elem()) {
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
