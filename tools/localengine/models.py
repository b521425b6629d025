"""Write tiny models with random weights. Runs in the environment of the engine.

``python models.py FOLDER`` writes one folder of a few hundred kilobytes per model, with the layout of a Hugging Face
repository: configuration, weights, tokenizer, chat template.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    BertModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    Qwen3MoeConfig,
    Qwen3MoeForCausalLM,
)  # fmt: skip

HIDDEN = 64
LAYERS = 2
HEADS = 4
KV_HEADS = 2
HEAD = 32  # the smallest that vLLM's attention for processors takes
CONTEXT = 2048
ADAPTER_RANK = 8

SENTENCES = ["hello world, what is the answer to the question about serving models?"] * 4
CHAT_TEMPLATE = (
    "{% for message in messages %}<|start|>{{ message['role'] }}: {{ message['content'] }}<|end|>{% endfor %}"
    "<|start|>assistant:"
)


def write(folder: Path) -> None:
    """Write all models.

    They are ``dense``, ``moe``, ``embed``, ``rerank``, ``classify``, and ``adapter``, a LoRA adapter of ``dense``.
    ``wide-dense`` and ``wide-moe`` have only a configuration, which divides among many accelerators, and no weights.
    """
    torch.manual_seed(0)
    tokenizer = _byte_tokenizer()
    shape = {
        "vocab_size": len(tokenizer), "hidden_size": HIDDEN, "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS, "num_key_value_heads": KV_HEADS, "head_dim": HEAD,
        "intermediate_size": 2 * HIDDEN, "max_position_embeddings": CONTEXT,
        "bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id,
    }  # fmt: skip
    _save(LlamaForCausalLM(LlamaConfig(**shape)), tokenizer, folder / "dense")
    experts = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": HIDDEN, "decoder_sparse_step": 1}
    _save(Qwen3MoeForCausalLM(Qwen3MoeConfig(**shape, **experts)), tokenizer, folder / "moe")
    for name in ("dense", "moe"):
        _widen(folder / name, folder / f"wide-{name}")
    _write_adapter(folder / "adapter")
    words = _word_tokenizer()
    shape = {
        "vocab_size": len(words), "hidden_size": HIDDEN, "num_hidden_layers": LAYERS, "num_attention_heads": 2,
        "intermediate_size": 2 * HIDDEN, "max_position_embeddings": 128,
    }  # fmt: skip
    _save(BertModel(BertConfig(**shape)), words, folder / "embed")
    _add_mean_pooling(folder / "embed")
    _save(BertForSequenceClassification(BertConfig(**shape, num_labels=1)), words, folder / "rerank")
    labels = {0: "bad", 1: "good", 2: "odd"}
    classes = {"id2label": labels, "label2id": {name: number for number, name in labels.items()}}
    _save(BertForSequenceClassification(BertConfig(**shape, **classes)), words, folder / "classify")


def _byte_tokenizer() -> PreTrainedTokenizerFast:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=512, special_tokens=["<|end|>", "<|start|>"], initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )  # fmt: skip
    tokenizer.train_from_iterator(SENTENCES, trainer)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token="<|end|>", bos_token="<|start|>", model_max_length=CONTEXT
    )
    fast.chat_template = CHAT_TEMPLATE
    return fast


def _word_tokenizer() -> PreTrainedTokenizerFast:
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.train_from_iterator(SENTENCES, trainers.WordPieceTrainer(vocab_size=200, special_tokens=special))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[(word, tokenizer.token_to_id(word)) for word in ("[CLS]", "[SEP]")],
    )  # fmt: skip
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, model_max_length=128, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]",
        sep_token="[SEP]", mask_token="[MASK]",
    )  # fmt: skip


def _save(model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    model.to(torch.bfloat16).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _widen(model: Path, target: Path) -> None:
    """Write a model's configuration and tokenizer with as many heads, layers, experts and positions as large models."""
    target.mkdir(exist_ok=True)
    for path in model.iterdir():
        if path.suffix != ".safetensors":
            (target / path.name).write_bytes(path.read_bytes())
    config = json.loads((model / "config.json").read_text())
    wide = {
        "num_attention_heads": 64, "num_key_value_heads": 64, "num_hidden_layers": 64, "num_experts": 256,
        "max_position_embeddings": 1 << 20,
    }  # fmt: skip
    config |= {key: value for key, value in wide.items() if key in config}
    (target / "config.json").write_text(json.dumps(config))


def _add_mean_pooling(folder: Path) -> None:
    """Add the files by which Sentence Transformers, and vLLM, know how to make one vector of many."""
    kinds = {"": "Transformer", "1_Pooling": "Pooling"}
    modules = [
        {"idx": index, "name": str(index), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for index, (path, kind) in enumerate(kinds.items())
    ]
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / "1_Pooling").mkdir(exist_ok=True)
    pooling = {"word_embedding_dimension": HIDDEN, "pooling_mode_cls_token": False, "pooling_mode_mean_tokens": True}
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling))


def _write_adapter(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    targets = {"q_proj": HEADS * HEAD, "v_proj": KV_HEADS * HEAD}
    config = {
        "peft_type": "LORA", "task_type": "CAUSAL_LM", "r": ADAPTER_RANK, "lora_alpha": 2 * ADAPTER_RANK,
        "lora_dropout": 0.0, "bias": "none", "target_modules": list(targets), "base_model_name_or_path": "dense",
    }  # fmt: skip
    (folder / "adapter_config.json").write_text(json.dumps(config))
    weights = {}
    for layer in range(LAYERS):
        for name, width in targets.items():
            prefix = f"base_model.model.model.layers.{layer}.self_attn.{name}"
            weights[f"{prefix}.lora_A.weight"] = torch.randn(ADAPTER_RANK, HIDDEN, dtype=torch.bfloat16)
            weights[f"{prefix}.lora_B.weight"] = torch.randn(width, ADAPTER_RANK, dtype=torch.bfloat16)
    save_file(weights, folder / "adapter_model.safetensors")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
