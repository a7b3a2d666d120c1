package console

import (
	_ "embed"
	"net/http"

	"leadrelay/internal/problem"
)

// OpenAPIPath is where the operator's door describes both doors.
const OpenAPIPath = "/openapi.yaml"

//go:embed openapi.yaml
var description []byte

// OpenAPI answers with the description of both doors. It is the same for
// everybody and holds no secret, so it needs no token.
func OpenAPI(w http.ResponseWriter, _ *http.Request) {
	problem.Guard(w.Header())
	w.Header().Set("Content-Type", "application/yaml")
	_, _ = w.Write(description) // the client has gone; nobody is left to tell
}
