"""The page of `attnviz --html` in a real Chromium.

Needs Debian's python3-selenium, chromium and chromium-driver. Pages made by attnviz are given by

    ATTNVIZ_PAGE       of a short text (8 to 40 tokens)
    ATTNVIZ_LONG_PAGE  of 1,024 tokens

and made up by make_page.py where they are not given, as are those of two sets, of hostile tokens, of
8 bits, of findings, of pruned heads, of a model that sees the future, of cross-attention, of keys kept
from before, of a continued text and of weights left out. What a page has to show is computed here from
the data in the page itself.
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
        self.n = len(self.json["tokens"])  # of keys
        queries = self.json.get("query_tokens", self.json["tokens"])
        self.causal = self.json["causal"]
        self.first = self.n - len(queries) if self.causal else 0
        self.queries = range(self.first, self.first + len(queries))
        self.labels = ["".join(text for text, _ in parts) for parts in self.json["tokens"]]
        self.query_labels = ["".join(text for text, _ in parts) for parts in queries]
        self.layers = {}
        self.starts = {q: self.start(q) for q in self.queries}

    def heads(self, layer, set_=0):
        return self.json["sets"][set_]["layers"][layer]["heads"]

    def n_layers(self):
        return len(self.json["sets"][0]["layers"])

    def start(self, q):
        """Where its row begins."""
        return sum(self.end(before) for before in range(self.first, q))

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
            cells = self.start(self.queries.stop)
            assert len(values) == cells * len(listed["heads"])
            self.layers[set_, layer] = {
                head: values[i * cells : (i + 1) * cells] for i, head in enumerate(listed["heads"])
            }
        return self.layers[set_, layer]

    def weight(self, layer, head, q, k, set_=0):
        """None: it was left out."""
        value = self.layer(layer, set_)[head][self.starts[q] + k]
        return None if value == self.json.get("blank") else value / ONE

    def row(self, layer, head, q, set_=0):
        return [self.weight(layer, head, q, k, set_) for k in range(self.end(q))]

    def column(self, layer, head, k, set_=0):
        return {q: self.weight(layer, head, q, k, set_) for q in self.queries if k < self.end(q)}

    def combined(self, how, layers, q, k):
        """None: all left it out."""
        values = [self.weight(layer, head, q, k) for layer in layers for head in self.heads(layer)]
        values = [value for value in values if value is not None]
        if not values:
            return None
        return max(values) if how == "max" else sum(values) / len(values)

    def largest(self):
        """Of all heads and sets; a first row of one cell, always 1, does not count."""
        first = 1 if self.end(self.first) == 1 and len(self.queries) > 1 else 0
        blank = self.json.get("blank")
        return (
            max(
                max(value for value in values[first:] if value != blank)
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
            return [box.x + f.left + (arguments[1] - f.k + 0.5) * f.cellWide, box.y + f.top + (arguments[0] - f.q + 0.5) * f.cellHigh]""",
            q,
            k,
        )

    def frame(self):
        return json.loads(self.find("cells").get_attribute("data-frame"))

    def hover(self, x, y):
        self.mouse("mouseMoved", x, y)
        self.frames()

    def click(self, x, y):
        self.mouse("mouseMoved", x, y)
        self.mouse("mousePressed", x, y, button="left", clickCount=1)
        self.mouse("mouseReleased", x, y, button="left", clickCount=1)
        self.settle()

    def hover_token(self, token):
        """Its number in a text that is both sides, or its element's name: q3, k5."""
        self.hover(*self.centre(self.find(f"t{token}" if isinstance(token, int) else token)))

    def pixel(self, q, k):
        """The colour at a fifth of a cell's width and height: numbers stand in the middle."""
        return tuple(
            self.js(
                """const canvas = document.getElementById("cells"), f = JSON.parse(canvas.dataset.frame);
            const place = (from, cell, at, token) => Math.floor((from + (token - at + (cell < 20 ? 0.5 : 0.2)) * cell) * devicePixelRatio);
            const one = new OffscreenCanvas(1, 1).getContext("2d", {willReadFrequently: true});
            one.drawImage(canvas, -place(f.left, f.cellWide, f.k, arguments[1]), -place(f.top, f.cellHigh, f.q, arguments[0]));
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
            f"t{token}" if isinstance(token, int) else token,
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
            (item for item in weights.items() if round((item[1] or 0) * ONE)),
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

    # -- a first key that was left out

    def test_tokens_are_numbered_from_the_first_of_all(self):
        page = self.page("rest", tokens=12, left_out=(1, 1))
        data = self.open(*page, "#L1H1&q=5")
        self.assertTrue(self.text("keys-of").startswith("Query 5 "))
        self.assertIn(f"query 5 {data.labels[4]}", self.text("readout"))
        weights = {k + 1: weight for k, weight in enumerate(data.row(1, 1, 4))}
        self.assert_strongest(self.list_of("keys"), weights)
        self.open(*page, "#L1H1")
        x, y = self.cell(7, 2)
        self.mouse("mousePressed", x, y, button="left", clickCount=1)
        self.mouse("mouseReleased", x, y, button="left", clickCount=1)
        self.settle()
        self.assertEqual(self.js("return location.hash"), "#L1H1&q=8&k=3")
        self.assertIn(f"key 3 {data.labels[2]}", self.text("readout"))
        self.assert_strongest(
            self.list_of("queries"),
            {q + 1: weight for q, weight in data.column(1, 1, 2).items()},
        )

    def test_of_two_texts_each_side_says_what_was_left_out(self):
        page = self.page("rest_of_two", tokens=14, queries=9, causal=False, left_out=(0, 1))
        data = self.open(*page, "#L1H1&q=3&k=1")
        self.assertIn(f"query 3 {data.query_labels[3]}", self.text("readout"))
        self.assertIn(f"key 1 {data.labels[0]}", self.text("readout"))
        self.open(*page, "#L1H1&k=0")
        self.assertNotIn("key 0", self.text("readout"))

    # -- other queries than keys

    def cross(self, address=""):
        """What writes "Être ou ne pas" looks at "To be, or not"."""
        page = self.page("cross", tokens=14, queries=9, causal=False)
        return self.open(*page, address)

    def kept(self, address=""):
        """Of 30 tokens the last 12 are queries, and the last 8 the model's own."""
        return self.open(*self.page("kept", tokens=30, queries=12, prompt=22), address)

    def assert_tints(self, weights, largest):
        """weights: {name of a token's element: weight}."""
        for name, weight in weights.items():
            strength = weight / largest * 16
            if abs(strength - 0.5) > 0.01:  # else rounding decides
                self.assertEqual(self.has_tint(name), strength > 0.5, name)

    def test_cross_attention_has_a_text_for_each_side(self):
        data = self.cross("#L1H1")
        self.assertEqual(
            self.js(
                "return [...document.querySelectorAll('#texts > *')].map((e) => e.ariaLabel || e.textContent)"
            ),
            [
                "Queries",
                "The queries, token by token",
                "Keys",
                "The keys, token by token",
            ],
        )
        for name, words in [("text", "query_words"), ("key-text", "words")]:
            shown = self.js(
                "return [...document.getElementById(arguments[0]).children].map((e) => e.textContent)",
                name,
            )
            self.assertEqual(shown, [word or "<0xE2>" for word in data.json[words]])
        self.assertIn("9 queries, 14 keys", self.text("origin"))

    def test_a_query_of_another_text_shows_what_it_attends_to(self):
        data = self.cross("#L1H1")
        self.hover_token("q3")
        row = data.row(1, 1, 3)
        self.assert_strongest(self.list_of("keys"), dict(enumerate(row)))
        self.assertFalse(self.find("queries").is_displayed())
        self.assert_tints({f"k{k}": weight for k, weight in enumerate(row)}, data.largest())
        self.assertFalse(any(self.has_tint(f"q{q}") for q in data.queries))
        self.assertEqual(self.shown_weight(), round(max(row), 3))
        self.assertIn(f"query 3 {data.query_labels[3]}", self.text("readout"))
        self.assertIn("is-query", self.find("q3").get_attribute("class"))

    def test_a_key_of_another_text_shows_what_attends_to_it(self):
        data = self.cross("#L1H1")
        self.hover_token("k12")  # beyond the last query
        column = data.column(1, 1, 12)
        self.assert_strongest(self.list_of("queries"), column)
        self.assertFalse(self.find("keys").is_displayed())
        self.assert_tints({f"q{q}": weight for q, weight in column.items()}, data.largest())
        self.assertFalse(any(self.has_tint(f"k{k}") for k in range(data.n)))
        self.assertEqual(self.shown_weight(), round(max(column.values()), 3))
        self.assertIn(f"key 12 {data.labels[12]}", self.text("readout"))

    def test_what_is_listed_is_of_the_other_text(self):
        data = self.cross("#L1H1&k=12")
        labels = "return [...document.querySelectorAll(`#${arguments[0]} .token`)].map((e) => e.textContent)"
        listed = [q for q, _ in self.list_of("queries")]
        self.assertEqual(self.js(labels, "queries"), [data.query_labels[q] for q in listed])
        self.browser.find_element(By.CSS_SELECTOR, "#queries button").click()
        self.settle()
        self.assertEqual(self.js("return location.hash"), f"#L1H1&q={listed[0]}")
        listed = [k for k, _ in self.list_of("keys")]
        self.assertEqual(self.js(labels, "keys"), [data.labels[k] for k in listed])
        self.browser.find_element(By.CSS_SELECTOR, "#keys button").click()
        self.settle()
        self.assertEqual(self.js("return location.hash"), f"#L1H1&k={listed[0]}")

    def test_cells_of_cross_attention(self):
        data = self.cross("#L1H1")
        palette = data.palette("viridis")
        for q, k in [(0, 0), (0, 13), (8, 0), (8, 13), (3, 5)]:
            weight = data.weight(1, 1, q, k)
            self.assertEqual(
                self.pixel(q, k), (*colour_of(weight / data.largest(), palette), 255), (q, k)
            )
            self.hover(*self.cell(q, k))
            self.assertEqual(self.shown_weight(), round(weight, 3))
            readout = self.text("readout")
            self.assertIn(f"query {q} {data.query_labels[q]} → key {k} {data.labels[k]}", readout)
        frame = self.frame()
        self.assertEqual(frame["cellWide"], frame["cellHigh"])
        self.assertEqual((frame["rows"], frame["columns"]), (9, 14))
        # What stands before a row is its query, what stands below a column its key.
        x, y = self.cell(4, 0)
        self.hover(x - frame["cellWide"], y)
        self.assert_strongest(self.list_of("keys"), dict(enumerate(data.row(1, 1, 4))))
        x, y = self.cell(8, 11)
        self.hover(x, y + frame["cellHigh"])
        self.assert_strongest(self.list_of("queries"), data.column(1, 1, 11))

    def test_pins_of_cross_attention_stay_in_the_address(self):
        data = self.cross("#L1H1")
        address = lambda: self.js("return location.hash")
        self.click(*self.centre(self.find("q3")))
        self.assertEqual(address(), "#L1H1&q=3")
        self.hover_token("k5")
        self.assertEqual(self.shown_weight(), round(data.weight(1, 1, 3, 5), 3))
        self.hover_token("q6")  # of its own side: shown by itself
        self.assertIn("query 6", self.text("readout"))
        self.click(*self.centre(self.find("k13")))
        self.assertEqual(address(), "#L1H1&k=13")
        self.hover_token("q6")
        self.assertEqual(self.shown_weight(), round(data.weight(1, 1, 6, 13), 3))
        self.click(*self.cell(6, 2))
        self.assertEqual(address(), "#L1H1&q=6&k=2")
        self.click(*self.cell(2, 2))
        self.assertEqual(address(), "#L1H1&q=2&k=2")
        self.hover(2, 2)
        for opened in ["#L1H1&q=6&k=2", "#L1H1&q=2&k=2"]:  # no token is both
            self.cross(opened)
            q = int(opened[8])
            self.assertEqual(self.shown_weight(), round(data.weight(1, 1, q, 2), 3))
            self.assert_strongest(self.list_of("keys"), dict(enumerate(data.row(1, 1, q))))
            self.assert_strongest(self.list_of("queries"), data.column(1, 1, 2))
            self.assertEqual(self.find(f"q{q}").get_attribute("class"), "is-query")
            self.assertEqual(self.find("k2").get_attribute("class"), "is-key")
        self.cross("#L1H1&q=12&k=99")  # there are none such
        self.assertIn("Point at", self.text("readout"))

    def test_each_text_is_walked_by_the_keyboard(self):
        self.cross("#L1H1&k=3")
        self.js("document.getElementById('key-text').focus()")
        self.press(Keys.ARROW_RIGHT)
        self.assertIn("&k=4", self.js("return location.hash"))
        self.assertEqual(self.find("key-text").get_attribute("aria-activedescendant"), "k4")
        self.assertEqual(self.find("k4").get_attribute("aria-selected"), "true")
        self.assertRegex(self.js("return said.textContent"), "^key 4 .* is attended by ")
        self.js("document.getElementById('text').focus()")
        self.press(Keys.ARROW_LEFT)
        self.assertIn("&q=8", self.js("return location.hash"))
        self.js("document.activeElement.blur()")
        self.press("j")  # through both
        self.assertIn("&k=0", self.js("return location.hash"))
        self.press("k")
        self.assertIn("&q=8", self.js("return location.hash"))

    def test_search_looks_through_both_texts(self):
        self.cross("#L1H1")
        self.find("search").send_keys("t")
        marked = self.js("return [...document.querySelectorAll('.is-match')].map((e) => e.id)")
        data = self.cross("#L1H1")
        expected = [
            f"{side}{i}"
            for side, words in [("q", "query_words"), ("k", "words")]
            for i, word in enumerate(data.json[words])
            if "t" in word.lower()
        ]
        self.assertEqual(marked, expected)
        self.assertGreater(len({name[0] for name in marked}), 1)
        self.find("search").send_keys("t")
        self.assertEqual(self.text("found"), f"{len(expected)} found")
        self.press(Keys.ENTER)
        self.assertIn(f"&q={expected[0][1:]}", self.js("return location.hash"))
        for _ in expected[1:]:
            self.press(Keys.ENTER)
        self.assertIn(f"&k={expected[-1][1:]}", self.js("return location.hash"))

    def test_mean_and_maximum_of_cross_attention(self):
        for how in ["mean", "max"]:
            data = self.cross(f"#L1{how}")
            for q, k in [(0, 13), (8, 0), (8, 13)]:
                self.hover(*self.cell(q, k))
                self.assertAlmostEqual(
                    self.shown_weight(), data.combined(how, [1], q, k), delta=0.00052
                )

    def thumbnail(self, name):
        """Its width and height as shown, and of its pixels, and these."""
        self.wait_until(
            "return [...document.querySelectorAll('#grid canvas')].every((c) => c.width !== 300)"
        )
        return self.js(
            """const c = document.querySelector(`#grid a[href="${arguments[0]}"] canvas`);
            return [c.clientWidth, c.clientHeight, c.width, c.height,
                    [...c.getContext("2d").getImageData(0, 0, c.width, c.height).data]]""",
            f"#{name}",
        )

    def test_thumbnails_are_as_broad_as_their_patterns(self):
        data = self.cross()
        wide, high, columns, rows, pixels = self.thumbnail("L1H1")
        self.assertEqual((columns, rows), (14, 9))
        self.assertAlmostEqual(wide / high, 14 / 9, delta=0.03)
        palette, largest = data.palette("viridis"), data.largest()
        for q in data.queries:
            for k in range(data.n):
                at = 4 * (q * columns + k)
                self.assertEqual(
                    tuple(pixels[at : at + 3]),
                    colour_of(data.weight(1, 1, q, k) / largest, palette),
                    (q, k),
                )
        self.hover_token("k13")
        self.assertEqual(self.find("grid").get_attribute("class"), "has-key")
        mark = self.js(
            "return parseFloat(getComputedStyle(document.querySelector('#grid a'), '::after').left)"
        )
        self.assertAlmostEqual(mark, 13.5 / 14 * wide, delta=2)

    def test_few_queries_of_many_keys_are_no_mere_strip(self):
        data = self.open(*self.page("wide", tokens=200, queries=5, causal=False), "#L1H1")
        frame = self.frame()
        self.assertGreater(5 * frame["cellHigh"], 200 * frame["cellWide"] / 3)
        for _ in range(5):
            self.press("+")
        frame = self.frame()
        self.assertEqual(frame["rows"], 5)
        self.assertLess(frame["columns"], 20)
        k = frame["k"] + 2
        self.hover(*self.cell(4, k))
        self.assertEqual(self.shown_weight(), round(data.weight(1, 1, 4, k), 3))
        x, y = self.cell(2, k)
        self.mouse("mousePressed", x, y, button="left", clickCount=1)
        self.mouse("mouseMoved", x - 3 * frame["cellWide"], y, button="left", buttons=1)
        self.mouse(
            "mouseReleased", x - 3 * frame["cellWide"], y, button="left", clickCount=1
        )
        self.frames()
        self.assertEqual(self.frame()["k"], frame["k"] + 3)
        self.press("0")
        self.assertEqual(self.frame()["columns"], 200)

    def test_one_query_alone_is_no_wall(self):
        data = self.open(*self.page("step", tokens=30, queries=1), "#L1H2")
        frame = self.frame()
        self.assertGreater(frame["cellHigh"], frame["cellWide"])
        self.assertLess(frame["cellHigh"], 4 * frame["cellWide"])
        self.hover(*self.cell(29, 29))
        self.assertEqual(self.shown_weight(), round(data.weight(1, 2, 29, 29), 3))

    def test_saves_a_broad_png_of_a_broad_pattern(self):
        self.cross("#L1H1&k=3")
        folder = tempfile.mkdtemp(dir=self.folder.name)
        self.browser.execute_cdp_cmd(
            "Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": folder}
        )
        sizes = []
        for name, address in [("L1H1", "#L1H1"), ("all_heads", "#all")]:
            self.cross(address)
            self.find("save").click()
            path = pathlib.Path(folder, f"attention_{name}.png")
            end = time.monotonic() + 20
            while not path.exists() and time.monotonic() < end:
                time.sleep(0.05)
            sizes.append(struct.unpack(">II", path.read_bytes()[16:24]))
        for width, height in sizes:
            self.assertGreater(width, 1.1 * height)

    def test_queries_begin_after_keys_that_were_kept(self):
        data = self.kept("#L1H2")
        self.assertEqual(data.first, 18)
        self.assertEqual(len(self.browser.find_elements(By.CSS_SELECTOR, "#texts .text")), 1)
        palette = data.palette("viridis")
        for q, k in [(18, 0), (18, 18), (29, 29), (24, 7)]:
            weight = data.weight(1, 2, q, k)
            self.assertEqual(
                self.pixel(q, k), (*colour_of(weight / data.largest(), palette), 255), (q, k)
            )
            self.hover(*self.cell(q, k))
            self.assertEqual(self.shown_weight(), round(weight, 3))
            self.assertIn(f"query {q} {data.labels[q]} → key {k}", self.text("readout"))
        self.assertEqual(self.pixel(18, 19)[3], 0)
        self.hover(*self.cell(18, 19))
        self.assertIn("in its future", self.text("readout"))
        self.hover_token(24)
        self.assert_strongest(self.list_of("keys"), dict(enumerate(data.row(1, 2, 24))))
        self.assert_strongest(self.list_of("queries"), data.column(1, 2, 24))
        self.hover_token(5)  # which is a key alone
        self.assertFalse(self.find("keys").is_displayed())
        self.assert_strongest(self.list_of("queries"), data.column(1, 2, 5))
        self.assert_tints(
            {f"t{q}": weight for q, weight in data.column(1, 2, 5).items()}, data.largest()
        )

    def test_a_kept_key_is_pinned(self):
        data = self.kept("#L1H2")
        self.click(*self.centre(self.find("t5")))
        self.assertEqual(self.js("return location.hash"), "#L1H2&k=5")
        self.hover_token(20)
        self.assertEqual(self.shown_weight(), round(data.weight(1, 2, 20, 5), 3))
        self.press("j")
        self.assertEqual(self.js("return location.hash"), "#L1H2&k=6")
        self.kept("#L1H2&k=17")
        self.press("j")
        self.assertEqual(self.js("return location.hash"), "#L1H2&q=18")
        self.hover_token(5)
        self.assertEqual(self.shown_weight(), round(data.weight(1, 2, 18, 5), 3))

    def test_other_shapes_fit_a_narrow_window(self):
        self.browser.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": 360, "height": 700, "deviceScaleFactor": 2, "mobile": False},
        )
        try:
            for show in [self.cross, self.kept]:
                for address in ["", "#L1H1&k=3"]:
                    show(address)
                    self.assertLessEqual(
                        self.js(
                            "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
                        ),
                        0,
                    )
        finally:
            self.browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})

    # -- a continuation

    LINE = (180, 180, 180)

    def at_corner(self, q, k, right, down):
        """The colour of the pixel just before the upper left corner of a cell, moved by cells."""
        return tuple(
            self.js(
                """const canvas = document.getElementById("cells"), f = JSON.parse(canvas.dataset.frame);
            const [q, k, right, down] = arguments;
            const x = Math.round(f.left + (k - f.k) * f.cellWide) - 1 + Math.round(right * f.cellWide);
            const y = Math.round(f.top + (q - f.q) * f.cellHigh) - 1 + Math.round(down * f.cellHigh);
            const one = new OffscreenCanvas(1, 1).getContext("2d", {willReadFrequently: true});
            one.drawImage(canvas, -x, -y);
            return [...one.getImageData(0, 0, 1, 1).data].slice(0, 3)""",
                q,
                k,
                right,
                down,
            )
        )

    def test_lines_show_where_the_continuation_begins(self):
        self.open(*self.page("continued", tokens=12, prompt=7), "#L1H2")
        for k in range(7):
            self.assertEqual(self.at_corner(7, k, 0.5, 0), self.LINE, k)
        for q in range(7, 12):
            self.assertEqual(self.at_corner(q, 7, 0, 0.5), self.LINE, q)
        for k in range(8, 12):  # not into the future
            self.assertNotEqual(self.at_corner(7, k, 0.5, 0), self.LINE, k)
        for q in range(6):
            self.assertNotEqual(self.at_corner(q, 7, 0, 0.5), self.LINE, q)
        self.assertNotEqual(self.at_corner(8, 3, 0.5, 0), self.LINE)
        self.kept("#L1H2")
        self.assertEqual(self.at_corner(22, 3, 0.5, 0), self.LINE)
        self.assertEqual(self.at_corner(25, 22, 0, 0.5), self.LINE)
        self.assertNotEqual(self.at_corner(18, 3, 0.5, 0), self.LINE)

    def test_where_all_queries_are_the_models_own_there_is_one_line(self):
        self.open(*self.page("all_own", tokens=12, queries=4, prompt=6), "#L1H2")
        for q in range(8, 12):
            self.assertEqual(self.at_corner(q, 6, 0, 0.5), self.LINE, q)
            self.assertNotEqual(self.at_corner(q, 3, 0.5, 0), self.LINE, q)
        self.assertEqual(self.js("return borderLines().length"), 1)

    def test_thumbnails_show_where_the_continuation_begins(self):
        self.open(*self.page("continued", tokens=12, prompt=7), "")
        for kind, expected in [("across", (0, 7, 7, 7)), ("down", (7, 7, 7, 12))]:
            box = self.js(
                """const a = document.querySelector("#grid a"), box = a.getBoundingClientRect();
                const line = a.querySelector(`i.${arguments[0]}`).getBoundingClientRect();
                return [(line.left - box.left) / box.width, (line.top - box.top) / box.height,
                        (line.right - box.left) / box.width, (line.bottom - box.top) / box.height]""",
                kind,
            )
            for shown, wanted in zip(box, expected):
                self.assertAlmostEqual(12 * shown, wanted, delta=0.1)

    def test_what_the_model_wrote_is_marked_and_said(self):
        data = self.open(*self.page("continued", tokens=12, prompt=7), "#L1H2")
        own = self.js("return [...document.querySelectorAll('.is-own')].map((e) => e.id)")
        self.assertEqual(own, [f"t{token}" for token in range(7, 12)])
        self.assertEqual(
            self.find("t9").get_attribute("aria-label"),
            f"{data.json['words'][9]}, written by the model",
        )
        self.assertIsNone(self.find("t6").get_attribute("aria-label"))
        for name in ["text", "cells"]:
            self.assertIn(
                "from 7 on written by the model", self.find(name).get_attribute("aria-label")
            )
        self.assertIn("Beyond the lines: written by the model", self.text("foot"))
        self.assertIn("written by the model", self.text("legend"))
        self.assertIn("5 written by the model", self.text("origin"))
        self.press("k")
        self.assertRegex(
            self.js("return said.textContent"), r"^11 .*, written by the model, attends to "
        )
        self.short("#L1H2")
        self.assertEqual(self.js("return document.querySelectorAll('.is-own, #grid i').length"), 0)
        self.assertNotIn("written by the model", self.js("return document.body.innerText"))

    # -- weights left out

    def left_out(self, address=""):
        return self.open(*self.page("left_out", tokens=14, top=3), address)

    def some_left_out(self, data):
        return [
            (q, k) for q in data.queries for k, w in enumerate(data.row(1, 2, q)) if w is None
        ]

    def test_weights_left_out_are_blank(self):
        data = self.left_out("#L1H2")
        blanks = self.some_left_out(data)
        self.assertGreater(len(blanks), 40)
        palette = data.palette("viridis")
        for q in data.queries:
            for k, weight in enumerate(data.row(1, 2, q)):
                pixel = self.pixel(q, k)
                if weight is None:
                    self.assertEqual(pixel[3], 0, (q, k))
                else:
                    expected = colour_of(weight / data.largest(), palette)
                    self.assertEqual(pixel, (*expected, 255), (q, k))
        self.hover(*self.cell(*blanks[0]))
        self.assertIn("left out", self.text("readout"))
        q = blanks[-1][0]
        self.hover_token(q)
        self.assertEqual(len(self.list_of("keys")), 3)
        self.assert_strongest(self.list_of("keys"), dict(enumerate(data.row(1, 2, q))))
        self.hover_token(6)
        self.assert_strongest(self.list_of("queries"), data.column(1, 2, 6))
        self.assertFalse(self.has_tint([k for of, k in blanks if of == 6][0]))
        self.assertIn("was left out is left blank", self.text("foot"))

    def test_weights_left_out_are_blank_in_thumbnails(self):
        data = self.left_out()
        _, _, columns, _, pixels = self.thumbnail("L1H2")
        for q in data.queries:
            for k, weight in enumerate(data.row(1, 2, q)):
                self.assertEqual(pixels[4 * (q * columns + k) + 3], 0 if weight is None else 255)

    def test_what_was_left_out_hides_no_weight_under_the_same_pixel(self):
        page = self.page("left_out_many", tokens=300, top=3, layers=2, heads=3)
        data = self.open(*page, "")
        _, _, columns, rows, pixels = self.thumbnail("L1H2")
        self.assertLess(columns, 300)
        palette, n_blank = data.palette("viridis"), 0
        for y in range(0, rows, 3):
            for x in range(columns):
                span = lambda p: range(p * 300 // columns, (p + 1) * 300 // columns)
                weights = [
                    data.weight(1, 2, q, k) for q in span(y) for k in span(x) if k < data.end(q)
                ]
                weights = [weight for weight in weights if weight is not None]
                pixel = tuple(pixels[4 * (y * columns + x) :][:4])
                n_blank += not weights
                if weights:
                    place = math.log(max(*weights, 0.001) / 0.001) / math.log(1000)
                    self.assertEqual(pixel, (*colour_of(place, palette), 255), (y, x))
                else:
                    self.assertEqual(pixel[3], 0, (y, x))
        self.assertGreater(n_blank, 100)

    def test_means_are_over_the_weights_that_are_there(self):
        for how in ["mean", "max"]:
            data = self.left_out(f"#L1{how}")
            kinds = set()
            for q, k in [(13, k) for k in range(14)] + [(8, k) for k in range(9)]:
                expected = data.combined(how, [1], q, k)
                self.hover(*self.cell(q, k))
                if expected is None:
                    self.assertIn("left out", self.text("readout"))
                else:
                    self.assertAlmostEqual(self.shown_weight(), expected, delta=0.00052)
                kinds.add(expected is None)
            self.assertEqual(kinds, {True, False})
            self.assertIn("those that show a weight", self.text("kind"))

    def test_a_difference_is_blank_where_either_is(self):
        page = self.page("left_out_pair", tokens=14, top=3, sets=2)
        data = self.open(*page, "#L3H1&show=difference")
        of_one = []  # that the other set left out
        for q in data.queries:
            for k in range(q + 1):
                pair = [data.weight(3, 1, q, k, set_) for set_ in [0, 1]]
                self.assertEqual(self.pixel(q, k)[3], 0 if None in pair else 255, (q, k))
                if pair.count(None) == 1:
                    of_one.append((q, k))
        self.assertTrue(of_one)
        q, k = of_one[0]
        self.hover(*self.cell(q, k))
        self.assertIn("left out", self.text("readout"))
        self.hover_token(q)
        self.assertFalse(self.has_tint(k))

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
        frame = self.frame()
        self.assertLess(frame["rows"], 24)
        self.assertEqual(frame["rows"], frame["columns"])
        self.assertTrue(frame["q"] <= 700 < frame["q"] + frame["rows"])
        self.hover(*self.cell(700, 699))
        self.assertEqual(
            self.shown_weight(), round(data.weight(1, 1, 700, 699), 3)
        )
        x, y = self.cell(700, 700)
        self.mouse("mousePressed", x, y, button="left", clickCount=1)
        self.mouse("mouseMoved", x + 3 * frame["cellWide"], y, button="left", buttons=1)
        self.mouse("mouseReleased", x + 3 * frame["cellWide"], y, button="left", clickCount=1)
        self.frames()
        moved = self.frame()
        self.assertEqual(moved["k"], frame["k"] - 3)
        self.press("0")
        self.assertEqual(self.frame()["rows"], 1024)


if __name__ == "__main__":
    unittest.main()
