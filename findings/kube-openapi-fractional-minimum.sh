#!/usr/bin/env bash
# kube-apiserver checks custom resources with k8s.io/kube-openapi. An integer is compared with a bound
# that was cut to an integer: 0 passes "minimum: 0.001", 0.0 does not. JSON has one kind of number, so
# "leverage: 0" is stored where "leverage: 0.0005" is refused.
#
# Seen with v0.0.0-20250910181357-589584f1c912, the version in Kubernetes 1.35.4:
#   int64 0 refused: false
#   float64 0 refused: true
#   float64 0.0005 refused: true
#   int64 1 refused: false
#   int64 -1 refused: true
#
# In CLM: a CEL rule repeats every minimum that is a fraction.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat > main.go <<'GO'
package main

import (
	"fmt"

	"k8s.io/kube-openapi/pkg/validation/spec"
	"k8s.io/kube-openapi/pkg/validation/strfmt"
	"k8s.io/kube-openapi/pkg/validation/validate"
)

func main() {
	least := 0.001
	schema := &spec.Schema{SchemaProps: spec.SchemaProps{Type: spec.StringOrArray{"number"}, Minimum: &least}}
	for _, value := range []any{int64(0), 0.0, 0.0005, int64(1), int64(-1)} {
		result := validate.NewSchemaValidator(schema, nil, "", strfmt.Default).Validate(value)
		fmt.Printf("%T %v refused: %v\n", value, value, !result.IsValid())
	}
}
GO
go mod init finding 2>/dev/null
go get k8s.io/kube-openapi@v0.0.0-20250910181357-589584f1c912 2>/dev/null
go mod tidy 2>/dev/null
seen=$(go run .)
echo "kube-openapi v0.0.0-20250910181357-589584f1c912"
echo "$seen"
[ "$seen" = "int64 0 refused: false
float64 0 refused: true
float64 0.0005 refused: true
int64 1 refused: false
int64 -1 refused: true" ] || { echo "the behaviour has changed" >&2; exit 1; }
