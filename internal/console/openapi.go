package console

import (
	_ "embed"
	"net/http"

	"leadrelay/internal/problem"
)

// OpenAPIPath is the path of the description on the operator's door.
const OpenAPIPath = "/openapi.yaml"

//go:embed openapi.yaml
var description []byte

// OpenAPI answers the description of both doors. It contains no secret and is the same
// for everybody, so it needs no token.
func OpenAPI(w http.ResponseWriter, _ *http.Request) {
	problem.Guard(w.Header())
	w.Header().Set("Content-Type", "application/yaml")
	_, _ = w.Write(description) // if it fails, the client has gone
}
