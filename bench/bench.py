#!/usr/bin/python3
"""What attnviz costs, side by side with others in one run. Run by script/bench, which builds it.

Usage: script/bench PATH/TO/seaborn_reference.py BOOK.txt... [--quick]

Each pair is run in turn, so that both meet the same weather; times are medians. The model is the
reference's, 117 MB with random weights. --python names an interpreter that has PyPI's tokenizers
(default: python3, and the row is left out where it has not).
"""
import argparse, json, os, random, re, shutil, statistics, subprocess, sys, tempfile, time

here = os.path.dirname(os.path.realpath(__file__))
build = os.path.realpath(f"{here}/../build/release")
attnviz, floor = f"{build}/bin/attnviz", f"{build}/bench/floor"
text = "To be or not to be, that is the question"

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
parser.add_argument("reference")
parser.add_argument("books", nargs="+")
parser.add_argument("--quick", action="store_true", help="fewer runs, to see whether it works")
parser.add_argument("--python", default="python3",
                    type=lambda name: os.path.abspath(name) if "/" in name else name)
arguments = parser.parse_args()
reference = os.path.realpath(arguments.reference)
books = [os.path.realpath(book) for book in arguments.books]
n_runs = 3 if arguments.quick else 15


def run(*command):
    """Seconds, and peak MB."""
    start = time.monotonic()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(child.pid, 0)
    seconds = time.monotonic() - start
    assert status == 0, command
    return seconds, used.ru_maxrss / 1024


def in_turn(n, *commands):
    """Of each command, the median seconds; and the median ratios of the first to the others."""
    for command in commands:
        run(*command)
    times = [[run(*command)[0] for command in commands] for _ in range(n)]
    medians = [statistics.median(column) for column in zip(*times)]
    ratios = [statistics.median(row[0] / row[i] for row in times) for i in range(1, len(commands))]
    return medians, ratios


def say(what, ours, other, ratio):
    print(f"{what:34} {ours:>16} {other:>22} {ratio:>7}", flush=True)


def ms(seconds):
    return f"{1000 * seconds:.0f} ms"


def whole_run():
    shown = [attnviz, text, "--model", "model.pt", "--prefix", "a", "--out-dir", "out"]
    (ours, theirs), (ratio,) = in_turn(n_runs, shown, [floor, "model.pt", "."])
    say("a whole run, 11 tokens", ms(ours), f"LibTorch alone {ms(theirs)}", f"{ratio:.2f}")
    n = 1 if arguments.quick else 3
    (ours, theirs), (ratio,) = in_turn(n, shown, ["/usr/bin/python3", reference, "run", "11"])
    say("", ms(ours), f"reference {theirs:.1f} s", f"1/{1 / ratio:.0f}")
    for option in ("--help", "--version"):
        (ours,), _ = in_turn(n_runs, [attnviz, option])
        say(f"attnviz {option}", f"{1000 * ours:.1f} ms", "", "")


def stages():
    """Medians of what --json says."""
    seen = {}
    for _ in range(n_runs):
        out = subprocess.run([attnviz, text, "--model", "model.pt", "--prefix", "a", "--out-dir", "out",
                              "--json"], check=True, capture_output=True, text=True).stdout
        for stage, time_ms in json.loads(out)["timings_ms"].items():
            seen.setdefault(stage, []).append(time_ms)
    for stage, times in seen.items():
        say(f"  {stage}", f"{statistics.median(times):.1f} ms", "", "")


def batch():
    n_texts = 40 if arguments.quick else 300
    os.mkdir("texts")
    random.seed(0)
    words = [re.findall(r"\S+\s*", open(book, encoding="utf-8").read()) for book in books]
    for i in range(n_texts):
        book = words[i % len(words)]
        n = random.randint(8, 150)
        start = random.randrange(len(book) - n)
        with open(f"texts/{i:05}.txt", "w", encoding="utf-8") as out:
            out.write("".join(book[start:start + n]).strip())
    ours, theirs, ratios = [], [], []
    for _ in range(1 if arguments.quick else 5):
        shutil.rmtree("drawn", ignore_errors=True)
        seconds, peak = run(attnviz, "batch", "texts", "--out-dir", "drawn", "--model", "model.pt",
                            "--max-tokens", "256", "-q")
        ours.append(seconds / n_texts)
        out = subprocess.run([f"{build}/bench/text_floor", "model.pt", "drawn"], check=True,
                             capture_output=True, text=True).stdout
        theirs.append(float(out) / 1000)
        ratios.append(ours[-1] / theirs[-1])
    say(f"batch, a text of {n_texts}", f"{1000 * statistics.median(ours):.1f} ms",
        f"attention + PNG {1000 * statistics.median(theirs):.1f} ms", f"{statistics.median(ratios):.2f}")


def lengths():
    words = re.findall(r"\S+\s*", open(books[0], encoding="utf-8").read())
    with open("long.txt", "w", encoding="utf-8") as out:
        out.write("".join(words[:2000]))
    model_mb = os.path.getsize("model.pt") / 2**20
    for n in (16, 64, 256, 1024):
        runs = [run(attnviz, "--file", "long.txt", "--max-tokens", str(n), "--model", "model.pt", "--prefix",
                    "long", "--out-dir", "out", "-q") for _ in range(3 if arguments.quick else 7)]
        seconds, peak = (statistics.median(column) for column in zip(*runs))
        patterns_mb = 48 * 4 * n * n / 2**20
        say(f"a whole run, {n} tokens", f"{seconds:.2f} s",
            f"peak {peak:.0f} MiB", f"{(peak - model_mb) / patterns_mb:.1f}" if n == 1024 else "")


def tokenizers():
    """Both encode a book again and again, without their start."""
    code = """
import sys, time, tokenizers
from tokenizers import Tokenizer, models, pre_tokenizers
judge = Tokenizer(models.BPE.from_file(sys.argv[1] + "/vocab.json", sys.argv[1] + "/merges.txt"))
judge.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
book = open(sys.argv[2], encoding="utf-8", newline="").read()
times = []
for _ in range(5):
    start = time.monotonic()
    judge.encode(book)
    times.append(time.monotonic() - start)
print(len(book.encode()) / sorted(times)[2] / 1e6)
"""
    vocabulary = f"{here}/../vocab/gpt2"
    other = subprocess.run([arguments.python, "-c", code, vocabulary, books[0]], capture_output=True, text=True)
    ours = micro("tokenize")["tokenize"]["bytes_per_second"] / 1e6
    if other.returncode != 0:
        return say("tokenizer, a book", f"{ours:.0f} MB/s", "(no tokenizers in Python)", "")
    theirs = float(other.stdout)
    say("tokenizer, a book", f"{ours:.0f} MB/s", f"tokenizers {theirs:.1f} MB/s", f"{ours / theirs:.0f}x")


def micro(what):
    out = subprocess.run([f"{build}/bench/micro", "model.pt", books[0], f"--benchmark_filter={what}",
                          "--benchmark_format=json"], check=True, capture_output=True, text=True).stdout
    return {one["name"].removesuffix("/real_time"): one for one in json.loads(out)["benchmarks"]}


def alone():
    seen = micro("-tokenize")
    for n in (16, 64, 256, 1024):
        forward = seen[f"full_forward/{n}"]["real_time"]
        for what, name in (("capture", "attention alone"), ("head_scores", "scores of `heads`")):
            time_ms = seen[f"{what}/{n}"]["real_time"]
            say(f"{name}, {n} tokens", f"{time_ms:.1f} ms", f"full forward {forward:.1f} ms",
                f"{time_ms / forward:.2f}")
    for n in (16, 64, 256, 1024):
        cells = seen[f"lay_out_and_paint/{n}"]["items_per_second"]
        bytes_ = seen[f"encode/{n}"]["bytes_per_second"]
        say(f"a grid of {n} tokens", f"{cells / 1e6:.1f} M cells/s", f"PNG {bytes_ / 1e6:.0f} MB/s", "")


with tempfile.TemporaryDirectory() as work:
    os.chdir(work)
    os.mkdir("out")
    subprocess.run(["/usr/bin/python3", reference, "export"], check=True, stdout=subprocess.DEVNULL)
    say("", "attnviz", "beside", "ratio")
    for part in (whole_run, stages, batch, lengths, tokenizers, alone):
        part()
