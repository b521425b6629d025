"""modelservice: the tool around the llm-d-modelservice chart."""
