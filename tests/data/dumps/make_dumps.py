"""Makes the files in this folder: attention patterns as people dump them from their models, here
small ones with random weights, run by programs that are independent of attnviz.

  gpt2/, gpt2_text.txt     a GPT-2 as transformers saves it, and a text of tokens that it has
  gpt2_layers.safetensors  its patterns for that text: one tensor a layer, and the ids
  gpt2_stacked.npy         all layers in one array, with the batch; no tokens
  gpt2.npz                 the same without the batch, with an array of strings
  gpt2_float16.safetensors, gpt2_bfloat16.safetensors
                           rounded; tokens in the metadata
  cache.npz                the rows of the last three tokens, computed with a KV cache
  bert.safetensors         a BERT: tokens see what follows them
  cross.safetensors        a T5's decoder looking at its encoder's tokens
  hook.safetensors         a plain PyTorch model of eleven layers, caught by forward hooks

Run with PyTorch 2.15, transformers 5.24 and safetensors:  python3 make_dumps.py
It writes the same bytes every time, but that safetensors may swap the two strings in the metadata
of cross.safetensors.
"""
import json
import math
import os

import numpy as np
import safetensors.torch
import torch
import torch.nn as nn
from transformers import (BertConfig, BertModel, GPT2Config, GPT2LMHeadModel, GPT2TokenizerFast,
                          T5Config, T5ForConditionalGeneration)

HERE = os.path.dirname(os.path.abspath(__file__))
VOCABULARY = os.path.join(HERE, '..', '..', '..', 'vocab', 'gpt2')
TEXT = 'The man said that he would not go with us.'
SIZE = 600  # of the vocabulary: GPT-2's first tokens


def at(name):
    return os.path.join(HERE, name)


def shake(model, std=0.4):
    """Patterns that are far from uniform, and no bias or norm that is all zero or one."""
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=std)
    return model.eval()


def check(attention, causal, tolerance=1e-5):
    """A tensor [..., query, key] of patterns; the queries are the last ones if it is causal."""
    attention = attention.float()
    rows, columns = attention.shape[-2:]
    assert (attention.sum(-1) - 1).abs().max() < tolerance
    assert attention.amax(-1).mean() > 1.8 / columns, 'close to uniform'
    future = torch.ones(rows, columns).triu(columns - rows + 1) * attention
    assert (future.max() == 0) == causal


def save(name, tensors, ensure_ascii=True, **strings):
    metadata = {key: json.dumps(value, ensure_ascii=ensure_ascii)
                for key, value in strings.items()}
    safetensors.torch.save_file({key: value.contiguous() for key, value in tensors.items()},
                                at(name), metadata or None)


def layers(attentions, prefix='layer_'):
    return {f'{prefix}{number}': attention for number, attention in enumerate(attentions)}


def make_gpt2():
    tokenizer = GPT2TokenizerFast(vocab=os.path.join(VOCABULARY, 'vocab.json'),
                                  merges=os.path.join(VOCABULARY, 'merges.txt'))
    ids = tokenizer(TEXT, return_tensors='pt').input_ids
    tokens = tokenizer.convert_ids_to_tokens(ids[0].tolist())
    assert ids.max() < SIZE and len(tokens) == 11
    with open(at('gpt2_text.txt'), 'w', encoding='utf-8') as out:
        out.write(TEXT)

    torch.manual_seed(1)
    config = GPT2Config(vocab_size=SIZE, n_positions=64, n_embd=32, n_layer=2, n_head=4,
                        bos_token_id=0, eos_token_id=0, attn_implementation='eager')
    model = shake(GPT2LMHeadModel(config))
    model.save_pretrained(at('gpt2'))
    os.remove(at('gpt2/generation_config.json'))

    attentions = model(ids, output_attentions=True).attentions
    stacked = torch.stack(attentions)
    check(stacked, causal=True)
    save('gpt2_layers.safetensors', {**layers(attentions), 'ids': ids[0]})
    np.save(at('gpt2_stacked.npy'), stacked.numpy())
    np.savez(at('gpt2.npz'), attention=stacked[:, 0].numpy(), tokens=np.array(tokens))
    for name, dtype in (('float16', torch.float16), ('bfloat16', torch.bfloat16)):
        rounded = stacked[:, 0].to(dtype)
        check(rounded, causal=True, tolerance=0.01)
        save(f'gpt2_{name}.safetensors', {'attention': rounded}, tokens=tokens)

    before = model(ids[:, :-3], use_cache=True).cache
    last = model(ids[:, -3:], cache=before, output_attentions=True).attentions
    last = torch.stack(last)[:, 0]
    check(last, causal=True)
    assert torch.allclose(last, stacked[:, 0, :, -3:], atol=1e-5)
    np.savez(at('cache.npz'), attention=last.numpy(), queries=np.array(tokens[-3:]),
             keys=np.array(tokens))


def make_bert():
    torch.manual_seed(2)
    tokens = ['[CLS]', 'the', 'un', '##believ', '##able', 'cat', 'sat', '[SEP]']
    model = shake(BertModel(BertConfig(
        vocab_size=16, hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=64, max_position_embeddings=16, attn_implementation='eager')), std=0.5)
    attentions = model(torch.arange(8).unsqueeze(0), output_attentions=True).attentions
    for attention in attentions:
        check(attention, causal=False)
    save('bert.safetensors', layers(attentions), tokens=tokens)


def make_cross():
    torch.manual_seed(3)
    keys = ['▁The', '▁cat', '▁sat', '▁on', '▁the', '▁mat', '</s>']
    queries = ['<pad>', '▁Die', '▁Katze', '▁sa', 'ß']
    model = shake(T5ForConditionalGeneration(T5Config(
        vocab_size=16, d_model=32, d_kv=16, d_ff=64, num_layers=2, num_heads=2,
        decoder_start_token_id=0, attn_implementation='eager')))
    attentions = model(input_ids=torch.tensor([[2, 3, 4, 5, 6, 7, 1]]),
                       decoder_input_ids=torch.tensor([[0, 8, 9, 10, 11]]),
                       output_attentions=True).cross_attentions
    for attention in attentions:
        assert attention.shape == (1, 2, 5, 7)
        check(attention, causal=False)
    save('cross.safetensors', layers(attentions, 'cross_'), ensure_ascii=False, queries=queries,
         keys=keys)


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.into = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.attn_dropout = nn.Dropout(0.1)

    def forward(self, x):
        batch, time, width = x.shape
        q, k, v = (t.view(batch, time, self.heads, -1).transpose(1, 2)
                   for t in self.into(x).chunk(3, dim=-1))
        scores = q @ k.transpose(-2, -1) / math.sqrt(q.size(-1))
        future = torch.ones(time, time, dtype=torch.bool).triu(1)
        weights = self.attn_dropout(scores.masked_fill(future, float('-inf')).softmax(dim=-1))
        return self.out((weights @ v).transpose(1, 2).reshape(batch, time, width))


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.norm, self.attention = nn.LayerNorm(width), Attention(width, heads)

    def forward(self, x):
        return x + self.attention(self.norm(x))


class Plain(nn.Module):
    def __init__(self, width, heads, depth):
        super().__init__()
        self.embedding = nn.Embedding(4, width)
        self.blocks = nn.Sequential(*(Block(width, heads) for _ in range(depth)))

    def forward(self, ids):
        return self.blocks(self.embedding(ids))


def make_hook():
    torch.manual_seed(4)
    model = shake(Plain(width=16, heads=2, depth=11))
    caught = {}
    for name, module in model.named_modules():
        if name.endswith('attn_dropout'):
            module.register_forward_hook(
                lambda module, inputs, output, name=name: caught.update({name: output[0]}))
    model(torch.tensor([[0, 1, 2, 3, 0, 1]]))
    assert list(caught) == [f'blocks.{number}.attention.attn_dropout' for number in range(11)]
    for attention in caught.values():
        assert attention.shape == (2, 6, 6)
        check(attention, causal=True)
    save('hook.safetensors', caught, tokens=['to', 'be', 'or', 'not', 'to', 'be'])


if __name__ == '__main__':
    torch.set_num_threads(1)
    with torch.no_grad():
        make_gpt2()
        make_bert()
        make_cross()
        make_hook()
