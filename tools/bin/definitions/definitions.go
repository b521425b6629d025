//go:build definitions

// Package definitions keeps the modules in go.mod whose CustomResourceDefinitions the tests install.
package definitions

import (
	_ "github.com/kedacore/keda/v2/apis/keda/v1alpha1"
	_ "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	_ "sigs.k8s.io/gateway-api/apis/v1"
)
