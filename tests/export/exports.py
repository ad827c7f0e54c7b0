#!/usr/bin/env python3
"""Exports GPTs as TorchScript in every way that people do, each with the attention that it should show.

    exports.py OUT [--small] [NAME...]   (torch 2.x; transformers 5 for the families; CPU, two minutes)
    exports.py --list

    exports.py tests/data/exports --small early_exit_scripted encoder_scripted encoder_traced \
        family_gpt_oss family_qwen3 fixed_length_traced head_by_head_scripted multihead_no_weights_scripted multihead_unmasked_traced \
        nanogpt_scripted nanogpt_traced nanogpt_traced_on_cuda rms_norm_scripted

makes those that are kept for the tests.

Each name becomes OUT/NAME.pt and OUT/NAME.safetensors: ids [1, T] int64 and layer_L [head, T, T] float32.
The expected attention is that of the module with its attention spelt out, of transformers' eager attention,
or what nn.MultiheadAttention returns with need_weights=True; the exports use the fused operators.
Weights are larger than an initialiser's, so that a forgotten mask, scale or bias shows in the first digits.
"""
import io
import pathlib
import sys
import zipfile

import torch
import torch.nn.functional as F
from torch import nn

VOCABULARY, WIDTH, LAYERS, HEADS, LENGTH, POSITIONS = 97, 32, 3, 4, 13, 64
IS_SMALL = "--small" in sys.argv
if IS_SMALL:
    VOCABULARY, WIDTH, LAYERS, LENGTH, POSITIONS = 29, 16, 2, 7, 32
EXPORTS = {}


def export(name):
    """Registers a function that returns (what to save, ids, expected attention of each layer)."""

    def register(make):
        EXPORTS[name] = make
        return make

    return register


def ids_of(length=LENGTH):
    return torch.randint(2, VOCABULARY, (1, length), generator=torch.Generator().manual_seed(2))


def shaken(module):
    """Evaluation mode, with every parameter away from what an initialiser gives."""
    random = torch.Generator().manual_seed(1)
    for parameter in module.parameters():
        noise = torch.randn(parameter.shape, generator=random)
        if parameter.dim() >= 2:
            parameter.data = noise * (1.5 / parameter.shape[-1] ** 0.5)
        else:
            parameter.data = parameter.data + 0.3 * noise
    return module.eval()


def scripted(module):
    return torch.jit.script(module)


def traced(module, ids=None, **options):
    with torch.no_grad():
        return torch.jit.trace(module, ids_of() if ids is None else ids, strict=False, **options)


def traced_with_gradients(module):
    """PyTorch's fast paths are for no_grad: without it other operators are traced."""
    return torch.jit.trace(module, ids_of(), strict=False, check_trace=False)


def bytes_of(saved):
    buffer = io.BytesIO()
    torch.jit.save(saved, buffer)
    return buffer.getvalue()


def changed(archive, change):
    """Its records as change(name, bytes) makes them; None leaves one out."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as source, zipfile.ZipFile(made, "w") as target:
        for item in source.infolist():
            data = change(item.filename, source.read(item))
            if data is not None:
                target.writestr(item, data)
    return made.getvalue()


def without_sources(archive):
    """Without where each line of code came from: paths of the machine that made it."""
    return changed(archive, lambda name, data: None if name.endswith(".debug_pkl") else data)


# Attention spelt out, as the judge of every fused one.


def spelt_out(q, k, v, mask=None, is_causal=False, scale=None):
    """q, k, v: [B, H, T, d]. Returns (output, pattern)."""
    repeats = q.shape[1] // k.shape[1]
    k, v = k.repeat_interleave(repeats, 1), v.repeat_interleave(repeats, 1)
    scores = q @ k.transpose(-2, -1) * (q.shape[-1] ** -0.5 if scale is None else scale)
    if is_causal:
        ahead = torch.ones(q.shape[-2], k.shape[-2], dtype=torch.bool).triu(1)
        scores = scores.masked_fill(ahead, float("-inf"))
    if mask is not None:
        scores = scores.masked_fill(~mask, float("-inf")) if mask.dtype == torch.bool else scores + mask
    pattern = scores.softmax(-1)
    return pattern @ v, pattern


class Recorder:
    """While it is open, scaled_dot_product_attention is spelt out, and its patterns are kept."""

    def __enter__(self):
        self.patterns, self.fused = [], F.scaled_dot_product_attention

        def instead(query, key, value, attn_mask=None, dropout_p=0.0, is_causal=False, scale=None, enable_gqa=False):
            out, pattern = spelt_out(query, key, value, attn_mask, is_causal, scale)
            self.patterns.append(pattern[0])
            return out

        F.scaled_dot_product_attention = instead
        return self

    def __exit__(self, *_):
        F.scaled_dot_product_attention = self.fused


def expected_of(module, ids):
    with torch.no_grad(), Recorder() as recorder:
        module(ids)
    return recorder.patterns


# nanoGPT's way: q, k and v in one projection, scaled_dot_product_attention(is_causal=True).


class CausalAttention(nn.Module):
    def __init__(self, width=WIDTH, heads=HEADS):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x):
        B, T, C = x.size()
        q, k, v = self.qkv(x).split(C, dim=2)
        q = q.view(B, T, self.heads, C // self.heads).transpose(1, 2)
        k = k.view(B, T, self.heads, C // self.heads).transpose(1, 2)
        v = v.view(B, T, self.heads, C // self.heads).transpose(1, 2)
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=None, dropout_p=0.1 if self.training else 0.0, is_causal=True)
        return self.out(y.transpose(1, 2).contiguous().view(B, T, C))


class Block(nn.Module):
    def __init__(self, attention):
        super().__init__()
        self.norm_1, self.attention, self.norm_2 = nn.LayerNorm(WIDTH), attention, nn.LayerNorm(WIDTH)
        self.mlp = nn.Sequential(nn.Linear(WIDTH, 48), nn.GELU(), nn.Linear(48, WIDTH))

    def forward(self, x):
        x = x + self.attention(self.norm_1(x))
        return x + self.mlp(self.norm_2(x))


class Gpt(nn.Module):
    """Blocks of any attention that maps [B, T, C] to [B, T, C]."""

    def __init__(self, attention, layers=LAYERS):
        super().__init__()
        self.tokens, self.positions = nn.Embedding(VOCABULARY, WIDTH), nn.Embedding(POSITIONS, WIDTH)
        self.blocks = nn.ModuleList([Block(attention()) for _ in range(layers)])
        self.norm, self.head = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, VOCABULARY, bias=False)

    def forward(self, ids):
        x = self.tokens(ids) + self.positions(torch.arange(ids.shape[1], device=ids.device))
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))


def gpt_of(attention, **more):
    torch.manual_seed(0)
    return shaken(Gpt(attention, **more))


def both_of(module, save):
    ids = ids_of()
    return save(module), ids, expected_of(module, ids)


@export("nanogpt_scripted")
def _():
    return both_of(gpt_of(CausalAttention), scripted)


@export("nanogpt_traced")
def _():
    return both_of(gpt_of(CausalAttention), traced)


@export("nanogpt_frozen")
def _():
    return both_of(gpt_of(CausalAttention), lambda m: torch.jit.freeze(scripted(m)))


@export("nanogpt_half")
def _():
    module = gpt_of(CausalAttention).half()
    saved = scripted(module)
    return saved, ids_of(), expected_of(module.float(), ids_of())


@export("nanogpt_traced_in_training")
def _():
    module = gpt_of(CausalAttention)
    ids = ids_of()
    expected = expected_of(module, ids)
    return traced(module.train(), check_trace=False), ids, expected


# Masks and arguments of scaled_dot_product_attention.


class Projections(nn.Module):
    def __init__(self, kv_heads=HEADS):
        super().__init__()
        self.heads, self.kv_heads, self.size = HEADS, kv_heads, WIDTH // HEADS
        self.q, self.out = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, WIDTH)
        self.k, self.v = nn.Linear(WIDTH, kv_heads * self.size), nn.Linear(WIDTH, kv_heads * self.size)

    def project(self, x):
        B, T, C = x.size()
        q = self.q(x).view(B, T, self.heads, self.size).transpose(1, 2)
        k = self.k(x).view(B, T, self.kv_heads, self.size).transpose(1, 2)
        v = self.v(x).view(B, T, self.kv_heads, self.size).transpose(1, 2)
        return q, k, v


class BoolMask(Projections):
    def forward(self, x):
        q, k, v = self.project(x)
        n = x.shape[1]
        mask = torch.ones(n, n, dtype=torch.bool, device=x.device).tril()
        return self.out(F.scaled_dot_product_attention(q, k, v, attn_mask=mask).transpose(1, 2).flatten(2))


class FloatMask(Projections):
    """A penalty that grows with the distance, as ALiBi's, and the future at -inf."""

    def forward(self, x):
        q, k, v = self.project(x)
        n = x.shape[1]
        at = torch.arange(n, device=x.device)
        distance = (at.unsqueeze(1) - at.unsqueeze(0)).to(x.dtype)
        mask = (-0.1 * distance).masked_fill(distance < 0, float("-inf"))
        return self.out(F.scaled_dot_product_attention(q, k, v, attn_mask=mask).transpose(1, 2).flatten(2))


class PerHeadMask(Projections):
    """Each head a window of its own: a mask [1, heads, T, T]."""

    def forward(self, x):
        q, k, v = self.project(x)
        n = x.shape[1]
        at = torch.arange(n, device=x.device)
        distance = at.unsqueeze(1) - at.unsqueeze(0)
        window = torch.arange(1, self.heads + 1, device=x.device).view(1, self.heads, 1, 1) * 2
        mask = (distance >= 0) & (distance < window)
        return self.out(F.scaled_dot_product_attention(q, k, v, attn_mask=mask).transpose(1, 2).flatten(2))


class Grouped(Projections):
    def __init__(self):
        super().__init__(2)

    def forward(self, x):
        q, k, v = self.project(x)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True, scale=0.2, enable_gqa=True)
        return self.out(y.transpose(1, 2).flatten(2))


class Unmasked(Projections):
    def forward(self, x):
        q, k, v = self.project(x)
        return self.out(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))


for name, attention in {"mask_bool": BoolMask, "mask_float": FloatMask, "mask_per_head": PerHeadMask, "grouped_scaled": Grouped,
                        "unmasked": Unmasked}.items():
    EXPORTS[f"sdpa_{name}_scripted"] = lambda attention=attention: both_of(gpt_of(attention), scripted)
    EXPORTS[f"sdpa_{name}_traced"] = lambda attention=attention: both_of(gpt_of(attention), traced)


# minGPT's way: softmax spelt out, the mask a buffer.


class MinAttention(Projections):
    def __init__(self):
        super().__init__()
        self.register_buffer("mask", torch.tril(torch.ones(POSITIONS, POSITIONS)).view(1, 1, POSITIONS, POSITIONS))
        self.dropout = nn.Dropout(0.1)

    def forward(self, x):
        q, k, v = self.project(x)
        n = x.shape[1]
        scores = q @ k.transpose(-2, -1) * (1.0 / self.size ** 0.5)
        pattern = torch.softmax(scores.masked_fill(self.mask[:, :, :n, :n] == 0, float("-inf")), -1)
        return self.out((self.dropout(pattern) @ v).transpose(1, 2).flatten(2))


def softmaxes_of(module, ids):
    """The results of torch.softmax, in order."""
    kept, softmax = [], torch.softmax

    def keep(scores, dim):
        kept.append(softmax(scores, dim))
        return kept[-1]

    torch.softmax = keep
    with torch.no_grad():
        module(ids)
    torch.softmax = softmax
    return [pattern[0] for pattern in kept]


def min_gpt(save):
    module = gpt_of(MinAttention)
    return save(module), ids_of(), softmaxes_of(module, ids_of())


EXPORTS["mingpt_scripted"] = lambda: min_gpt(scripted)
EXPORTS["mingpt_traced"] = lambda: min_gpt(traced)


# Control flow that depends on the input: the graph cannot be unrolled.


class EarlyExit(Gpt):
    """Leaves out the layers after the first whose output is large enough (never, here)."""

    def forward(self, ids):
        x = self.tokens(ids) + self.positions(torch.arange(ids.shape[1], device=ids.device))
        for block in self.blocks:
            if bool(x.abs().max() < 1e6):
                x = block(x)
        return self.head(self.norm(x))


class Forked(Gpt):
    """Each block in a task of its own (torch.jit.fork)."""

    def forward(self, ids):
        x = self.tokens(ids) + self.positions(torch.arange(ids.shape[1], device=ids.device))
        for block in self.blocks:
            x = torch.jit.wait(torch.jit.fork(block, x))
        return self.head(self.norm(x))


class HeadByHead(Projections):
    """Every head a module of its own, as in many a first GPT."""

    def __init__(self):
        super().__init__()
        self.parts = nn.ModuleList([nn.Linear(WIDTH, 3 * self.size) for _ in range(HEADS)])

    def forward(self, x):
        n = x.shape[1]
        ahead = torch.ones(n, n, dtype=torch.bool, device=x.device).triu(1)
        heads = []
        for part in self.parts:
            q, k, v = part(x).chunk(3, dim=-1)
            scores = (q @ k.transpose(-2, -1)) * self.size ** -0.5
            heads.append(torch.softmax(scores.masked_fill(ahead, float("-inf")), -1) @ v)
        return self.out(torch.cat(heads, -1))


class StackedLoop(nn.Module):
    """All layers in stacked weights, walked by a loop whose end is a tensor's value."""

    def __init__(self):
        super().__init__()
        self.tokens, self.positions = nn.Embedding(VOCABULARY, WIDTH), nn.Embedding(POSITIONS, WIDTH)
        self.qkv = nn.Parameter(torch.zeros(LAYERS, WIDTH, 3 * WIDTH))
        self.out = nn.Parameter(torch.zeros(LAYERS, WIDTH, WIDTH))
        self.register_buffer("depth", torch.tensor(LAYERS))
        self.head = nn.Linear(WIDTH, VOCABULARY)

    def forward(self, ids):
        B, T = ids.size()
        x = self.tokens(ids) + self.positions(torch.arange(T, device=ids.device))
        layer = 0
        while layer < int(self.depth):
            y = F.layer_norm(x, [x.shape[-1]])
            q, k, v = torch.matmul(y, self.qkv[layer]).chunk(3, dim=-1)
            q = q.view(B, T, 4, -1).transpose(1, 2)
            k = k.view(B, T, 4, -1).transpose(1, 2)
            v = v.view(B, T, 4, -1).transpose(1, 2)
            y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + torch.matmul(y.transpose(1, 2).reshape(B, T, -1), self.out[layer])
            layer += 1
        return self.head(x)


class ExplicitBranch(Projections):
    """Softmax spelt out, inside a branch that looks at the input."""

    def forward(self, x):
        q, k, v = self.project(x)
        scores = q @ k.transpose(-2, -1) / float(self.size) ** 0.5
        ahead = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool, device=x.device).triu(1)
        if bool(x.isnan().any()):
            y = v
        else:
            y = torch.softmax(scores.masked_fill(ahead, float("-inf")), -1) @ v
        return self.out(y.transpose(1, 2).flatten(2))


@export("early_exit_scripted")
def _():
    torch.manual_seed(0)
    return both_of(shaken(EarlyExit(CausalAttention)), scripted)


@export("stacked_loop_scripted")
def _():
    torch.manual_seed(0)
    return both_of(shaken(StackedLoop()), scripted)


@export("forked_scripted")
def _():
    torch.manual_seed(0)
    return both_of(shaken(Forked(CausalAttention)), scripted)


@export("branch_scripted")
def _():
    module = gpt_of(ExplicitBranch)
    return scripted(module), ids_of(), softmaxes_of(module, ids_of())


def head_by_head(save):
    module = gpt_of(HeadByHead)
    heads = softmaxes_of(module, ids_of())
    return save(module), ids_of(), [torch.stack(heads[i:i + HEADS]) for i in range(0, len(heads), HEADS)]


EXPORTS["head_by_head_scripted"] = lambda: head_by_head(scripted)
EXPORTS["head_by_head_traced"] = lambda: head_by_head(traced)


# nn.MultiheadAttention and the layers made of it.


class Multihead(nn.Module):
    def __init__(self, need_weights=False, batch_first=True, mask="float", average=True, **more):
        super().__init__()
        self.need_weights, self.average, self.mask, self.batch_first = need_weights, average, mask, batch_first
        self.heads = HEADS
        self.attention = nn.MultiheadAttention(WIDTH, HEADS, batch_first=batch_first, **more)

    def forward(self, x):
        n = x.shape[1]
        mask = torch.ones(n, n, dtype=torch.bool, device=x.device).triu(1)
        if self.mask == "float":
            mask = torch.zeros(n, n, device=x.device).masked_fill(mask, float("-inf"))
        if self.mask == "heads":
            mask = mask.expand(self.heads, n, n)
        if not self.batch_first:
            x = x.transpose(0, 1)
        y = self.attention(x, x, x, need_weights=self.need_weights, attn_mask=mask, average_attn_weights=self.average)[0]
        if not self.batch_first:
            y = y.transpose(0, 1)
        return y


class MultiheadUnmasked(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention = nn.MultiheadAttention(WIDTH, HEADS, batch_first=True)

    def forward(self, x):
        return self.attention(x, x, x, need_weights=False)[0]


def multihead_patterns(module, ids):
    """What every nn.MultiheadAttention returns of its weights when it is asked for them."""
    patterns, forward, was_fast = [], nn.MultiheadAttention.forward, torch.backends.mha.get_fastpath_enabled()

    def ask(self, query, key, value, key_padding_mask=None, need_weights=True, attn_mask=None, average_attn_weights=True,
            is_causal=False):
        if attn_mask is None and is_causal:
            attn_mask = nn.Transformer.generate_square_subsequent_mask(query.shape[1 if self.batch_first else 0])
        out, weights = forward(self, query, key, value, key_padding_mask, True, attn_mask, False)
        patterns.append(weights[0])
        return out, weights

    nn.MultiheadAttention.forward = ask
    torch.backends.mha.set_fastpath_enabled(False)
    with torch.no_grad():
        module(ids)
    nn.MultiheadAttention.forward = forward
    torch.backends.mha.set_fastpath_enabled(was_fast)
    return patterns


def multihead(save, attention=Multihead, **options):
    module = gpt_of(lambda: attention(**options))
    ids = ids_of()
    return save(module), ids, multihead_patterns(module, ids)


MULTIHEAD = {
    "weights": dict(need_weights=True),
    "no_weights": dict(need_weights=False),
    "every_head": dict(need_weights=True, average=False),
    "bool_mask": dict(mask="bool"),
    "mask_of_heads": dict(mask="heads"),
    "time_first": dict(batch_first=False),
    "no_bias": dict(bias=False),
    "other_widths": dict(kdim=WIDTH, vdim=WIDTH),
}
for name, options in MULTIHEAD.items():
    EXPORTS[f"multihead_{name}_scripted"] = lambda options=options: multihead(scripted, **options)
    EXPORTS[f"multihead_{name}_traced"] = lambda options=options: multihead(traced, **options)
EXPORTS["multihead_unmasked_scripted"] = lambda: multihead(scripted, MultiheadUnmasked)
EXPORTS["multihead_unmasked_traced"] = lambda: multihead(traced, MultiheadUnmasked)


class Encoder(nn.Module):
    """A GPT of nn.TransformerEncoder with a causal mask, or, without one, an encoder."""

    def __init__(self, is_masked=True, batch_first=True, layers=LAYERS, nested=False, **more):
        super().__init__()
        self.is_masked, self.batch_first = is_masked, batch_first
        self.tokens, self.positions = nn.Embedding(VOCABULARY, WIDTH), nn.Embedding(POSITIONS, WIDTH)
        layer = nn.TransformerEncoderLayer(WIDTH, HEADS, 48, batch_first=batch_first, **more)
        self.encoder = nn.TransformerEncoder(layer, layers, enable_nested_tensor=nested)
        self.head = nn.Linear(WIDTH, VOCABULARY)

    def forward(self, ids):
        n = ids.shape[1]
        x = self.tokens(ids) + self.positions(torch.arange(n, device=ids.device))
        if not self.batch_first:
            x = x.transpose(0, 1)
        if self.is_masked:
            mask = torch.zeros(n, n, device=ids.device).masked_fill(
                torch.ones(n, n, dtype=torch.bool, device=ids.device).triu(1), float("-inf"))
            x = self.encoder(x, mask=mask)
        else:
            x = self.encoder(x)
        if not self.batch_first:
            x = x.transpose(0, 1)
        return self.head(x)


def encoder(save, **options):
    torch.manual_seed(0)
    module = shaken(Encoder(**options))
    ids = ids_of()
    return save(module), ids, multihead_patterns(module, ids)


ENCODER = {
    "": dict(),
    "_norm_first": dict(norm_first=True),
    "_time_first": dict(batch_first=False),
    "_gelu": dict(activation="gelu"),
    "_unmasked": dict(is_masked=False),
    "_unmasked_norm_first": dict(is_masked=False, norm_first=True),
    "_nested": dict(is_masked=False, nested=True),
}
for name, options in ENCODER.items():
    EXPORTS[f"encoder{name}_scripted"] = lambda options=options: encoder(scripted, **options)
    EXPORTS[f"encoder{name}_traced"] = lambda options=options: encoder(traced, **options)
EXPORTS["encoder_traced_in_training"] = lambda: encoder(lambda module: traced(module.train()), dropout=0.0)
EXPORTS["encoder_traced_with_gradients"] = lambda: encoder(traced_with_gradients)
EXPORTS["encoder_norm_first_traced_with_gradients"] = lambda: encoder(traced_with_gradients, norm_first=True)
EXPORTS["multihead_weights_traced_with_gradients"] = lambda: multihead(traced_with_gradients, need_weights=True)
EXPORTS["encoder_traced_slowly"] = lambda: slow(lambda: encoder(traced))


def slow(make):
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        return make()
    finally:
        torch.backends.mha.set_fastpath_enabled(True)


class Padded(Encoder):
    """With a padding mask that marks token 0, of which there is none here."""

    def forward(self, ids):
        n = ids.shape[1]
        x = self.tokens(ids) + self.positions(torch.arange(n, device=ids.device))
        mask = torch.ones(n, n, dtype=torch.bool, device=ids.device).triu(1)
        return self.head(self.encoder(x, mask=mask, src_key_padding_mask=ids == 0))


def padded(save):
    torch.manual_seed(0)
    module = shaken(Padded())
    ids = ids_of()
    return save(module), ids, multihead_patterns(module, ids)


class PaddedNested(Encoder):
    """With the padding mask alone: nn.TransformerEncoder then runs on nested tensors."""

    def forward(self, ids):
        x = self.tokens(ids) + self.positions(torch.arange(ids.shape[1], device=ids.device))
        return self.head(self.encoder(x, src_key_padding_mask=ids == 0))


def padded_nested(save):
    torch.manual_seed(0)
    module = shaken(PaddedNested(nested=True))
    return save(module), ids_of(), multihead_patterns(module, ids_of())


EXPORTS["encoder_padded_nested_scripted"] = lambda: padded_nested(scripted)
EXPORTS["encoder_padded_nested_traced"] = lambda: padded_nested(traced)
EXPORTS["encoder_padded_scripted"] = lambda: padded(scripted)
EXPORTS["encoder_padded_traced"] = lambda: padded(traced)


class Decoder(nn.Module):
    """nn.TransformerDecoder over a learned memory of 5 places: the attention to that is no pattern of the text."""

    def __init__(self):
        super().__init__()
        self.tokens, self.positions = nn.Embedding(VOCABULARY, WIDTH), nn.Embedding(POSITIONS, WIDTH)
        layer = nn.TransformerDecoderLayer(WIDTH, HEADS, 48, batch_first=True)
        self.decoder = nn.TransformerDecoder(layer, LAYERS)
        self.memory = nn.Parameter(torch.zeros(1, 5, WIDTH))
        self.head = nn.Linear(WIDTH, VOCABULARY)

    def forward(self, ids):
        n = ids.shape[1]
        x = self.tokens(ids) + self.positions(torch.arange(n, device=ids.device))
        mask = torch.ones(n, n, dtype=torch.bool, device=ids.device).triu(1)
        return self.head(self.decoder(x, self.memory, tgt_mask=mask))


def decoder(save):
    torch.manual_seed(0)
    module = shaken(Decoder())
    ids = ids_of()
    patterns = multihead_patterns(module, ids)
    return save(module), ids, [p for p in patterns if p.shape[-1] == p.shape[-2]]


EXPORTS["decoder_scripted"] = lambda: decoder(scripted)
EXPORTS["decoder_traced"] = lambda: decoder(traced)


# Other devices. What was traced on a GPU names it in the code; nothing else differs.


def on_cuda(saved):
    """The archive as one made on a GPU: its code names cuda:0."""
    return changed(bytes_of(saved), lambda name, data: data.replace(b'torch.device("cpu")', b'torch.device("cuda:0")'))


@export("nanogpt_traced_on_cuda")
def _():
    saved, ids, expected = both_of(gpt_of(CausalAttention), traced)
    return on_cuda(saved), ids, expected


class NamedDevice(Gpt):
    def forward(self, ids):
        x = self.tokens(ids) + self.positions(torch.arange(ids.shape[1], device=torch.device("cuda")))
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))


@export("named_device_scripted")
def _():
    torch.manual_seed(0)
    module = shaken(NamedDevice(CausalAttention))
    saved = scripted(module)
    return saved, ids_of(), expected_of(gpt_of(CausalAttention), ids_of())


# Odd but legal modules.


class FixedLength(Gpt):
    """Whose trace holds the length of its example."""

    def forward(self, ids):
        x = self.tokens(ids) + self.positions(torch.arange(LENGTH))
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))


@export("fixed_length_traced")
def _():
    torch.manual_seed(0)
    return both_of(shaken(FixedLength(CausalAttention)), traced)


class Returning(Gpt):
    """A dictionary, as transformers' outputs."""

    def forward(self, ids):
        x = self.tokens(ids) + self.positions(torch.arange(ids.shape[1], device=ids.device))
        for block in self.blocks:
            x = block(x)
        return {"logits": self.head(self.norm(x)), "last_hidden_state": x}


@export("dictionary_scripted")
def _():
    torch.manual_seed(0)
    return both_of(shaken(Returning(CausalAttention)), scripted)


class RmsAttention(Projections):
    """Queries and keys normalised by F.rms_norm."""

    def forward(self, x):
        q, k, v = self.project(F.rms_norm(x, [x.shape[-1]]))
        y = F.scaled_dot_product_attention(F.rms_norm(q, [q.shape[-1]]), F.rms_norm(k, [k.shape[-1]]), v, is_causal=True)
        return self.out(y.transpose(1, 2).flatten(2))


class RmsModuleAttention(Projections):
    def __init__(self):
        super().__init__()
        self.norm = nn.RMSNorm(WIDTH, eps=1e-5)

    def forward(self, x):
        q, k, v = self.project(self.norm(x))
        return self.out(F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).flatten(2))


EXPORTS["rms_norm_scripted"] = lambda: both_of(gpt_of(RmsAttention), scripted)
EXPORTS["rms_norm_traced"] = lambda: both_of(gpt_of(RmsAttention), traced)
EXPORTS["rms_module_scripted"] = lambda: both_of(gpt_of(RmsModuleAttention), scripted)


class Rotary(Projections):
    """Rotary positions and a sliding window, the mask made of vmap-free comparisons."""

    def forward(self, x):
        q, k, v = self.project(x)
        n = x.shape[1]
        size = self.size
        at = torch.arange(n, device=x.device)
        angle = torch.outer(at.to(x.dtype), 10000.0 ** (-torch.arange(0, size, 2, device=x.device).to(x.dtype) / size))
        cos, sin = torch.cat([angle, angle], -1).cos(), torch.cat([angle, angle], -1).sin()
        q = q * cos + torch.cat([-q[..., size // 2:], q[..., :size // 2]], -1) * sin
        k = k * cos + torch.cat([-k[..., size // 2:], k[..., :size // 2]], -1) * sin
        distance = at.unsqueeze(1) - at.unsqueeze(0)
        mask = (distance >= 0) & (distance < 5)
        return self.out(F.scaled_dot_product_attention(q, k, v, attn_mask=mask).transpose(1, 2).flatten(2))


EXPORTS["rotary_window_scripted"] = lambda: both_of(gpt_of(Rotary), scripted)
EXPORTS["rotary_window_traced"] = lambda: both_of(gpt_of(Rotary), traced)


# transformers' families, traced with their default attention (SDPA where there is one) and eagerly.

COMMON = dict(vocab_size=VOCABULARY, hidden_size=WIDTH, intermediate_size=48, num_hidden_layers=LAYERS,
              num_attention_heads=HEADS, max_position_embeddings=POSITIONS, bos_token_id=0, eos_token_id=1, pad_token_id=None)
GROUPED = dict(COMMON, num_key_value_heads=2)
OLD_NAMES = dict(vocab_size=VOCABULARY, n_embd=WIDTH, n_layer=LAYERS, n_head=HEADS, n_positions=POSITIONS)


def scaled_rope(kind, **more):
    return dict(rope_parameters=dict(rope_type=kind, rope_theta=10000.0, factor=4.0, **more))


FAMILIES = {
    "gpt2": ("GPT2", dict(OLD_NAMES)),
    "gpt_neo": ("GPTNeo", dict(vocab_size=VOCABULARY, hidden_size=WIDTH, num_layers=4, num_heads=HEADS, intermediate_size=48,
                               max_position_embeddings=POSITIONS, attention_types=[[["global", "local"], 2]], window_size=8)),
    "gptj": ("GPTJ", dict(OLD_NAMES, rotary_dim=4)),
    "gpt_bigcode": ("GPTBigCode", dict(OLD_NAMES)),
    "codegen": ("CodeGen", dict(OLD_NAMES, rotary_dim=4)),
    "gpt_neox": ("GPTNeoX", dict(COMMON)),
    "gpt_neox_serial": ("GPTNeoX", dict(COMMON, use_parallel_residual=False)),
    "opt": ("OPT", dict(vocab_size=VOCABULARY, hidden_size=WIDTH, ffn_dim=48, num_hidden_layers=LAYERS, num_attention_heads=HEADS,
                        max_position_embeddings=POSITIONS, word_embed_proj_dim=WIDTH, pad_token_id=1)),
    "opt_post_norm": ("OPT", dict(vocab_size=VOCABULARY, hidden_size=WIDTH, ffn_dim=48, num_hidden_layers=LAYERS,
                                  num_attention_heads=HEADS, max_position_embeddings=POSITIONS, word_embed_proj_dim=16,
                                  do_layer_norm_before=False, pad_token_id=1)),
    "bloom": ("Bloom", dict(vocab_size=VOCABULARY, hidden_size=WIDTH, n_layer=LAYERS, n_head=HEADS)),
    "falcon": ("Falcon", dict(vocab_size=VOCABULARY, hidden_size=WIDTH, num_hidden_layers=LAYERS, num_attention_heads=HEADS,
                              multi_query=True, parallel_attn=True)),
    "falcon_grouped": ("Falcon", dict(vocab_size=VOCABULARY, hidden_size=WIDTH, num_hidden_layers=LAYERS,
                                      num_attention_heads=HEADS, num_kv_heads=2, new_decoder_architecture=True)),
    "falcon_alibi": ("Falcon", dict(vocab_size=VOCABULARY, hidden_size=WIDTH, num_hidden_layers=LAYERS,
                                    num_attention_heads=HEADS, alibi=True)),
    "mpt": ("Mpt", dict(vocab_size=VOCABULARY, d_model=WIDTH, n_layers=LAYERS, n_heads=HEADS, max_seq_len=POSITIONS)),
    "phi": ("Phi", dict(COMMON)),
    "phi3": ("Phi3", dict(GROUPED, sliding_window=8)),
    "llama": ("Llama", dict(GROUPED)),
    "llama_biases": ("Llama", dict(COMMON, attention_bias=True, mlp_bias=True, head_dim=12)),
    "llama3": ("Llama", dict(GROUPED, **scaled_rope("llama3", low_freq_factor=1.0, high_freq_factor=4.0,
                                                    original_max_position_embeddings=16))),
    "llama_linear": ("Llama", dict(GROUPED, **scaled_rope("linear"))),
    "llama_yarn": ("Llama", dict(GROUPED, **scaled_rope("yarn", original_max_position_embeddings=16))),
    "mistral": ("Mistral", dict(GROUPED, sliding_window=8, head_dim=12)),
    "mixtral": ("Mixtral", dict(GROUPED, num_local_experts=4, num_experts_per_tok=2)),
    "qwen2": ("Qwen2", dict(GROUPED, use_sliding_window=True, sliding_window=8, max_window_layers=1)),
    "qwen3": ("Qwen3", dict(GROUPED, head_dim=12)),
    "qwen3_moe": ("Qwen3Moe", dict(GROUPED, head_dim=12, num_experts=4, num_experts_per_tok=2, moe_intermediate_size=24)),
    "gemma": ("Gemma", dict(GROUPED, head_dim=12)),
    "gemma2": ("Gemma2", dict(GROUPED, head_dim=12, sliding_window=8, query_pre_attn_scalar=20)),
    "gemma3": ("Gemma3", dict(GROUPED, head_dim=12, num_hidden_layers=7, sliding_window=8, query_pre_attn_scalar=20)),
    "olmo": ("Olmo", dict(GROUPED, clip_qkv=2.0)),
    "olmo2": ("Olmo2", dict(GROUPED)),
    "stablelm": ("StableLm", dict(GROUPED, use_qkv_bias=True, qk_layernorm=True, use_parallel_residual=True)),
    "starcoder2": ("Starcoder2", dict(GROUPED, sliding_window=8)),
    "cohere": ("Cohere", dict(GROUPED, use_qk_norm=True)),
    "granite": ("Granite", dict(GROUPED, embedding_multiplier=3.0, attention_multiplier=0.2, residual_multiplier=0.7,
                                logits_scaling=4.0)),
    "smollm3": ("SmolLM3", dict(GROUPED, no_rope_layers=[1, 1, 0])),
    "gpt_oss": ("GptOss", dict(GROUPED, head_dim=12, sliding_window=8, num_local_experts=4, num_experts_per_tok=2)),
    "nanochat": ("NanoChat", dict(GROUPED)),
}


def family(name, attention=None):
    import transformers

    stem, arguments = FAMILIES[name]
    config_class = getattr(transformers, stem + ("TextConfig" if stem == "Gemma3" else "Config"))
    model_class = getattr(transformers, stem + ("LMHeadModel" if stem == "GPT2" else "ForCausalLM"))
    ids = ids_of(21)  # longer than the windows above

    def made(implementation):
        torch.manual_seed(0)
        config = config_class(**arguments)
        config._attn_implementation = implementation
        model = shaken(model_class(config).float())
        model.tie_weights()
        model.config.use_cache = False  # a cache cannot be traced
        return model

    with torch.no_grad():
        attention_of = made("eager")(ids, output_attentions=True).attentions
    model = made(attention)
    if name == "falcon_alibi" and attention is None:
        # transformers scales the bias in another place than in its own eager attention: other numbers
        with torch.no_grad(), Recorder() as recorder:
            model(ids)
        return traced(model, ids), ids, recorder.patterns
    return traced(model, ids), ids, [layer[0] for layer in attention_of]


for name in FAMILIES:
    EXPORTS[f"family_{name}"] = lambda name=name: family(name)
    EXPORTS[f"family_{name}_eager"] = lambda name=name: family(name, "eager")


def save(name, out):
    from safetensors.torch import save_file

    saved, ids, expected = EXPORTS[name]()
    archive = saved if isinstance(saved, bytes) else bytes_of(saved)
    (out / f"{name}.pt").write_bytes(without_sources(archive) if IS_SMALL else archive)
    tensors = {f"layer_{i}": pattern.detach().float().contiguous().clone() for i, pattern in enumerate(expected)}
    save_file({"ids": ids, **tensors}, out / f"{name}.safetensors")


def main(arguments):
    if arguments == ["--list"]:
        print("\n".join(EXPORTS))
        return 0
    out = pathlib.Path(arguments[0])
    out.mkdir(parents=True, exist_ok=True)
    failed = 0
    for name in [name for name in arguments[1:] if name != "--small"] or EXPORTS:
        try:
            save(name, out)
        except Exception as error:  # each by itself: what PyTorch cannot export is said, and the others go on
            failed += 1
            torch.jit._state._clear_class_state()  # else the next one meets what was half compiled
            line = " ".join(str(error).split())
            print(f"{name}: PyTorch does not export it: {type(error).__name__}: {line[:200]}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    import warnings

    warnings.filterwarnings("ignore")
    sys.exit(main(sys.argv[1:]))
