"""Holds the patterns of 200 made-up texts against PyTorch's own arithmetic.

Usage: /usr/bin/python3 tests/judge/patterns.py ATTNVIZ MODEL

MODEL is one that `attnviz train` made. The truth is the forward pass written down here a second time, from
the parameters as include/attnviz/gpt.h names them, in float64. attnviz computes in float32 and rounds, as
PyTorch does that runs the same module: attnviz may be off by twice as much as PyTorch at most, whatever
that is with one LibTorch or another. Exit status 77 (skipped) without PyTorch.
"""

import json
import math
import pathlib
import random
import struct
import subprocess
import sys
import tempfile

try:
    import torch
except ImportError:
    print("PyTorch is not there: nothing was judged")
    sys.exit(77)

N_TEXTS = 200
MOST_OF_PYTORCH = 2  # times as far from the truth as PyTorch is
SANE = 1e-4  # PyTorch's own distance, in weights between 0 and 1
PIECES = ["the", " cat", " sat", "To be", ", or not", "\n", "  ", "\t", "3.14", " question", "é", "日本", "שלום",
          "مرحبا", "😀", "\u200d", "\u0301", "'s", "{x: [1]}", "ZZtop", "_", "...", " attention", "\r\n", "\u00a0"]


def random_text(rng):
    return "".join(rng.choice(PIECES) for _ in range(int(60 ** rng.random())))


def read_safetensors(path):
    """Name → values; all are float32 but ids, which are int64."""
    raw = path.read_bytes()
    (length,) = struct.unpack("<Q", raw[:8])
    tensors = {}
    for name, entry in json.loads(raw[8:8 + length]).items():
        if name == "__metadata__":
            continue
        begin, end = (8 + length + offset for offset in entry["data_offsets"])
        values = torch.frombuffer(bytearray(raw[begin:end]), dtype={"F32": torch.float32, "I64": torch.int64}[entry["dtype"]])
        tensors[name] = values.reshape(entry["shape"])
    return tensors


def norm(x, weight, bias):
    deviation = x - x.mean(-1, keepdim=True)
    variance = (deviation * deviation).mean(-1, keepdim=True)
    return deviation / torch.sqrt(variance + 1e-5) * weight + bias


def patterns_of(weights, ids, n_layers, n_heads):
    """Per layer [head, query, key]."""
    n = len(ids)
    d_model = weights["token_embedding"].shape[1]
    x = weights["token_embedding"][ids] * math.sqrt(d_model) + weights["position_encoding"][:n]
    future = torch.arange(n)[None, :] > torch.arange(n)[:, None]
    patterns = []
    for layer in range(n_layers):
        own = {name.split(".")[1]: value for name, value in weights.items() if name.startswith(f"block_{layer}.")}
        y = norm(x, own["norm1_weight"], own["norm1_bias"])
        q, k, v = ((y @ own[name].T).reshape(n, n_heads, -1).transpose(0, 1) for name in ("w_q", "w_k", "w_v"))
        scores = torch.einsum("hqd,hkd->hqk", q, k) / math.sqrt(q.shape[-1])
        weight = torch.exp(scores - scores.amax(-1, keepdim=True)).masked_fill(future, 0)
        pattern = weight / weight.sum(-1, keepdim=True)
        patterns.append(pattern)
        z = torch.einsum("hqk,hkd->qhd", pattern, v).reshape(n, -1)
        x = x + z @ own["w_o"].T + own["b_o"]
        y = norm(x, own["norm2_weight"], own["norm2_bias"]) @ own["w_up"].T + own["b_up"]
        y = y * (1 + torch.erf(y / math.sqrt(2))) / 2
        x = x + y @ own["w_down"].T + own["b_down"]
    return patterns


def largest_difference(layers, others):
    assert [layer.shape for layer in layers] == [other.shape for other in others], "patterns of other shapes"
    return max((layer - other).abs().max().item() for layer, other in zip(layers, others))


def main(attnviz, model):
    module = torch.jit.load(model).float()
    weights = {name: value.detach().double() for name, value in module.state_dict().items()}
    rng = random.Random(0)
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        with open(folder / "texts.jsonl", "w", encoding="utf-8") as file:
            for i in range(N_TEXTS):
                file.write(json.dumps({"id": f"t{i:03}", "text": random_text(rng)}) + "\n")
        subprocess.run([attnviz, "batch", "texts.jsonl", "--model", model, "--out-dir", "out", "--figures", "none",
                        "--save-attention", "--quiet"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
        ours = pytorchs = 0.0
        n_weights = longest = 0
        files = sorted((folder / "out").glob("*.safetensors"))
        assert len(files) == N_TEXTS, f"{len(files)} of {N_TEXTS} texts were done"
        for file in files:
            saved = read_safetensors(file)
            ids = saved.pop("ids")
            layers = [saved[f"layer_{i}"] for i in range(len(saved))]
            with torch.no_grad():
                run = [pattern[0] for pattern in module.forward_with_attention(ids[None])[1]]
            truth = patterns_of(weights, ids, len(layers), len(layers[0]))
            ours = max(ours, largest_difference(layers, truth))
            pytorchs = max(pytorchs, largest_difference(run, truth))
            n_weights += sum(layer.numel() for layer in layers)
            longest = max(longest, len(ids))
    print(f"{len(files)} texts of up to {longest} tokens, {n_weights} weights: the largest difference to the formulas in "
          f"float64 is {ours:.1e}; that of the module in PyTorch {pytorchs:.1e}")
    return ours <= MOST_OF_PYTORCH * pytorchs and pytorchs <= SANE


if __name__ == "__main__":
    sys.exit(0 if main(*sys.argv[1:]) else 1)
