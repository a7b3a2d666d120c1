package lead

// Field is the name of a field of an inquiry. EasyBroker uses the same names.
type Field string

// The fields of an inquiry.
const (
	PropertyID Field = "property_id"
	Name       Field = "name"
	Email      Field = "email"
	Phone      Field = "phone"
	Message    Field = "message"
)

// Fields returns the fields of an inquiry in the order in which we list them.
// Whatever is done with every field is done by ranging over them: a new field
// needs an entry here, one in [Inquiry] and one in its pointer method. It is
// cleaned as one line of at most 100 characters; text.go and valid.go list the
// fields that are more or less than that.
func Fields() []Field { return []Field{PropertyID, Name, Email, Phone, Message} }

// Inquiry is what a visitor submitted, as it arrived.
type Inquiry struct {
	Site       string `json:"-"`
	PropertyID string `json:"-"`
	Name       string `json:"name,omitempty"`
	Email      string `json:"email,omitempty"`
	Phone      string `json:"phone,omitempty"` // as typed; it becomes E.164 when it is sent
	Message    string `json:"message,omitempty"`

	// Context is what came with the inquiry and stays with us, unless the site's
	// [Template] names it: page_url, utm_*, consent.
	Context map[string]string `json:"context,omitempty"`
	// Extra are the form's other fields, for the operator to read. They stay
	// with us, too.
	Extra []Pair `json:"extra,omitempty"`
	// Ambiguous tells [New] that the form named more than one property, and that
	// PropertyID is the first. The lead says so in its context.
	Ambiguous bool `json:"-"`
	// LeftOut counts what came with the inquiry but was dropped or shortened for
	// lack of room. [New] adds to it.
	LeftOut int `json:"-"`
}

// Get returns the value of a field. It is empty if the field is not one of ours.
func (q *Inquiry) Get(f Field) string {
	if p := q.pointer(f); p != nil {
		return *p
	}
	return ""
}

// Set sets the value of a field. It does nothing if the field is not one of ours.
func (q *Inquiry) Set(f Field, value string) {
	if p := q.pointer(f); p != nil {
		*p = value
	}
}

// pointer returns where the value of a field is stored, or nil if the field is
// not one of ours.
func (q *Inquiry) pointer(f Field) *string {
	switch f {
	case PropertyID:
		return &q.PropertyID
	case Name:
		return &q.Name
	case Email:
		return &q.Email
	case Phone:
		return &q.Phone
	case Message:
		return &q.Message
	}
	return nil
}
