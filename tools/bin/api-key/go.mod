module github.com/llm-d/llm-d-modelservice/tools/bin/api-key

go 1.26.0
