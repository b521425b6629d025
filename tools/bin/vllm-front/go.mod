module github.com/llm-d/llm-d-modelservice/tools/bin/vllm-front

go 1.26.0
