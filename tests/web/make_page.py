"""Makes a page of made-up patterns, to look at and to test the page without a model.

    make_page.py OUT.html [--tokens N] [--layers L] [--heads H] [--bits 8|16] [--sets 1|2]
                          [--text plain|hostile] [--findings] [--both-ways] [--queries Q]
                          [--prompt P] [--top K]

Every fourth head looks at the token before, at the first, back at a repeated token, or broadly.
--queries: so many, the last of the text where they see no future, else those of another text.
"""

import argparse
import base64
import json
import pathlib
import random
import zlib
from array import array

PAGE = pathlib.Path(__file__).resolve().parents[2] / "src" / "page"

# Some anchors of viridis and of ColorBrewer's RdBu, blue first.
VIRIDIS = "440154 482878 3e4989 31688e 26828e 1f9e89 35b779 6ece58 b5de2b fde725".split()
BLUE_RED = "2166ac 4393c3 92c5de d1e5f0 f7f7f7 fddbc7 f4a582 d6604d b2182b".split()

PLAIN = (
    "To be , or not to be , that is the question : whether ' t is nobler in the mind to suffer "
    "the slings and arrows of outrageous fortune , or to take arms against a sea of troubles"
).split()
OTHER = (
    "Être ou ne pas être , telle est la question . Est-il plus noble pour une âme de souffrir les "
    "flèches de la fortune outrageante , ou de prendre les armes contre une mer de troubles"
).split()
HOSTILE = [
    "<script>",
    "alert(1)",
    "</script>",
    "\"'",
    "&amp;",
    "<img src=x onerror=alert(1)>",
    "\\u003c",
    "שלום",
    "עולם",
    "مرحبا",
    "🙂",
    "<!--",
    "\n",
    "\u202eevil",
    "]]>",
    "a" * 60,
]


def palette(anchors, n=217):
    anchors = [tuple(bytes.fromhex(anchor)) for anchor in anchors]
    out = bytearray()
    for i in range(n):
        place = i / (n - 1) * (len(anchors) - 1)
        low = min(int(place), len(anchors) - 2)
        share = place - low
        out += bytes(
            round(a * (1 - share) + b * share) for a, b in zip(anchors[low], anchors[low + 1])
        )
    return out.hex()


def words_of(kind, n):
    if kind == "hostile":
        words = [HOSTILE[i % len(HOSTILE)] for i in range(n)]
    else:
        source = OTHER if kind == "other" else PLAIN
        words = [source[i % len(source)] for i in range(n)]
        words = [word if i == 0 or word in ",:" else " " + word for i, word in enumerate(words)]
        words = [word + "\n" if i % 97 == 96 else word for i, word in enumerate(words)]
    if n > 4:
        words[n // 2] = ""  # half a character
    return words


def label_of(word):
    if word == "":
        return [["<0xE2>", 1]]
    parts = []
    for character in word:
        shown, is_mark = {" ": ("·", 1), "\n": ("⏎", 1), "\u202e": ("<U+202E>", 1)}.get(
            character, (character, 0)
        )
        if parts and parts[-1][1] == is_mark:
            parts[-1][0] += shown
        else:
            parts.append([shown, is_mark])
    return parts


def head_rows(n, kind, words, random_source, causal, n_queries):
    """Rows of weights, each over the keys that its query may see."""
    if not causal:
        for q in range(n_queries):
            row = [random_source.random() ** 4 for _ in range(n)]
            yield [weight / sum(row) for weight in row]
        return
    rate = random_source.uniform(0.5, 2.5)
    decay = [(1 + distance) ** -rate for distance in range(n)][::-1]  # decay[n-1-d] at distance d
    last = {}
    for q in range(n):
        row = decay[n - 1 - q :]
        if kind == 0 and q:
            row[q - 1] += 4
        elif kind == 1:
            row[0] += 6 * random_source.random()
        elif kind == 2 and words[q] in last:
            row[last[words[q]] + 1 if last[words[q]] + 1 < q else last[words[q]]] += 5
        elif kind == 3:
            row = [weight + 0.1 for weight in row]
        last[words[q]] = q
        row[random_source.randrange(q + 1)] += random_source.random() ** 6 * 5
        total = sum(row)
        yield [weight / total for weight in row]


BLANK = 65534  # stands for what was left out


def packed_weight(weight, row, one, top):
    if top and weight < sorted(row)[-min(top, len(row))]:
        return BLANK
    value = int(weight * one + 0.5)
    return BLANK + 1 if top and value == BLANK else value


def packed_layer(heads, n, words, bits, seed, causal, n_queries, top):
    one = 65535 if bits == 16 else 255
    values = array("H")
    for head in heads:
        random_source = random.Random(seed * 1000 + head)
        rows = list(head_rows(n, head % 4, words, random_source, causal, n_queries))
        for row in rows[-n_queries:]:
            values.extend([packed_weight(weight, row, one, top) for weight in row])
    raw = values.tobytes()
    planes = raw[0::2] + raw[1::2] if bits == 16 else raw[0::2]
    return base64.b64encode(zlib.compress(planes, 6)).decode()


def findings(layers):
    found = {}
    names = ["previous-token", "first-token", "induction", "broad"]
    for layer, heads in enumerate(layers):
        for head in heads:
            label = names[head % 4]
            found[f"L{layer}H{head}"] = {
                "labels": [label] if head != 6 else [],
                "flags": ["low-output", "no-effect"] if (layer, head) == (2, 1) else [],
                "scores": [
                    [name, 0.93 - 0.04 * layer if name == label else 0.02 * (head + 1)]
                    for name in names
                ],
                "sentences": [f"attends to what a {label} head attends to (0.93 on 16 texts)"],
            }
    return found


def make_page(
    tokens=11,
    layers=6,
    heads=8,
    bits=16,
    sets=1,
    text="plain",
    with_findings=False,
    causal=True,
    queries=None,
    prompt=None,
    top=None,
    left_out=None,
):
    words = words_of(text, tokens)
    n_queries = queries or tokens
    numbers = [[h for h in range(heads) if (l, h) not in {(3, 2), (3, 5)}] for l in range(layers)]
    blocks, listed = [], []
    for s in range(sets):
        layer_list = []
        for layer, head_numbers in enumerate(numbers):
            name = f"s{s}l{layer}"
            layer_list.append({"heads": head_numbers, "data": name})
            seed = layer + 50 * s * (layer > 1)
            block = packed_layer(
                head_numbers, tokens, words, bits, seed, causal, n_queries, top
            )
            blocks.append(f'<script type="application/octet-stream" id="{name}">{block}</script>')
        listed.append({"name": ["before", "after"][s] if sets > 1 else "", "layers": layer_list})
    data = {
        "version": 1,
        "software": "attnviz 0.1.0",
        "title": "".join(words)[:80].strip(),
        "model": "demo.pt",
        "note": [],
        "tokens": [label_of(word) for word in words],
        "words": words,
        "causal": causal,
        "bits": bits,
        "sets": listed,
        "colours": {"viridis": palette(VIRIDIS), "blue_red": palette(BLUE_RED)},
    }
    if queries:
        query_words = words[-queries:] if causal else words_of("other", queries)
        data["query_tokens"] = [label_of(word) for word in query_words]
        data["query_words"] = query_words
    if prompt:
        data["n_prompt"] = prompt
    if top:
        data["blank"] = BLANK
    if left_out:
        data["left_out"] = {"queries": left_out[0], "keys": left_out[1]}
    if with_findings:
        data["heads"] = findings(numbers)
    escaped = json.dumps(data, ensure_ascii=False).replace("<", "\\u003c")
    blocks.insert(0, f'<script type="application/json" id="data">{escaped}</script>')
    page = (PAGE / "viewer.html").read_text()
    script = "\n".join(path.read_text() for path in sorted(PAGE.glob("*.js")))
    parts = {
        "@STYLE@": (PAGE / "viewer.css").read_text(),
        "@SCRIPT@": script,
        "@DATA@": "\n".join(blocks),
    }
    for mark, content in parts.items():
        before, after = page.split(mark)
        page = before + content + after
    return page


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out")
    parser.add_argument("--tokens", type=int, default=11)
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--heads", type=int, default=8)
    parser.add_argument("--bits", type=int, choices=[8, 16], default=16)
    parser.add_argument("--sets", type=int, choices=[1, 2], default=1)
    parser.add_argument("--text", choices=["plain", "hostile"], default="plain")
    parser.add_argument("--findings", action="store_true")
    parser.add_argument("--both-ways", action="store_true")
    parser.add_argument("--queries", type=int)
    parser.add_argument("--prompt", type=int)
    parser.add_argument("--top", type=int)
    given = parser.parse_args()
    page = make_page(
        given.tokens,
        given.layers,
        given.heads,
        given.bits,
        given.sets,
        given.text,
        given.findings,
        not given.both_ways,
        given.queries,
        given.prompt,
        given.top,
    )
    pathlib.Path(given.out).write_text(page)


if __name__ == "__main__":
    main()
