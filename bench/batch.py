#!/usr/bin/python3
"""What `attnviz batch` costs a text, beside the Python program that it replaces: the same model of
117 MB, texts of 8 to 256 tokens, three figures each.

Usage: bench/batch.py PATH/TO/seaborn_reference.py BOOK.txt... [--texts 2000] [--sample 3]
Reads that program and those books, and nothing else from outside of this repository. Needs
python3-torch, python3-matplotlib, python3-seaborn; build attnviz first.

The books are cut into texts at random places (seed 0), the few of more than 256 tokens there.
attnviz runs over all of them, watched: its memory, and how busy it keeps the cores. Then the reference draws figures of as many tokens as
some of the texts have; of its times only that of the figures counts, of attnviz's the whole run.
"""
import argparse, glob, json, os, random, re, subprocess, tempfile, time

here = os.path.dirname(os.path.realpath(__file__))
parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
parser.add_argument("reference")
parser.add_argument("books", nargs="+")
parser.add_argument("--texts", type=int, default=2000)
parser.add_argument("--sample", type=int, default=3, help="texts that the reference draws, too")
parser.add_argument("--model", help="instead of the reference's; its figures cost the same")
parser.add_argument("--attnviz", default=f"{here}/../build/release/bin/attnviz")
arguments = parser.parse_args()
reference, attnviz = map(os.path.realpath, (arguments.reference, arguments.attnviz))
books = [re.findall(r"\S+\s*", open(book, encoding="utf-8").read()) for book in arguments.books]
model = os.path.realpath(arguments.model) if arguments.model else "model.pt"


def cut_books(folder):
    random.seed(0)
    os.mkdir(folder)
    for i in range(arguments.texts):
        words = books[i % len(books)]
        n = random.randint(8, 150)
        start = random.randrange(len(words) - n)
        with open(f"{folder}/{i:05}.txt", "w", encoding="utf-8") as out:
            out.write("".join(words[start:start + n]).strip()[:4 * 256])


def watched(command, out):
    """Runs it; gives seconds, seconds of processor, and (texts drawn, resident MB) now and then."""
    start, seen = time.time(), []
    program = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    while True:
        ended, status, used = os.wait4(program.pid, os.WNOHANG)
        if ended:
            break
        with open(f"/proc/{program.pid}/status") as text:
            held = re.search(r"VmRSS:\s+(\d+)", text.read())
        if held:
            seen.append((len(glob.glob(f"{out}/*_last_layer_detailed.png")), int(held[1]) / 1000))
        time.sleep(0.2)
    assert status == 0, command
    return time.time() - start, used.ru_utime + used.ru_stime, seen


with tempfile.TemporaryDirectory() as work:
    os.chdir(work)
    subprocess.run(["/usr/bin/python3", reference, "export"], check=True, stdout=subprocess.DEVNULL)
    cut_books("texts")
    command = [attnviz, "batch", "texts", "--max-tokens", "256", "--model", model, "--out-dir", "out"]
    seconds, busy, seen = watched(command, "out")
    index = [json.loads(line) for line in open("out/index.jsonl")]
    tokens = sorted(line["tokens"] for line in index)
    ours = seconds / len(index)
    cores = len(os.sched_getaffinity(0))
    print(f"{len(index)} texts of {tokens[0]} to {tokens[-1]} tokens: {seconds:.0f} s,"
          f" {1000 * ours:.0f} ms a text on {cores} cores, {100 * busy / seconds / cores:.0f} % busy")
    early = max((held for done, held in seen if done <= 200), default=0)
    print(f"memory: at most {early:.0f} MB to text 200, {max(held for _, held in seen):.0f} MB to the end")
    times = []
    for line in random.Random(1).sample(index, arguments.sample):
        run = subprocess.run(["/usr/bin/python3", reference, "run", str(line["tokens"])], check=True,
                             capture_output=True, text=True)
        times.append(float(re.search(r"figures ([\d.]+)", run.stdout)[1]))
        print(f"reference: figures of {line['tokens']} tokens in {times[-1]:.1f} s,"
              f" {times[-1] / ours:.0f} times as long")
