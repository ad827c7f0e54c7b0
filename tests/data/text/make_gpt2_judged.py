"""Writes gpt2_judged.json: texts with the ids that two independent tokenizers agree on.

Needs the packages tokenizers (0.23.3 was used) and tiktoken (0.14.0). Everything is read from
vocab/gpt2; nothing is downloaded. Run it in this folder: python3 make_gpt2_judged.py
"""

import json
import pathlib
import random
import unicodedata

import tiktoken
from tokenizers import Tokenizer, models, pre_tokenizers

HERE = pathlib.Path(__file__).parent
VOCAB = HERE.parents[2] / "vocab" / "gpt2"

WHITE_SPACE = "\t\n\v\f\r \x85\xa0\u1680\u2000\u2003\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
NOT_QUITE_SPACE = "\0\x01\x08\x1b\x1c\x1d\x1e\x1f\x7f\x80\xad\u180e\u200b\u200d\u2060\ufeff\ufffd"

WRITTEN = [
    # plain English
    "To be or not to be, that is the question", "The cat sat on the mat", "a", " ", "Hello, world!",
    "The lighthouse keeper counted eleven gulls, then lost count.", "An unwritten letter weighs nothing",
    "one two three one two three one two", "ALL CAPS AND then not", "CamelCase snake_case kebab-case",
    "antidisestablishmentarianism", "Donaudampfschifffahrtsgesellschaft", "x" * 70, "ab" * 40,
    "the" * 30, "hmm" + "m" * 33, "supercalifragilistic" * 4,
    # contractions: only these seven, only lower case, only with U+0027
    "I'm sure they've said we'll see what he'd do; it's theirs, isn't it? You're right.",
    "I'M SURE THEY'VE SAID WE'LL SEE WHAT HE'D DO", "it’s a typographer’s apostrophe", "'s't're've'm'll'd",
    "''s 's' 'tis 'twas rock 'n' roll", "o'clock y'all'd've", "'", "''", "'''", " 's", "  's", "\n's", "1's 2'nd",
    "don't", "don''t", "don' t", "'sx 'tx 'lly 'rex 'l 'r 'v", "é's 日's 5's !'s",
    # white space
    "two  spaces", "three   spaces", "tail ", "tail  ", "tail   ", " head", "  head", "    head", "\n", "\n\n", "\n\n\n",
    "a\nb", "a\n\nb", "a \n b", "a\r\nb\r\n", "\t\tindent", "a\t b", " \t \n \t ", "    four\n        eight\n", "a\n\n\n\n  b",
    "def f(x):\n    return x ** 2  # square\n\n\nprint(f(3))\n", "trailing newline\n", "x" + " " * 100 + "y", "\n" * 50 + "end",
    # numbers
    "0 1 22 333 4444 55555 1234567890", "3.14159 1,000,000 1e-9 0xFF", "2024-01-31T23:59:59Z", "½ ⅓ Ⅷ ² ³ ①② ٣٤ ४५ 一二",
    "v1.2.3-rc4", "1st 2nd 3rd", "100%", "x2 2x x²", "٠١٢٣٤٥٦٧٨٩",
    # punctuation, code, addresses
    "!!!???...", "!?!?!?!?", "(a) [b] {c} <d>", "--- *** ___ ~~~ ===", "#include <vector>", "int main() { return 0; }",
    "if (a && b || !c) { d += e; }", "https://example.org/a?b=c&d=%20#e", "someone@example.org", "C:\\folder\\file.txt",
    "/usr/bin/env", "$5.00 €5 £5 ¥5 ₿", "a—b – c … “quoted” ‘single’ «guillemets»", "<|endoftext|>",
    "before<|endoftext|>after", "<|endoftext|><|endoftext|>", "<s></s><pad><unk>", "§ ¶ † ‡ • ‰ ′ ″", "→ ← ⇒ ∀x∈ℝ: x²≥0", "∫₀^∞ e^{-x} dx = 1",
    # other scripts
    "Çà et là, un garçon naïf", "Größe, Straße, Übermut", "Zażółć gęślą jaźń", "Příliš žluťoučký kůň", "İstanbul’da ılık",
    "Быстрая лиса и ленивый пёс", "Η γρήγορη αλεπού", "שלום עולם", "שָׁלוֹם", "مرحبا بالعالم", "مَرْحَبًا", "नमस्ते दुनिया", "สวัสดีชาวโลก",
    "こんにちは世界", "カタカナ ﾊﾝｶｸ", "你好，世界！", "漢字かな交じり文", "안녕하세요 세계", "각 각", "გამარჯობა", "Բարև աշխարհ", "ᚠᚢᚦ", "አማርኛ", "བོད་སྐད", "ខ្មែរ", "Tiếng Việt",
    "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𝟘𝟙𝟚", "𠀀𠀁 𪜶", "𐍈 𐤀 𒀀 𓀀",
    # combining marks: after a letter, after a space, alone, stacked
    "e\u0301 o\u0308", "\u0301", " \u0301", "a\u0301\u0323\u0308b", "Z\u0351\u036b\u0343a\u0329l\u0321g\u0335o", "x\u20e3 1\ufe0f\u20e3", "क\u094dष", "\u0301\u0301 \u0301",
    # emoji
    "🙂", "🙂🙂🙂", "a🙂b", " 🙂 ", "👩‍👩‍👧‍👦", "👍🏽", "🇩🇪🇫🇷", "🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f", "❤️ ❤", "☕️ at 7", "🤷‍♀️🤷🏿‍♂️", "🎉!!!🎉", "1️⃣2️⃣",
    # the edges of the ranges
    "\x7f\x80\u07ff\u0800\uffff\U00010000\U0010ffff", "\ue000\uf8ff", "\ud7ff\ue000", "\ufdd0\ufdef\ufffe", "\u00aa\u00ba\u02b0\u02c6\u1d2c\u2c7c",
    "\0", "\0\0\0", "a\0b", " \0 ", "\0 \0\n", "'\0s", "\ufeffThe first line", "a\ufeffb", "zero\u200bwidth", "soft\u00adhyphen", "\u202eright to left\u202c",
]


def around_each_space():
    for space in WHITE_SPACE + NOT_QUITE_SPACE:
        yield f"a{space}b {space}c{space} d{space}{space}e{space}1{space}!{space}'s {space}{space}"


def random_texts():
    blocks = [(0x20, 0x7E), (0x61, 0x7A), (0x30, 0x39), (0xA0, 0x24F), (0x300, 0x36F), (0x370, 0x5FF), (0x600, 0xDFF),
              (0xE00, 0x1FFF), (0x2000, 0x2BFF), (0x3000, 0x9FFF), (0xAC00, 0xD7A3), (0x1F300, 0x1F64F), (0x10000, 0x10FFFF)]
    random.seed(1723)
    for _ in range(150):
        text = ""
        for _ in range(random.randint(1, 30)):
            kind = random.random()
            if kind < 0.2:
                text += random.choice(WHITE_SPACE) * random.randint(1, 3)
            elif kind < 0.3:
                text += random.choice(["'s", "'t", "'re", "'ve", "'m", "'ll", "'d", "'", "’s"])
            elif kind < 0.35:
                text += random.choice(NOT_QUITE_SPACE)
            else:
                text += chr(random.randint(*random.choice(blocks)))
        # A character that is younger than the Unicode tables of a library has no class there.
        yield "".join(c for c in text if unicodedata.category(c) != "Cn")


def judges():
    hugging_face = Tokenizer(models.BPE.from_file(str(VOCAB / "vocab.json"), str(VOCAB / "merges.txt")))
    hugging_face.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)

    visible = [b for b in range(256) if 0x21 <= b <= 0x7E or 0xA1 <= b <= 0xAC or b >= 0xAE]
    hidden = [b for b in range(256) if b not in visible]
    byte_of = {chr(b): b for b in visible} | {chr(0x100 + i): b for i, b in enumerate(hidden)}
    names = json.loads((VOCAB / "vocab.json").read_text(encoding="utf-8"))
    del names["<|endoftext|>"]
    open_ai = tiktoken.Encoding(
        "gpt2-local",
        pat_str=r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
        mergeable_ranks={bytes(byte_of[c] for c in name): id for name, id in names.items()},
        special_tokens={})
    return lambda text: hugging_face.encode(text).ids, open_ai.encode_ordinary


def main():
    first, second = judges()
    rows = []
    for text in dict.fromkeys([*WRITTEN, *around_each_space(), *random_texts()]):
        ids = first(text)
        assert ids == second(text), text
        rows.append(json.dumps({"text": text, "ids": ids}, separators=(",", ":")))
    path = HERE / "gpt2_judged.json"
    path.write_text("[\n" + ",\n".join(rows) + "\n]\n", encoding="ascii", newline="\n")
    print(f"{len(rows)} texts, {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
