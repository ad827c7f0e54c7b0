"""The page of `attnviz --html` in a real Chromium.

Needs Debian's python3-selenium, chromium and chromium-driver. Pages made by attnviz are given by

    ATTNVIZ_PAGE       of a short text (8 to 40 tokens)
    ATTNVIZ_LONG_PAGE  of 1,024 tokens

and made up by make_page.py where they are not given, as are those of two sets, of hostile tokens, of
8 bits, of findings, of pruned heads and of a model that sees the future. What a page has to show is
computed here from the data in the page itself.
"""

import base64
import json
import math
import os
import pathlib
import re
import statistics
import struct
import sys
import tempfile
import time
import unittest
import zlib
from array import array

from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).parent))
from make_page import make_page  # noqa: E402

ONE = 65535


class Data:
    """What a page holds, decoded without its own code."""

    def __init__(self, html):
        blocks = dict(
            re.findall(r'<script type="application/[a-z-]*" id="(\w+)">(.*?)</script>', html, re.S)
        )
        self.json = json.loads(blocks["data"])
        self.blocks = blocks
        self.n = len(self.json["tokens"])
        self.causal = self.json["causal"]
        self.labels = ["".join(text for text, _ in parts) for parts in self.json["tokens"]]
        self.layers = {}

    def heads(self, layer, set_=0):
        return self.json["sets"][set_]["layers"][layer]["heads"]

    def n_layers(self):
        return len(self.json["sets"][0]["layers"])

    def start(self, q):
        return q * (q + 1) // 2 if self.causal else q * self.n

    def end(self, q):
        return q + 1 if self.causal else self.n

    def layer(self, layer, set_=0):
        """Per head its packed values, 0 to 65535."""
        if (set_, layer) not in self.layers:
            listed = self.json["sets"][set_]["layers"][layer]
            raw = zlib.decompress(base64.b64decode(self.blocks[listed["data"]]))
            if self.json["bits"] == 16:
                both = bytearray(len(raw))
                both[0::2], both[1::2] = raw[: len(raw) // 2], raw[len(raw) // 2 :]
                values = array("H", bytes(both))
            else:
                values = array("H", [byte * 257 for byte in raw])
            cells = self.start(self.n)
            assert len(values) == cells * len(listed["heads"])
            self.layers[set_, layer] = {
                head: values[i * cells : (i + 1) * cells] for i, head in enumerate(listed["heads"])
            }
        return self.layers[set_, layer]

    def weight(self, layer, head, q, k, set_=0):
        return self.layer(layer, set_)[head][self.start(q) + k] / ONE

    def row(self, layer, head, q, set_=0):
        return [self.weight(layer, head, q, k, set_) for k in range(self.end(q))]

    def column(self, layer, head, k, set_=0):
        return {
            q: self.weight(layer, head, q, k, set_) for q in range(k if self.causal else 0, self.n)
        }

    def combined(self, how, layers, q, k):
        values = [self.weight(layer, head, q, k) for layer in layers for head in self.heads(layer)]
        return max(values) if how == "max" else sum(values) / len(values)

    def largest(self):
        """Of all heads and sets; row 0 of a causal pattern, always 1, does not count."""
        first = 1 if self.causal and self.n > 1 else 0
        return (
            max(
                max(values[first:])
                for set_, one in enumerate(self.json["sets"])
                for layer in range(len(one["layers"]))
                for values in self.layer(layer, set_).values()
            )
            / ONE
        )

    def palette(self, name):
        hex_ = self.json["colours"][name]
        return [tuple(bytes.fromhex(hex_[i : i + 6])) for i in range(0, len(hex_), 6)]


def colour_of(place, palette):
    return palette[int(min(max(place, 0), 1) * (len(palette) - 1) + 0.5)]


def start_browser(folder):
    options = webdriver.ChromeOptions()
    for argument in [
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--no-first-run",
        f"--user-data-dir={folder}",
        "--window-size=1280,900",
    ]:
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    return webdriver.Chrome(options=options)


class PageTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        cls.addClassCleanup(cls.folder.cleanup)
        cls.browser = start_browser(os.path.join(cls.folder.name, "profile"))
        cls.addClassCleanup(cls.browser.quit)
        cls.pages = {}

    @classmethod
    def page(cls, name, **options):
        """(path, Data) of a page given or made up."""
        if name not in cls.pages:
            given = os.environ.get(
                {"short": "ATTNVIZ_PAGE", "long": "ATTNVIZ_LONG_PAGE"}.get(name, ""), ""
            )
            path = pathlib.Path(given or os.path.join(cls.folder.name, f"{name}.html")).resolve()
            if not given:
                path.write_text(make_page(**options))
            cls.pages[name] = path, Data(path.read_text())
        return cls.pages[name]

    def short(self, address=""):
        return self.open(*self.page("short", tokens=11), address)

    def long(self, address=""):
        return self.open(*self.page("long", tokens=1024), address)

    def pair(self, address=""):
        return self.open(*self.page("pair", tokens=11, sets=2), address)

    def open(self, path, data, address):
        self.browser.get("about:blank")
        self.browser.get_log("browser")
        self.browser.get_log("performance")
        self.browser.get(path.as_uri() + address)
        self.wait_until("return document.body.dataset.ready !== undefined")
        return data

    def tearDown(self):
        """Nothing may go wrong or out of the page, whatever a test did."""
        errors = [entry["message"] for entry in self.browser.get_log("browser")]
        messages = [
            json.loads(entry["message"])["message"] for entry in self.browser.get_log("performance")
        ]
        urls = [
            message["params"]["request"]["url"]
            for message in messages
            if message["method"] == "Network.requestWillBeSent"
        ]
        self.assertEqual(errors, [])
        ours = [path.as_uri() for path, _ in self.pages.values()]
        self.assertEqual(
            [
                url
                for url in urls
                if url.split("#")[0] not in ours
                and not url.startswith(("data:", "about:", "blob:"))
            ],
            [],
        )

    # -- what a user does and sees

    def js(self, script, *arguments):
        return self.browser.execute_script(script, *arguments)

    def shown_weight(self):
        """The number that the readout says, with three decimals; words may follow it."""
        (number,) = re.findall(r"[-−]?\d\.\d{3}\b", self.text("readout"))
        return float(number.replace("−", "-"))

    def wait_until(self, script, *arguments, seconds=60):
        end = time.monotonic() + seconds
        while not self.js(script, *arguments):
            if time.monotonic() > end:
                self.fail(f"did not come true: {script}")
            time.sleep(0.02)

    def frames(self, n=2):
        self.browser.execute_async_script(
            "const done = arguments[1], wait = (n) => n ? requestAnimationFrame(() => wait(n - 1)) : done(); wait(arguments[0])",
            n,
        )

    def settle(self):
        self.wait_until("return document.body.dataset.ready === location.hash")
        self.frames()

    def find(self, name):
        return self.browser.find_element(By.ID, name)

    def text(self, name):
        return self.find(name).text

    def press(self, *keys):
        self.browser.switch_to.active_element.send_keys(*keys)
        self.settle()

    def mouse(self, kind, x, y, **more):
        self.browser.execute_cdp_cmd(
            "Input.dispatchMouseEvent", {"type": kind, "x": x, "y": y, **more}
        )

    def centre(self, element):
        return self.js(
            "arguments[0].scrollIntoView({block: 'nearest'}); const box = arguments[0].getClientRects()[0];"
            "return [box.x + box.width / 2, box.y + box.height / 2]",
            element,
        )

    def cell(self, q, k):
        """Where the middle of a cell is, in the window."""
        return self.js(
            """const f = JSON.parse(document.getElementById("cells").dataset.frame);
            const box = document.getElementById("cells").getBoundingClientRect();
            return [box.x + f.left + (arguments[1] - f.k + 0.5) * f.cell, box.y + f.top + (arguments[0] - f.q + 0.5) * f.cell]""",
            q,
            k,
        )

    def hover(self, x, y):
        self.mouse("mouseMoved", x, y)
        self.frames()

    def click(self, x, y):
        self.mouse("mouseMoved", x, y)
        self.mouse("mousePressed", x, y, button="left", clickCount=1)
        self.mouse("mouseReleased", x, y, button="left", clickCount=1)
        self.settle()

    def hover_token(self, token):
        self.hover(*self.centre(self.find(f"t{token}")))

    def pixel(self, q, k):
        """The colour at a fifth of a cell's width and height: numbers stand in the middle."""
        return tuple(
            self.js(
                """const canvas = document.getElementById("cells"), f = JSON.parse(canvas.dataset.frame);
            const place = (from, at, token) => Math.floor((from + (token - at + (f.cell < 20 ? 0.5 : 0.2)) * f.cell) * devicePixelRatio);
            const one = new OffscreenCanvas(1, 1).getContext("2d", {willReadFrequently: true});
            one.drawImage(canvas, -place(f.left, f.k, arguments[1]), -place(f.top, f.q, arguments[0]));
            return [...one.getImageData(0, 0, 1, 1).data]""",
                q,
                k,
            )
        )

    def list_of(self, name):
        """[(position, weight)] as listed."""
        return [
            (int(position), float(weight.replace("−", "-")))
            for position, weight in self.js(
                "return [...document.querySelectorAll(`#${arguments[0]} li`)].map((li) => "
                "[li.querySelector('.position').textContent, li.querySelector('.weight').textContent])",
                name,
            )
        ]

    def background(self, token):
        return self.js(
            "return getComputedStyle(document.getElementById(arguments[0])).backgroundColor",
            f"t{token}",
        )

    def has_tint(self, token):
        return self.background(token) != "rgba(0, 0, 0, 0)"

    def set_threshold(self, value):
        self.js(
            "const e = document.getElementById('threshold'); e.value = arguments[0]; e.dispatchEvent(new Event('input'))",
            self.js("return THRESHOLDS.indexOf(arguments[0])", value),
        )
        self.settle()

    def set_scale(self, name):
        Select(self.find("scale")).select_by_value(name)
        self.settle()

    def assert_strongest(self, listed, weights):
        """weights: {position: weight}. The list holds the largest, in order, to three decimals."""
        best = sorted(
            (item for item in weights.items() if round(item[1] * ONE)),
            key=lambda item: (-abs(item[1]), item[0]),
        )[:10]
        self.assertTrue(best)
        self.assertEqual([position for position, _ in listed], [position for position, _ in best])
        for (_, shown), (_, weight) in zip(listed, best):
            self.assertAlmostEqual(shown, weight, delta=0.00051)

    def a_head(self, data):
        """A layer and head that most pages have."""
        layer = min(1, data.n_layers() - 1)
        return layer, data.heads(layer)[-1]

    # -- the page itself

    def test_loads_with_its_title_and_a_thumbnail_a_head(self):
        data = self.short()
        self.assertEqual(self.text("title"), data.json["title"])
        links = self.js(
            "return [...document.querySelectorAll('#grid figure:not(.combined) a')].map((a) => a.hash)"
        )
        self.assertEqual(
            links,
            [f"#L{layer}H{head}" for layer in range(data.n_layers()) for head in data.heads(layer)],
        )
        self.wait_until(
            "return [...document.querySelectorAll('#grid canvas')].every((c) => c.width !== 300)"
        )

    def test_forbids_every_request(self):
        self.short()
        policy = self.js("return document.querySelector('meta[http-equiv]').content")
        self.assertIn("default-src 'none'", policy)
        blocked = self.browser.execute_async_script(
            "const done = arguments[0]; fetch('data:text/plain,x').then(() => done(false), () => done(true))"
        )
        self.assertTrue(blocked)
        self.assertIn(
            "Content Security Policy", self.browser.get_log("browser")[0]["message"]
        )  # of our own try, above

    def test_thumbnail_shows_the_strongest_cells(self):
        data = self.short()
        layer, head = self.a_head(data)
        self.wait_until(
            "return [...document.querySelectorAll('#grid canvas')].every((c) => c.width !== 300)"
        )
        side, pixels = self.js(
            """const c = document.querySelector(`#grid a[href="${arguments[0]}"] canvas`);
            return [c.width, [...c.getContext("2d").getImageData(0, 0, c.width, c.width).data]]""",
            f"#L{layer}H{head}",
        )
        self.assertEqual(side, data.n)
        largest, palette = data.largest(), data.palette("viridis")
        for q in range(data.n):
            for k in range(data.n):
                at = 4 * (q * side + k)
                expected = (
                    (*colour_of(data.weight(layer, head, q, k) / largest, palette), 255)
                    if k < data.end(q)
                    else (0, 0, 0, 0)
                )
                self.assertEqual(tuple(pixels[at : at + 4]), expected, (q, k))

    def test_a_click_on_a_thumbnail_opens_the_head_and_back_returns(self):
        data = self.short()
        layer, head = self.a_head(data)
        name = f"L{layer}H{head}"
        self.click(
            *self.centre(self.browser.find_element(By.CSS_SELECTOR, f'#grid a[href="#{name}"]'))
        )
        self.assertEqual(self.js("return location.hash"), f"#{name}")
        self.assertEqual(self.text("name"), name)
        self.assertTrue(self.find("cells").is_displayed())
        self.assertFalse(self.find("grid").is_displayed())
        self.browser.back()
        self.settle()
        self.assertTrue(self.find("grid").is_displayed())

    def test_a_link_opens_the_head_with_its_query(self):
        data = self.short("#L1H2&q=5&scale=unit&min=0.05")
        self.assertEqual(self.text("name"), "L1H2")
        self.assertIn("is-query", self.find("t5").get_attribute("class"))
        self.assertEqual(Select(self.find("scale")).first_selected_option.text, "unit")
        self.assertEqual(self.text("least"), "0.05")
        weights = {k: w for k, w in enumerate(data.row(1, 2, 5)) if w >= 0.05}
        self.assert_strongest(self.list_of("keys"), weights)

    def test_a_link_to_nothing_is_no_error(self):
        self.short("#L99H0")
        self.assertTrue(self.find("grid").is_displayed())
        self.short("#L0H99&q=1000000&scale=odd&min=x&heads=&%E0%A4%A")
        self.assertIn("no such head", self.text("readout"))

    # -- pointing

    def test_hovering_a_token_shows_whom_it_attends_to_and_who_attends_to_it(self):
        data = self.short("#L1H2")
        token = data.n // 2
        self.hover_token(token)
        self.assertIn("is-query", self.find(f"t{token}").get_attribute("class"))
        row, column = data.row(1, 2, token), data.column(1, 2, token)
        self.assert_strongest(self.list_of("keys"), dict(enumerate(row)))
        self.assert_strongest(self.list_of("queries"), column)
        largest = data.largest()
        for other in range(data.n):
            weight = row[other] if other <= token else column[other]
            if abs(weight / largest * 16 - 0.5) > 0.01:  # else rounding decides
                self.assertEqual(self.has_tint(other), weight / largest * 16 > 0.5, other)
        marked = self.js(
            "const c = document.getElementById('marks'); return c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some((v) => v)"
        )
        self.assertTrue(marked)
        self.hover(2, 2)
        self.assertFalse(any(self.has_tint(other) for other in range(data.n)))

    def test_hovering_a_cell_reads_out_its_weight(self):
        data = self.short("#L1H2")
        for q, k in [(0, 0), (data.n - 1, 0), (data.n - 1, data.n - 1), (data.n // 2, 1)]:
            self.hover(*self.cell(q, k))
            words = self.text("readout").split()
            self.assertEqual(
                (words[:2], float(words[-1])),
                (["query", str(q)], round(data.weight(1, 2, q, k), 3)),
                words,
            )
            self.assertIn(f"key {k}", self.text("readout"))

    def test_the_future_has_no_weight(self):
        self.short("#L1H2")
        self.hover(*self.cell(1, 4))
        self.assertIn("in its future", self.text("readout"))

    def test_a_click_pins_a_token_and_escape_lets_it_go(self):
        data = self.short("#L1H2")
        self.click(*self.centre(self.find("t5")))
        self.assertEqual(self.js("return location.hash"), "#L1H2&q=5")
        self.hover_token(2)
        self.assertIn("is-query", self.find("t5").get_attribute("class"))
        self.assertEqual(self.shown_weight(), round(data.weight(1, 2, 5, 2), 3))
        self.press(Keys.ESCAPE)
        self.assertEqual(self.js("return location.hash"), "#L1H2")
        self.click(*self.cell(6, 3))
        self.assertEqual(self.js("return location.hash"), "#L1H2&q=6&k=3")
        self.assert_strongest(self.list_of("queries"), data.column(1, 2, 3))

    # -- colours

    def test_cells_have_the_colours_of_their_weights_in_every_scale(self):
        data = self.short("#L1H2")
        palette, figure = data.palette("viridis"), data.largest()
        panel = max(weight for q in range(1, data.n) for weight in data.row(1, 2, q))
        places = {
            "figure": lambda w: w / figure,
            "panel": lambda w: w / panel,
            "unit": lambda w: w,
            "log": lambda w: math.log(max(w, 0.001) / 0.001) / math.log(1000),
        }
        for scale, place in places.items():
            self.set_scale(scale)
            for q, k in [
                (0, 0),
                (3, 2),
                (data.n - 1, 0),
                (data.n - 1, data.n - 2),
                (data.n // 2, 2),
            ]:
                self.assertEqual(
                    self.pixel(q, k),
                    (*colour_of(place(data.weight(1, 2, q, k)), palette), 255),
                    (scale, q, k),
                )
        self.assertEqual(self.pixel(2, 5)[3], 0)

    def test_the_default_scale_is_figure_for_few_tokens_and_log_for_many(self):
        self.short()
        self.assertEqual(self.find("scale").get_attribute("value"), "figure")
        self.long("#L0H0")
        self.assertEqual(self.find("scale").get_attribute("value"), "log")

    def test_below_the_threshold_nothing_is_shown(self):
        data = self.short("#L1H2&q=6")
        self.set_threshold(0.1)
        self.assertIn("min=0.1", self.js("return location.hash"))
        row = data.row(1, 2, 6)
        palette, largest = data.palette("viridis"), data.largest()
        for k, weight in enumerate(
            row[:-1]
        ):  # the last is where the outlines of row and column meet
            self.assertEqual(
                self.pixel(6, k)[:3] == colour_of(weight / largest, palette), weight >= 0.1, k
            )
        self.assert_strongest(
            self.list_of("keys"), {k: weight for k, weight in enumerate(row) if weight >= 0.1}
        )

    # -- means and maxima

    def test_mean_and_maximum_of_a_layer_and_of_all(self):
        data = self.short()
        for how in ["mean", "max"]:
            for address, layers in [(f"#L1{how}", [1]), (f"#{how}", range(data.n_layers()))]:
                self.short(address)
                self.assertIn({"mean": "Mean", "max": "Maximum"}[how], self.text("name"))
                for q, k in [(4, 0), (data.n - 1, data.n - 2), (6, 6)]:
                    self.hover(*self.cell(q, k))
                    self.assertAlmostEqual(
                        self.shown_weight(),
                        data.combined(how, layers, q, k),
                        delta=0.00052,
                    )

    def test_mean_over_chosen_heads(self):
        data = self.short()
        self.find("choose").click()
        heads = data.heads(0)
        for head in heads[2:]:
            self.browser.find_element(
                By.CSS_SELECTOR, f'input[aria-label="Choose L0H{head}"]'
            ).click()
        self.settle()
        address = self.js("return location.hash")
        self.assertIn(f"heads=L0H{heads[0]},L0H{heads[1]},L1,", address)
        self.short(address.replace("#all", "#L0mean"))
        self.hover(*self.cell(5, 3))
        expected = sum(data.weight(0, head, 5, 3) for head in heads[:2]) / 2
        self.assertAlmostEqual(self.shown_weight(), expected, delta=0.00052)

    # -- keys, search, light

    def test_arrows_go_to_the_next_head_and_layer(self):
        data = self.short("#L1H0")
        heads = data.heads(1)
        self.press(Keys.ARROW_RIGHT)
        self.assertEqual(self.text("name"), f"L1H{heads[1]}")
        self.press(Keys.ARROW_UP)
        self.assertEqual(self.text("name"), f"L0H{heads[1]}")
        self.press(Keys.ARROW_UP)
        self.assertEqual(self.text("name"), f"L0H{heads[1]}")
        self.press(Keys.ARROW_DOWN)
        self.press(Keys.ARROW_LEFT)
        self.assertEqual(self.text("name"), "L1H0")
        self.press("m")
        self.assertEqual(self.text("name"), "Mean of layer 1")
        self.press(Keys.ESCAPE)
        self.assertTrue(self.find("grid").is_displayed())

    def test_arrows_go_from_thumbnail_to_thumbnail(self):
        data = self.short("#L1H0")
        self.press(Keys.ESCAPE)
        self.press(Keys.ARROW_RIGHT)
        focused = lambda: self.js("return document.activeElement.getAttribute('href')")
        self.assertEqual(focused(), "#L1H0")
        self.press(Keys.ARROW_UP)
        self.press(Keys.ARROW_RIGHT)
        self.assertEqual(focused(), f"#L0H{data.heads(0)[1]}")
        self.press(Keys.ENTER)
        self.assertEqual(self.text("name"), f"L0H{data.heads(0)[1]}")

    def test_arrows_skip_heads_that_were_pruned(self):
        self.open(*self.page("gaps", tokens=9), "#L3H1")
        self.press(Keys.ARROW_RIGHT)
        self.assertEqual(self.text("name"), "L3H3")

    def test_other_keys(self):
        data = self.short("#L1H0")
        self.press("j")
        self.press("j")
        self.assertIn("q=1", self.js("return location.hash"))
        self.press("k")
        self.assertIn("q=0", self.js("return location.hash"))
        self.press("s")
        self.assertIn("scale=", self.js("return location.hash"))
        self.press("?")
        self.assertTrue(self.find("shortcuts").is_displayed())
        self.press(Keys.ESCAPE)
        self.assertFalse(self.find("shortcuts").is_displayed())
        self.press("/")
        self.assertEqual(self.browser.switch_to.active_element.get_attribute("id"), "search")
        self.press("so")  # in the search field, keys are letters
        self.assertEqual(self.text("name"), "L1H0")
        self.assertEqual(self.find("search").get_attribute("value"), "so")
        self.assertEqual(
            data.n, len(self.browser.find_elements(By.CSS_SELECTOR, "#text [role=option]"))
        )

    def test_the_text_is_walked_by_the_keyboard(self):
        self.short("#L1H0&q=3")
        self.js("document.getElementById('text').focus()")
        self.press(Keys.ARROW_RIGHT)
        self.assertIn("q=4", self.js("return location.hash"))
        self.assertEqual(self.find("text").get_attribute("aria-activedescendant"), "t4")
        self.assertEqual(self.text("name"), "L1H0")

    def test_search_finds_tokens_and_goes_from_one_to_the_next(self):
        data = self.short("#L1H0")
        wanted = next(word.strip() for word in data.json["words"][1:] if len(word.strip()) > 1)
        expected = [
            token for token, word in enumerate(data.json["words"]) if wanted.lower() in word.lower()
        ]
        self.find("search").send_keys(wanted)
        self.frames()
        marked = self.js(
            "return [...document.querySelectorAll('.is-match')].map((e) => Number(e.id.slice(1)))"
        )
        self.assertEqual([token for token in marked if token in expected], expected)
        self.assertEqual(self.text("found"), f"{len(marked)} found")
        self.press(Keys.ENTER)
        self.assertIn(f"q={marked[0]}", self.js("return location.hash"))
        self.press(Keys.ENTER)
        self.assertIn(f"q={marked[1 % len(marked)]}", self.js("return location.hash"))

    def test_search_finds_what_spans_tokens(self):
        data = self.short("#L1H0")
        words = data.json["words"]
        first = next(
            i for i in range(len(words) - 1) if len(words[i]) > 1 and len(words[i + 1]) > 1
        )
        self.find("search").send_keys(words[first][-1] + words[first + 1][:2])
        marked = self.js(
            "return [...document.querySelectorAll('.is-match')].map((e) => Number(e.id.slice(1)))"
        )
        self.assertIn(first, marked)
        self.assertIn(first + 1, marked)

    def test_dark_when_the_system_is_and_when_told(self):
        self.short("#L1H2")
        colour = "return getComputedStyle(document.body).backgroundColor"
        self.assertEqual(self.js(colour), "rgb(255, 255, 255)")
        self.browser.execute_cdp_cmd(
            "Emulation.setEmulatedMedia",
            {"features": [{"name": "prefers-color-scheme", "value": "dark"}]},
        )
        self.assertEqual(self.js(colour), "rgb(22, 23, 26)")
        self.find("theme").click()
        self.assertEqual(self.js(colour), "rgb(255, 255, 255)")
        self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
        self.find("theme").click()
        self.assertEqual(self.js(colour), "rgb(22, 23, 26)")

    def test_layers_and_heads_are_chosen_from_lists(self):
        data = self.short("#L0H0")
        Select(self.find("layer")).select_by_value("1")
        self.settle()
        Select(self.find("head")).select_by_value(str(data.heads(1)[-1]))
        self.settle()
        self.assertEqual(self.text("name"), f"L1H{data.heads(1)[-1]}")
        Select(self.find("head")).select_by_value("max")
        self.settle()
        Select(self.find("layer")).select_by_value("all")
        self.settle()
        self.assertEqual(self.text("name"), "Maximum of all layers")

    # -- pictures and paper

    def test_saves_a_png(self):
        self.short("#L1H2")
        folder = tempfile.mkdtemp(dir=self.folder.name)
        self.browser.execute_cdp_cmd(
            "Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": folder}
        )
        self.find("save").click()
        path = pathlib.Path(folder, "attention_L1H2.png")
        end = time.monotonic() + 20
        while not path.exists() and time.monotonic() < end:
            time.sleep(0.05)
        start = path.read_bytes()[:24]
        self.assertEqual(start[:8], b"\x89PNG\r\n\x1a\n")
        width, height = struct.unpack(">II", start[16:24])
        self.assertGreater(min(width, height), 800)

    def test_copies_a_png(self):
        self.short("#L1H2")
        self.browser.execute_cdp_cmd(
            "Browser.grantPermissions",
            {"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]},
        )
        self.find("copy").click()
        self.wait_until(
            "return document.getElementById('copy').textContent === 'Copied'", seconds=10
        )

    def test_prints_the_pattern_without_controls(self):
        self.short("#L1H2")
        self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
        self.assertFalse(self.find("controls").is_displayed())
        self.assertTrue(self.find("cells").is_displayed())
        self.assertTrue(self.find("title").is_displayed())
        self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
        self.assertTrue(
            base64.b64decode(
                self.browser.execute_cdp_cmd("Page.printToPDF", {})["data"]
            ).startswith(b"%PDF")
        )

    def test_fits_a_narrow_window(self):
        self.browser.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": 360, "height": 700, "deviceScaleFactor": 2, "mobile": False},
        )
        try:
            for address in ["", "#L1H2&q=3"]:
                self.short(address)
                self.assertLessEqual(
                    self.js(
                        "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
                    ),
                    0,
                )
        finally:
            self.browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})

    # -- other pages

    def test_before_after_and_their_difference(self):
        data = self.pair("#L3H1")
        shown = {}
        for which in ["before", "after", "difference"]:
            next(
                button
                for button in self.find("sets").find_elements(By.TAG_NAME, "button")
                if button.text == which
            ).click()
            self.settle()
            self.hover(*self.cell(6, 0))
            shown[which] = self.shown_weight()
            self.hover(2, 2)
        before, after = data.weight(3, 1, 6, 0), data.weight(3, 1, 6, 0, 1)
        self.assertNotEqual(round(before, 3), round(after, 3))
        for which, weight in [("before", before), ("after", after), ("difference", after - before)]:
            self.assertAlmostEqual(shown[which], weight, delta=0.00051)
        largest = (
            max(
                abs(a - b)
                for layer in range(data.n_layers())
                for head in data.heads(layer)
                for a, b in zip(data.layer(layer)[head], data.layer(layer, 1)[head])
            )
            / ONE
        )
        for q, k in [(6, 0), (8, 2), (10, 10), (0, 0)]:
            change = data.weight(3, 1, q, k, 1) - data.weight(3, 1, q, k)
            self.assertEqual(
                self.pixel(q, k),
                (*colour_of((change / largest + 1) / 2, data.palette("blue_red")), 255),
                (q, k),
            )

    def test_a_thumbnail_opens_what_the_overview_shows(self):
        self.pair("#all&show=difference&q=4")
        self.click(*self.centre(self.browser.find_element(By.CSS_SELECTOR, "#grid a")))
        self.assertEqual(self.js("return location.hash"), "#L0H0&q=4&show=difference")

    def test_hostile_tokens_are_text(self):
        data = self.open(*self.page("hostile", tokens=32, text="hostile", bits=8), "#L1H2")
        self.assertEqual(self.text("title"), data.json["title"])
        self.assertEqual(
            self.js(
                "return document.querySelectorAll('#text script, #text img, main img, header script').length"
            ),
            0,
        )
        for token, word in enumerate(data.json["words"]):
            if word.startswith("<") or word in ["\"'", "&amp;", "]]>"]:
                self.assertEqual(
                    self.js(
                        "return document.getElementById(arguments[0]).textContent", f"t{token}"
                    ),
                    word,
                )
        self.hover_token(2)
        labels = self.js(
            "return [...document.querySelectorAll('#keys .token')].map((e) => e.textContent)"
        )
        self.assertEqual(sorted(labels), sorted(data.labels[:3]))
        self.assert_strongest(self.list_of("keys"), dict(enumerate(data.row(1, 2, 2))))

    def test_findings_stand_beside_their_heads(self):
        self.open(*self.page("findings", tokens=11, with_findings=True), "#L2H1")
        self.assertIn("first-token", self.text("findings"))
        self.assertIn("low-output", self.text("findings"))
        self.assertIn("0.85", self.text("findings"))
        self.press("o")
        caption = self.browser.find_element(
            By.CSS_SELECTOR, '#grid a[href="#L2H1"] + input + figcaption'
        ).text
        self.assertEqual(caption.split("\n"), ["first-token 0.85", "low-output", "no-effect"])

    def test_one_token_is_enough(self):
        self.open(*self.page("one", tokens=1), "#L0H0")
        self.hover(*self.cell(0, 0))
        self.assertEqual(self.shown_weight(), 1)
        self.assertEqual(self.list_of("keys"), [(0, 1.0)])

    def test_a_model_that_sees_the_future_shows_all_cells(self):
        data = self.open(*self.page("both_ways", tokens=12, causal=False), "#L1H1")
        self.hover(*self.cell(2, 9))
        self.assertEqual(self.shown_weight(), round(data.weight(1, 1, 2, 9), 3))
        self.hover_token(4)
        self.assert_strongest(self.list_of("keys"), dict(enumerate(data.row(1, 1, 4))))
        self.assert_strongest(self.list_of("queries"), data.column(1, 1, 4))
        self.assertEqual(self.pixel(2, 9)[3], 255)

    # -- 1,024 tokens

    def test_many_tokens_have_all_their_thumbnails(self):
        data = self.long()
        self.assertEqual(data.n, 1024)
        self.wait_until(
            "return [...document.querySelectorAll('#grid canvas')].every((c) => c.width !== 300)",
            seconds=120,
        )
        # A pixel shows the strongest of the cells under it.
        layer, head = self.a_head(data)
        side, pixels = self.js(
            """const c = document.querySelector(`#grid a[href="${arguments[0]}"] canvas`);
            return [c.width, [...c.getContext("2d").getImageData(0, 0, c.width, c.width).data]]""",
            f"#L{layer}H{head}",
        )
        palette, values = data.palette("viridis"), data.layer(layer)[head]
        for y, x in [(5, 1), (side // 2, side // 3), (side - 1, 0), (side - 1, side - 1)]:
            span = lambda p: range(p * data.n // side, (p + 1) * data.n // side)
            most = (
                max(values[data.start(q) + k] for q in span(y) for k in span(x) if k < data.end(q))
                / ONE
            )
            place = math.log(max(most, 0.001) / 0.001) / math.log(1000)
            self.assertEqual(
                tuple(pixels[4 * (y * side + x) :][:3]), colour_of(place, palette), (y, x)
            )

    def test_works_within_a_report(self):
        path, _ = self.page("short", tokens=11)
        inner = base64.b64encode(path.read_bytes()).decode()
        report = pathlib.Path(self.folder.name).resolve() / "report.html"
        report.write_text(
            f'<!DOCTYPE html><iframe width=1200 height=800 src="data:text/html;base64,{inner}"></iframe>'
        )
        self.pages["report"] = report, None
        self.browser.get(report.as_uri())
        self.browser.switch_to.frame(0)
        self.wait_until("return document.body && document.body.dataset.ready !== undefined")
        self.browser.find_element(By.CSS_SELECTOR, '#grid a[href="#L1H2"]').click()
        self.wait_until("return document.getElementById('name').textContent === 'L1H2'")
        Select(self.find("scale")).select_by_value("log")
        self.wait_until("return document.body.dataset.ready.includes('scale=log')")
        self.browser.switch_to.default_content()

    def test_many_tokens_answer_a_hover(self):
        data = self.long("#L1H1")
        self.js("""window.taken = [];
            addEventListener("pointermove", (event) => requestAnimationFrame(() => {
              const channel = new MessageChannel();  // its message comes after the frame is painted
              channel.port1.onmessage = () => taken.push(performance.now() - event.timeStamp);
              channel.port2.postMessage(0);
            }), true)""")
        for i in range(40):
            self.hover(*self.cell(300 + 17 * i, 7 * i))
        self.wait_until("return taken.length >= 30")
        cells = self.js("return taken.splice(0)")
        for token in range(900, 1000, 3):
            self.hover_token(token)
        self.wait_until("return taken.length >= 30")
        tokens = self.js("return taken.splice(0)")
        for what, times in [("cell", cells), ("token", tokens)]:
            print(
                f"\nhover of a {what}, 1,024 tokens, event to painted frame: median {statistics.median(times):.1f} ms, "
                f"largest {max(times):.1f} ms",
                file=sys.stderr,
            )
        self.assert_strongest(self.list_of("keys"), dict(enumerate(data.row(1, 1, 999))))
        self.assert_strongest(self.list_of("queries"), data.column(1, 1, 999))

    def test_many_tokens_are_looked_at_from_near(self):
        data = self.long("#L1H1&q=700")
        for _ in range(8):
            self.press("+")
        frame = json.loads(self.find("cells").get_attribute("data-frame"))
        self.assertLess(frame["n"], 24)
        self.assertTrue(frame["q"] <= 700 < frame["q"] + frame["n"])
        self.hover(*self.cell(700, 699))
        self.assertEqual(
            self.shown_weight(), round(data.weight(1, 1, 700, 699), 3)
        )
        x, y = self.cell(700, 700)
        self.mouse("mousePressed", x, y, button="left", clickCount=1)
        self.mouse("mouseMoved", x + 3 * frame["cell"], y, button="left", buttons=1)
        self.mouse("mouseReleased", x + 3 * frame["cell"], y, button="left", clickCount=1)
        self.frames()
        moved = json.loads(self.find("cells").get_attribute("data-frame"))
        self.assertEqual(moved["k"], frame["k"] - 3)
        self.press("0")
        self.assertEqual(json.loads(self.find("cells").get_attribute("data-frame"))["n"], 1024)


if __name__ == "__main__":
    unittest.main()
