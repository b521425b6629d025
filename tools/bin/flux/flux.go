//go:build definitions

// Package flux keeps the modules in go.mod from whose types the tests generate Flux's CustomResourceDefinitions.
package flux

import (
	_ "github.com/fluxcd/helm-controller/api/v2"
	_ "github.com/fluxcd/source-controller/api/v1"
)
