"""Makes the checkpoints in this folder: small models with random weights, each by a program that is
independent of attnviz, and what that program computes with them (expected.safetensors in each
folder: ids, logits, attention_0 ...).

  GPTTransformer, nanoGPT, minGPT: modules written here, in the way of those programs, run by PyTorch
  Hugging Face GPT-2: the transformers package itself

Run with PyTorch 1.13, transformers 4.30 and safetensors:  python3 make_checkpoints.py
"""
import json
import math
import os

import safetensors.torch
import torch
import torch.nn as nn
import torch.nn.functional as F
from transformers import GPT2Config, GPT2LMHeadModel

HERE = os.path.dirname(os.path.abspath(__file__))
V, P, D, H, L = 19, 12, 8, 2, 3  # tokens, positions, width, heads, layers
IDS = torch.tensor([[3, 1, 4, 1, 5, 9, 2, 6]])


def folder(name):
    path = os.path.join(HERE, name)
    os.makedirs(path, exist_ok=True)
    return lambda file: os.path.join(path, file)


def expect(at, logits, attentions):
    tensors = {'ids': IDS[0].contiguous(), 'logits': logits[0].contiguous()}
    for layer, attention in enumerate(attentions):
        tensors[f'attention_{layer}'] = attention[0].contiguous()
    safetensors.torch.save_file(tensors, at('expected.safetensors'))


def shake(model):
    """Random biases and norms, too: those that are all zero or one would hide a swap."""
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.3)
    return model.eval()


def causal(q, k):
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.size(-1))
    mask = torch.tril(torch.ones(q.size(-2), q.size(-2)))
    return F.softmax(scores.masked_fill(mask == 0, -1e4), dim=-1)


class GPTTransformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.token_embedding = nn.Embedding(V, D)
        position = torch.arange(P).unsqueeze(1).float()
        rate = torch.exp(torch.arange(0, D, 2).float() * (-math.log(10000.0) / D))
        table = torch.zeros(P, D)
        table[:, 0::2] = torch.sin(position * rate)
        table[:, 1::2] = torch.cos(position * rate)
        self.register_buffer('position_encoding', table.unsqueeze(0))
        self.w_q = nn.Linear(D, D, bias=False)
        self.w_k = nn.Linear(D, D, bias=False)
        self.w_v = nn.Linear(D, D, bias=False)
        self.w_output_project_layer = nn.Linear(D, D)
        self.feed_forward_linear1 = nn.Linear(D, 4 * D)
        self.feed_forward_linear2 = nn.Linear(4 * D, D)
        self.layer_normalize1 = nn.LayerNorm(D)
        self.layer_normalize2 = nn.LayerNorm(D)
        self.final_normal_layer = nn.LayerNorm(D)
        self.lm_head = nn.Linear(D, V, bias=False)
        self.lm_head.weight = self.token_embedding.weight
        self.n_layers = L

    def forward(self, ids):
        B, T = ids.shape
        x = self.token_embedding(ids) * math.sqrt(8.0) + self.position_encoding[:, :T]
        patterns = []
        for _ in range(self.n_layers):
            h = self.layer_normalize1(x)
            q = self.w_q(h).view(B, T, 2, 4).transpose(1, 2)
            k = self.w_k(h).view(B, T, 2, 4).transpose(1, 2)
            v = self.w_v(h).view(B, T, 2, 4).transpose(1, 2)
            mask = torch.tril(torch.ones(T, T))
            scores = (q @ k.transpose(-2, -1) / 2.0).masked_fill(mask == 0, -1e4)
            a = F.softmax(scores, dim=-1)
            patterns.append(a)
            mixed = (a @ v).transpose(1, 2).contiguous().view(B, T, 8)
            x = x + self.w_output_project_layer(mixed)
            h = self.feed_forward_linear1(self.layer_normalize2(x))
            x = x + self.feed_forward_linear2(F.gelu(h))
        return self.lm_head(self.final_normal_layer(x)), patterns


class Norm(nn.Module):
    def __init__(self, bias):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(D))
        self.bias = nn.Parameter(torch.zeros(D)) if bias else None

    def forward(self, x):
        return F.layer_norm(x, (D,), self.weight, self.bias, 1e-5)


class Attention(nn.Module):
    def __init__(self, bias, masks):
        super().__init__()
        self.c_attn = nn.Linear(D, 3 * D, bias=bias)
        self.c_proj = nn.Linear(D, D, bias=bias)
        if masks:
            self.register_buffer('bias', torch.tril(torch.ones(P, P)).view(1, 1, P, P))

    def forward(self, x):
        B, T, _ = x.shape
        q, k, v = (t.view(B, T, H, D // H).transpose(1, 2) for t in self.c_attn(x).split(D, dim=2))
        a = causal(q, k)
        return self.c_proj((a @ v).transpose(1, 2).reshape(B, T, D)), a


class Block(nn.Module):
    def __init__(self, bias, masks, gelu):
        super().__init__()
        self.ln_1, self.attn, self.ln_2 = Norm(bias), Attention(bias, masks), Norm(bias)
        self.mlp = nn.ModuleDict({'c_fc': nn.Linear(D, 4 * D, bias=bias),
                                  'c_proj': nn.Linear(4 * D, D, bias=bias)})
        self.gelu = gelu

    def forward(self, x):
        y, a = self.attn(self.ln_1(x))
        x = x + y
        return x + self.mlp['c_proj'](self.gelu(self.mlp['c_fc'](self.ln_2(x)))), a


class Descendant(nn.Module):
    """nanoGPT and minGPT: GPT-2's names with Linear, and each its own way with the rest."""

    def __init__(self, bias, masks, gelu, tied):
        super().__init__()
        self.transformer = nn.ModuleDict({
            'wte': nn.Embedding(V, D), 'wpe': nn.Embedding(P, D),
            'h': nn.ModuleList(Block(bias, masks, gelu) for _ in range(L)), 'ln_f': Norm(bias)})
        self.lm_head = nn.Linear(D, V, bias=False)
        if tied:
            self.transformer.wte.weight = self.lm_head.weight

    def forward(self, ids):
        t = self.transformer
        x = t.wte(ids) + t.wpe(torch.arange(ids.size(1)))
        patterns = []
        for block in t.h:
            x, a = block(x)
            patterns.append(a)
        return self.lm_head(t.ln_f(x)), patterns


def tanh_gelu(x):
    return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x ** 3)))


def make_gpt_transformer():
    at = folder('gpt_transformer')
    model = shake(GPTTransformer())
    expect(at, *model(IDS))
    torch.save(model.state_dict(), at('trained_model.pth'))
    torch.jit.script(model).save(at('model.pt'))


def make_nanogpt():
    at = folder('nanogpt')
    model = shake(Descendant(bias=False, masks=False, gelu=F.gelu, tied=True))
    # As its train.py writes it: compiled, so with a prefix, and with the optimizer beside it.
    optimizer = torch.optim.AdamW(model.parameters())
    model(IDS)[0].sum().backward()
    optimizer.step()
    optimizer.zero_grad()
    expect(at, *model(IDS))
    torch.save({
        'model': {'_orig_mod.' + name: value for name, value in model.state_dict().items()},
        'optimizer': optimizer.state_dict(),
        'model_args': dict(n_layer=L, n_head=H, n_embd=D, block_size=P, bias=False, vocab_size=V,
                           dropout=0.0),
        'iter_num': 1, 'best_val_loss': torch.tensor(2.5), 'config': {'batch_size': 12}},
        at('ckpt.pt'))


def make_mingpt():
    at = folder('mingpt')
    model = shake(Descendant(bias=True, masks=True, gelu=tanh_gelu, tied=False))
    expect(at, *model(IDS))
    torch.save(model.state_dict(), at('model.pt'))


def make_gpt2():
    at = folder('gpt2')
    torch.manual_seed(4)
    config = GPT2Config(vocab_size=V, n_positions=P, n_embd=D, n_layer=L, n_head=H)
    model = shake(GPT2LMHeadModel(config))
    model.tie_weights()
    output = model(IDS, output_attentions=True)
    expect(at, output.logits, output.attentions)
    model.save_pretrained(at(''), safe_serialization=True)  # model.safetensors and config.json
    os.remove(at('generation_config.json'))
    torch.save(model.state_dict(), at('pytorch_model.bin'))
    # The same without the prefix, as the bare transformer is saved, and in shards.
    shards = folder('gpt2_shards')
    bare = {n: v.contiguous() for n, v in model.transformer.state_dict().items()}
    names = sorted(bare)
    half = len(names) // 2
    files = {'model-00001-of-00002.safetensors': names[:half],
             'model-00002-of-00002.safetensors': names[half:]}
    for file, of_file in files.items():
        safetensors.torch.save_file({n: bare[n] for n in of_file}, shards(file))
    weight_map = {n: file for file, of_file in files.items() for n in of_file}
    with open(shards('model.safetensors.index.json'), 'w') as out:
        json.dump({'metadata': {}, 'weight_map': weight_map}, out)
    with open(shards('config.json'), 'w') as out:
        json.dump({'n_head': H, 'activation_function': 'gelu_new'}, out)
    # Half the bytes: what float16 and bfloat16 leave of the weights, and what that computes.
    for name, dtype in (('gpt2_float16', torch.float16), ('gpt2_bfloat16', torch.bfloat16)):
        small = folder(name)
        rounded = {n: v.to(dtype) if v.is_floating_point() else v
                   for n, v in model.state_dict().items()}
        wide = GPT2LMHeadModel(config).eval()
        wide.load_state_dict({n: v.float() if v.is_floating_point() else v
                              for n, v in rounded.items()})
        output = wide(IDS, output_attentions=True)
        expect(small, output.logits, output.attentions)
        torch.save({'state_dict': rounded}, small('pytorch_model.bin'))
        with open(small('config.json'), 'w') as out:
            json.dump({'n_head': H}, out)


if __name__ == '__main__':
    torch.manual_seed(0)
    with torch.enable_grad():
        make_nanogpt()
    with torch.no_grad():
        make_gpt_transformer()
        make_mingpt()
        make_gpt2()
