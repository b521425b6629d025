//go:build definitions

// Package definitions keeps in go.mod the module whose CustomResourceDefinitions and charts the tests install.
package definitions

import _ "sigs.k8s.io/gateway-api-inference-extension/api/v1"
