module github.com/llm-d/llm-d-modelservice/tools/bin/keda

go 1.26.0

tool github.com/kedacore/keda/v2/cmd/operator

require (
	github.com/kedacore/keda/v2 v2.21.0 // indirect
)
