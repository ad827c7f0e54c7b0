#!/usr/bin/env python3
"""Compares the attention that attnviz takes out of exported models with what it should be.

    judge.py ATTNVIZ FOLDER [--table]      (numpy and safetensors; FOLDER: what exports.py made)

For each NAME.pt: `ATTNVIZ show --model NAME.pt --ids ... --save-attention F --json` against NAME.safetensors.
Prints how it was captured and the largest difference, with --table as Markdown. Exit status 1 where one differs
by more than 1e-5 or fails.
"""
import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
from safetensors.numpy import load_file

LIMIT = 1e-5


def judge(attnviz, model, saved):
    """(verdict, how it was captured, what it says)"""
    expected = load_file(model.with_suffix(".safetensors"))
    ids = ",".join(str(i) for i in expected["ids"][0])
    command = [attnviz, "show", "--model", model, "--ids", ids, "--figures", "none", "--save-attention", saved, "--json", "--quiet"]
    run = subprocess.run(command, capture_output=True, text=True)
    if run.returncode != 0:
        return "FAILED", "", run.stderr.strip()
    if run.stderr.strip():
        return "FAILED", "", "prints on standard error: " + run.stderr.strip()
    got = load_file(saved)
    n_layers = sum(name.startswith("layer_") for name in expected)
    if sum(name.startswith("layer_") for name in got) != n_layers:
        return "FAILED", "", f"other layers than the {n_layers} expected: {sorted(got)}"
    worst = 0.0
    for layer in range(n_layers):
        a, b = got[f"layer_{layer}"], expected[f"layer_{layer}"]
        if a.shape != b.shape:
            return "FAILED", "", f"layer {layer}: shape {a.shape}, expected {b.shape}"
        worst = max(worst, float(np.abs(a - b).max()))
    how = json.loads(run.stdout)["capture"]
    return ("same" if worst <= LIMIT else "DIFFERS"), how, f"{worst:.1e}"


def main(attnviz, folder, is_table):
    models = sorted(pathlib.Path(folder).glob("*.pt"))
    if not models:
        print(f"there are no exports in {folder}", file=sys.stderr)
        return 2
    tally = {}
    with tempfile.TemporaryDirectory() as work:
        for model in models:
            verdict, how, text = judge(attnviz, model, pathlib.Path(work) / "attention.safetensors")
            tally[verdict] = tally.get(verdict, 0) + 1
            line = f"| {model.stem} | {how} | {text} |" if is_table else f"{model.stem:44} {verdict:8} {how:8} {text}"
            print(line, flush=True)
    print(tally, file=sys.stderr)
    return 0 if set(tally) == {"same"} else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], "--table" in sys.argv[3:]))
