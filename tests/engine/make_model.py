"""Writes a small Llama into the folder that is the argument. Runs in the engine's own Python.

The weights are random, 2 layers of width 64 over one token for each byte; only the last
matrix is laid so that the text can be foretold: after "`" comes the alphabet and the
end, after a digit the next digit, for ever. The chat template ends in "`".
"""

import itertools
import json
import sys
from pathlib import Path

import mlx.core as mx
from mlx.utils import tree_flatten
from mlx_lm.models.llama import Model, ModelArgs
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

END = "</s>"
ALPHABET = ["`", *"abcdefghijklmnopqrstuvwxyz", END]
DIGITS = [*"0123456789", "0"]
TEMPLATE = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}`"

CONFIG = {
    "model_type": "llama",
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "rms_norm_eps": 1e-5,
    "max_position_embeddings": 8192,
    "tie_word_embeddings": False,
}


def make_tokenizer() -> Tokenizer:
    signs = [*sorted(pre_tokenizers.ByteLevel.alphabet()), "<s>", END]
    numbered = {sign: number for number, sign in enumerate(signs)}
    tokenizer = Tokenizer(models.BPE(vocab=numbered, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(["<s>", END])
    return tokenizer


def make_weights(config: dict, tokenizer: Tokenizer) -> dict[str, mx.array]:
    mx.random.seed(7)
    weights = {
        name: mx.random.normal(value.shape) * 0.02 if value.ndim > 1 else value
        for name, value in tree_flatten(Model(ModelArgs.from_dict(config)).parameters())
    }
    embedded = mx.random.normal((config["vocab_size"], config["hidden_size"]))
    last = mx.random.normal(embedded.shape) * 0.02
    for chain in (ALPHABET, DIGITS):
        tokens = [tokenizer.token_to_id(sign) for sign in chain]
        for before, after in itertools.pairwise(tokens):
            last[after] = embedded[before]
    weights["model.embed_tokens.weight"] = embedded
    weights["lm_head.weight"] = last
    return weights


def main(folder: Path) -> None:
    tokenizer = make_tokenizer()
    end = tokenizer.token_to_id(END)
    config = CONFIG | {"vocab_size": tokenizer.get_vocab_size(), "eos_token_id": end}
    told = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": "<s>",
        "eos_token": END,
        "chat_template": TEMPLATE,
    }
    weights = make_weights(config, tokenizer)
    mx.save_safetensors(str(folder / "model.safetensors"), weights)
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "tokenizer_config.json").write_text(json.dumps(told))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
