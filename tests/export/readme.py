#!/usr/bin/env python3
"""Runs the README's lines of Python that export a GPT, as they are written there, on tiny models.

    readme.py ATTNVIZ README     (torch 2.x; with transformers its models, too)

Exit status 1 where a block fails, or attnviz does not show as many layers as the model has.
"""
import json
import os
import re
import subprocess
import sys
import tempfile
import warnings

import exports
import torch

warnings.filterwarnings("ignore")  # tracers warn of every number that becomes a constant


def blocks(readme):
    """The indented lines between '## Which models' and the next heading that speak of torch.jit, by block."""
    text = open(readme).read()
    section = re.search(r"\n## Which models\n(.*?)\n## ", text, re.S).group(1)
    found = re.findall(r"((?:^    .*\n)+)", section, re.M)
    return [re.sub("^    ", "", block, flags=re.M) for block in found if "torch.jit" in block]


def models():
    """A module that scripts, and one of transformers where that is installed."""
    yield "torch.jit.script", exports.gpt_of(exports.CausalAttention)
    try:
        import transformers
    except ImportError:
        return
    for family in ("gpt2", "llama", "qwen3", "gpt_neox"):
        stem, arguments = exports.FAMILIES[family]
        model = getattr(transformers, stem + ("LMHeadModel" if family == "gpt2" else "ForCausalLM"))
        yield "torch.jit.trace", model(getattr(transformers, stem + "Config")(**{**arguments, "vocab_size": 200}))


def main(attnviz, readme):
    attnviz, found = os.path.abspath(attnviz), blocks(readme)
    failed = 0
    for way, model in models():
        for block in found:
            if way not in block:
                continue
            with tempfile.TemporaryDirectory() as folder:
                os.chdir(folder)
                exec(block, {"model": model, "torch": torch})
                run = subprocess.run([attnviz, "show", "--ids", "5,3,8,13", "--model", "gpt.pt", "--figures", "none", "--json"],
                                     capture_output=True, text=True)
                layers = json.loads(run.stdout)["layers"] if run.returncode == 0 else 0
                good = layers == exports.LAYERS
                failed += not good
                print(f"README, {way} of {type(model).__name__}: {layers} layers {'' if good else run.stderr.strip()}")
                os.chdir("/")
    if len(found) < 2:
        print("README: its lines of torch.jit.trace and torch.jit.script are not found")
        failed += 1
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
