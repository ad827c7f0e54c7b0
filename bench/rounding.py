#!/usr/bin/env python3
"""How far the same model's attention is apart between versions of LibTorch and instruction sets.

Usage: bench/rounding.py TEXT MODEL... -- ATTNVIZ...

Each ATTNVIZ is a program built against another LibTorch (script/build --torch DIR). The first one
records a suite of TEXT, cut at 11, 64 and 256 tokens, in float64 and in float32; all of them check it
with every instruction set. Printed are the largest differences of any head: a weight, Jensen-Shannon
divergence in bits, and a score (as a share where it is above 1). The tolerances of docs/snapshot.md
are some times these.
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

ENVIRONMENTS = {
    "as it is": {},
    "AVX2": {"ATEN_CPU_CAPABILITY": "avx2", "OPENBLAS_CORETYPE": "Haswell",
             "MKL_ENABLE_INSTRUCTIONS": "AVX2", "ONEDNN_MAX_CPU_ISA": "AVX2"},
    "no AVX": {"ATEN_CPU_CAPABILITY": "default", "OPENBLAS_CORETYPE": "Nehalem",
               "MKL_ENABLE_INSTRUCTIONS": "SSE4_2", "ONEDNN_MAX_CPU_ISA": "SSE41"},
}


def run(program, arguments, environment):
    clean = {k: v for k, v in os.environ.items() if k not in ("CI", "GITHUB_ACTIONS")}
    result = subprocess.run([program, "snapshot", *arguments], env={**clean, **environment},
                            capture_output=True, text=True)
    if result.returncode > 1:
        sys.exit(f"{program}: {result.stderr}")
    return result.stdout


def measure(program, suite, environment, folder):
    report = json.loads(run(program, ["check", suite, "--json", "--out-dir", folder], environment))
    largest, bits, score = 0, 0, 0
    for text in report["texts"]:
        for head in text["heads"]:
            largest = max(largest, head["largest_difference"])
            bits = max(bits, head["divergence_bits"])
            for change in head["scores"].values():
                moved = abs(change["after"] - change["before"])
                score = max(score, moved / max(1, abs(change["before"])))
    return report["verdict"], largest, bits, score


def main():
    if "--" not in sys.argv or len(sys.argv) < 5:
        sys.exit(__doc__)
    split = sys.argv.index("--")
    text, models, programs = sys.argv[1], sys.argv[2:split], sys.argv[split + 1:]
    with tempfile.TemporaryDirectory() as folder:
        for model in models:
            for precision in "float64", "float32":
                suite = pathlib.Path(folder) / f"{pathlib.Path(model).stem}-{precision}.json"
                texts = [{"name": f"t{n}", "file": os.path.abspath(text), "max_tokens": n}
                         for n in (11, 64, 256)]
                suite.write_text(json.dumps(
                    {"model": os.path.abspath(model), "precision": precision, "texts": texts}))
                run(programs[0], ["record", str(suite)], {})
                for program in programs:
                    version = subprocess.run([program, "--version"], capture_output=True, text=True)
                    libtorch = version.stdout.splitlines()[1]
                    for name, environment in ENVIRONMENTS.items():
                        verdict, largest, bits, score = measure(
                            program, str(suite), environment, folder)
                        print(f"{pathlib.Path(model).name:12} {precision}  {libtorch:16} {name:9}"
                              f"  weight {largest:.1e}  bits {bits:.1e}  score {score:.1e}"
                              f"  {verdict}", flush=True)


if __name__ == "__main__":
    main()
