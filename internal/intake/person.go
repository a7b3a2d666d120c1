package intake

import (
	"cmp"
	"strings"

	"leadrelay/internal/intake/body"
)

// takePart takes a part of the name. The first that is not blank counts.
func (d *draft) takePart(p body.Field, m meaning) {
	name, part := &d.fields[asName], &d.parts[m-asFirst]
	name.name = cmp.Or(name.name, p.Name)
	if p.Kind == body.Text && *part == "" {
		*part = strings.TrimSpace(p.Value)
	}
}

// joinName makes one name of the parts that came apart, first to last. A whole
// name is only added to: nombre beside apellidos is the first name.
func (d *draft) joinName() {
	name := &d.fields[asName]
	given, family := join(d.parts[:asLast-asFirst]), join(d.parts[asLast-asFirst:])
	whole := cmp.Or(strings.TrimSpace(name.value), given)
	if !strings.HasSuffix(strings.ToLower(" "+whole), strings.ToLower(" "+family)) {
		whole = join([]string{whole, family})
	}
	if given != "" || family != "" {
		name.value = whole
	}
}

func join(parts []string) string {
	return strings.Join(strings.Fields(strings.Join(parts, " ")), " ")
}
