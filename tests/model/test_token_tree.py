import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import (
    Gemma3ForCausalLM,
    Gemma3TextConfig,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from clinforge.model.token_tree import grow_tree
from clinforge.model.tree_attention import enable_trees, tree_inputs

SHAPE = {
    "vocab_size": 24,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "pad_token_id": 0,
}
MODELS = {
    "llama": (LlamaForCausalLM, LlamaConfig(**SHAPE)),
    "qwen2": (Qwen2ForCausalLM, Qwen2Config(**{k: v for k, v in SHAPE.items() if k != "head_dim"})),
    "qwen3": (Qwen3ForCausalLM, Qwen3Config(**SHAPE)),
    "mistral": (MistralForCausalLM, MistralConfig(**SHAPE, sliding_window=4)),
    "gemma3": (
        Gemma3ForCausalLM,
        Gemma3TextConfig(**SHAPE, sliding_window=4, layer_types=["sliding_attention", "full_attention"]),
    ),
}
FORESTS = st.lists(st.lists(st.integers(1, 5), min_size=1, max_size=8), min_size=1, max_size=6)


def build(name):
    torch.manual_seed(0)
    kind, config = MODELS[name]
    model = kind(config).eval()
    assert enable_trees(model)
    return model


BUILT = {name: build(name) for name in MODELS}


@pytest.mark.parametrize("name", MODELS)
@settings(max_examples=25, deadline=None)
@given(sequences=FORESTS)
def test_a_tree_gives_each_sequence_the_logits_it_has_alone(name, sequences):
    model = BUILT[name]
    tree = grow_tree(sequences)
    with torch.no_grad():
        together = model(**tree_inputs(tree, "cpu")).logits[0]
        for sequence, path in zip(sequences, tree.paths, strict=True):
            alone = model(input_ids=torch.tensor([sequence]), use_cache=False).logits[0]
            torch.testing.assert_close(together[list(path)], alone, atol=1e-5, rtol=1e-5)


@given(sequences=FORESTS)
def test_a_tree_holds_each_shared_prefix_once(sequences):
    tree = grow_tree(sequences)
    prefixes = {tuple(sequence[:end]) for sequence in sequences for end in range(1, len(sequence) + 1)}
    assert len(tree) == len(prefixes)
    assert [[int(tree.tokens[node]) for node in path] for path in tree.paths] == sequences


def test_a_token_sees_its_ancestors_and_nothing_else():
    tree = grow_tree([[1, 2, 3], [1, 2, 4], [5]])
    visible = tree.visible()
    first, second = tree.paths[0][-1], tree.paths[1][-1]
    assert visible[second].nonzero()[0].tolist() == sorted(tree.paths[1])
    assert not visible[second, first]
    assert tree.depths[list(tree.paths[1])].tolist() == [0, 1, 2]
