"""A reader's hands on an explorer, wherever a browser shows it. For test_explorers.py and test_browser.py."""

import shutil
import statistics

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

LOOK = """root => ({
    values: Object.fromEntries([...root.querySelectorAll("input, select")]
        .filter(control => control.checkVisibility())
        .map(control => [control.ariaLabel, control.ariaValueText ?? control.value])),
    sentence: root.querySelector(".say").innerText,
    picture: root.querySelector("svg").innerHTML,
})"""


TWO_FRAMES = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"

# From a key to the moment when the picture that it changes has been drawn.
TIMED = """() => {
    window.waits = [];
    removeEventListener("keydown", window.timed, { capture: true });
    window.timed = () => {
        const pressed = performance.now(), after = new MessageChannel();
        after.port1.onmessage = () => waits.push(performance.now() - pressed);
        requestAnimationFrame(() => after.port2.postMessage("drawn"));
    };
    addEventListener("keydown", window.timed, { capture: true });
}"""


class Hands:
    """What a reader does with the explorer in `root`, a locator, and what there is to see afterwards."""

    def __init__(self, root, finger=False):
        self.root, self.finger = root, finger
        self.picture = root.locator("svg").first
        self.picture.locator("*").first.wait_for(state="attached")  # it is drawn in a frame that may be late
        self.last = self.look()

    def look(self):
        return self.root.evaluate(LOOK)

    def control(self, name):
        return self.root.get_by_label(name, exact=True)

    def act(self, action, *names):
        """Do something: of the controls that stay, these change and no others, and so does the picture."""
        before = self.last
        action()
        for _ in range(100):  # the same holds for what follows a key: up to two seconds
            self.last = self.look()
            if self.last["picture"] != before["picture"]:
                break
            self.root.page.wait_for_timeout(20)
        self.root.page.evaluate(TWO_FRAMES)  # a late frame of an earlier change may have come first
        self.last = self.look()
        values, old = self.last["values"], before["values"]
        assert {name for name in values.keys() & old if values[name] != old[name]} == set(names)
        assert self.last["picture"] != before["picture"]
        return values[names[0]]

    def press(self, name, key):
        self.control(name).focus()
        return self.act(lambda: self.root.page.keyboard.press(key), name)

    def touch(self, place, x, y):
        """Click or tap somewhere on a control or on the picture, at these parts of its width and height."""
        place.scroll_into_view_if_needed()
        box = place.bounding_box()
        at = {"x": x * box["width"], "y": y * box["height"]}
        place.tap(position=at) if self.finger else place.click(position=at)

    def slide(self, name, part):
        return float(self.act(lambda: self.touch(self.control(name), part, 0.5), name))

    def waits(self, name, keys=40):
        """How many milliseconds the picture takes to follow a key, in words, and the median."""
        page = self.root.page
        self.control(name).focus()
        page.evaluate(TIMED)
        for _ in range(keys // 2):
            for key in ("ArrowRight", "ArrowLeft"):
                page.keyboard.press(key)
                page.wait_for_timeout(20)
        page.wait_for_timeout(300)
        times = sorted(page.evaluate("waits"))
        assert len(times) == keys
        median, late = statistics.median(times), times[int(0.95 * keys)]
        return f"{name}: median {median:.0f} ms, 95th percentile {late:.0f} ms", median

    def table(self):
        """The rows of the table of numbers, which is opened if it is not."""
        if not self.root.locator("table").count():
            self.root.locator("summary").click()
        rows = "table => [...table.rows].slice(1).map(row => [...row.cells].map(cell => cell.innerText))"
        return self.root.locator("table").evaluate(rows)


def use_gradient_descent(hands):
    assert hands.press("learning rate", "ArrowRight") == "0.105"
    assert hands.press("learning rate", "End") == "3.98"
    assert "Diverges" in hands.last["sentence"]
    assert 0.4 < hands.slide("momentum", 0.5) < 0.6
    assert hands.slide("learning rate", 0.01) < 0.002
    assert hands.press("landscape", "ArrowDown") == "ravine"
    assert hands.press("turned by (degrees)", "ArrowRight") == "5"
    assert hands.press("optimizer", "ArrowDown") == "Adagrad"
    assert "momentum" not in hands.last["values"]
    wide = hands.picture.bounding_box()["width"] >= 640
    x = hands.act(lambda: hands.touch(hands.picture, 0.4 if wide else 0.8, 0.2), "start x", "start y")
    assert float(x) > 0.5
    assert float(hands.last["values"]["start y"]) > 0
    assert len(hands.table()) == 101


def use_schedules(hands):
    assert hands.press("Schedule A, largest rate", "ArrowLeft") == "0.0955"
    assert hands.slide("Schedule A, largest rate", 0.9) > 1
    assert hands.press("Schedule A, kind", "Home") == "fixed"
    assert "A stays at" in hands.last["sentence"]
    assert hands.press("Schedule B, kind", "ArrowDown") == "WarmupStableDecay"
    assert hands.press("Schedule B, stable (epochs)", "Home") == "0"
    assert "cannot be drawn" not in hands.last["sentence"]
    assert hands.press("Schedule B, warm-up (epochs)", "End")
    assert "B cannot be drawn: warm-up and stable must leave something" in hands.last["sentence"]


def use_range_test(hands):
    low, high = (float(hands.last["values"][name]) for name in ("min_lr", "max_lr"))
    assert low < float(hands.press("min_lr", "ArrowRight")) < high
    assert float(hands.press("max_lr", "End")) > high
    assert hands.slide("min_lr", 0.1) < low
    assert hands.press("max_lr", "Home")
    assert "min_lr must be below max_lr" in hands.last["sentence"]


def use_runs(hands):
    everything = hands.last["sentence"]
    assert hands.press("rate", "ArrowDown") != "all"
    assert hands.press("view", "ArrowDown") == "against the rate"
    assert "median" in hands.last["sentence"]
    assert hands.press("curve", "End").endswith("accuracy")
    for name, key in (("view", "Home"), ("rate", "Home"), ("curve", "Home")):
        hands.press(name, key)
    assert hands.last["sentence"] == everything


USES = {
    "gradient descent": use_gradient_descent,
    "schedules": use_schedules,
    "range test": use_range_test,
    "runs": use_runs,
}
