module github.com/llm-d/llm-d-modelservice/tools/bin/gateway-api

go 1.26.0

tool sigs.k8s.io/gateway-api/hack/supportedfeatures

require (
	sigs.k8s.io/gateway-api v1.6.3 // indirect
)
