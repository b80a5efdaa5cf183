"""Pages of `mote report` in a browser, as people open them: from a file, on a telephone and on a screen.

Needs Debian's `chromium` and `chromium-driver`, and `requirements.txt`. `MOTE` names the program (default: the
release build).
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By

ROOT = Path(__file__).resolve().parents[3]
RECORDINGS = ROOT / "converter" / "tests" / "recordings"
NETS = ["mnist_cnn", "kws_dscnn", "mobilenetv2_like"]
WIDTHS = [390, 1280]


def mote(*arguments: str | Path) -> str:
    program = os.environ.get("MOTE", str(ROOT / "target" / "release" / "mote"))
    done = subprocess.run([program, *map(str, arguments)], check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout


@pytest.fixture(scope="module", params=NETS)
def page(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page with everything that a file, its recording, a benchmark and a search can tell."""
    folder = tmp_path_factory.mktemp(request.param)
    recording = RECORDINGS / f"{request.param}.safetensors"
    network, file, out = recording.with_suffix(".onnx"), folder / "net.mote", folder / "page.html"
    calibrate = ["--calibrate", recording]
    mote("convert", network, *calibrate, "-o", file)
    search = mote(
        "quantize", network, "--auto", *calibrate, "--evaluate", recording, "--json", "-o", folder / "auto.mote"
    )
    (folder / "search.json").write_text(search)
    inspected = json.loads(mote("inspect", file, "--json"))
    layers = [{"index": i, "instructions": 1000 * i} for i in range(len(inspected["instructions"]))]
    total = sum(layer["instructions"] for layer in layers)
    bench = {"model": inspected["name"], "board": "a board", "instructions": total, "per_instruction": layers}
    (folder / "bench.json").write_text(json.dumps(bench))
    figures = ["--bench", folder / "bench.json", "--history", folder / "search.json"]
    mote("report", file, "--reference", recording, *figures, "-o", out)
    assert out.stat().st_size < 2_000_000
    return out


@pytest.fixture(scope="module")
def browser() -> Iterator[webdriver.Chrome]:
    options = Options()
    # No sandbox: CI runs as root.
    for argument in ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"]:
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    options.binary_location = "/usr/bin/chromium"
    driver = webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver"))
    yield driver
    driver.quit()


def opened(browser: webdriver.Chrome, page: Path, width: int, scheme: str = "light") -> None:
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    for kind in ["browser", "performance"]:
        browser.get_log(kind)
    browser.get(page.as_uri())


def requests(browser: webdriver.Chrome) -> list[str]:
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    sent = [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]
    return [url for url in sent if not url.startswith("data:")]


@pytest.mark.parametrize("width", WIDTHS)
def test_page_loads_without_errors_or_requests(browser: webdriver.Chrome, page: Path, width: int) -> None:
    opened(browser, page, width)
    assert requests(browser) == [page.as_uri()], "the page asks for nothing but itself"
    assert browser.get_log("browser") == [], "nothing to complain about on the console"


@pytest.mark.parametrize("width", WIDTHS)
def test_every_chart_is_shown_and_fits(browser: webdriver.Chrome, page: Path, width: int) -> None:
    opened(browser, page, width)
    titles = [h.text for h in browser.find_elements(By.TAG_NAME, "h3")]
    for title in [
        "Layers",
        "RAM over time",
        "Flash by section",
        "Latency per layer, instructions",
        "Accuracy per layer",
        "Confusion matrix",
        "Receiver operating characteristic",
        "Ways to quantize",
        "Sample predictions",
    ]:
        assert title in titles
    charts = browser.find_elements(By.CSS_SELECTOR, "figure > svg")
    assert len(charts) == len(titles) - 1, "all but the samples have a chart"
    for chart in charts:
        assert chart.is_displayed() and chart.size["width"] > 100 and chart.size["height"] > 50
        drawn = chart.find_elements(By.CSS_SELECTOR, "rect, line, polyline, path")
        assert len(drawn) > 3, "not an empty frame"
        assert len(chart.find_elements(By.TAG_NAME, "text")) > 1
    for picture in browser.find_elements(By.TAG_NAME, "img"):
        assert int(picture.get_property("naturalWidth") or 0) > 1, "the picture is decoded"
    overflow = browser.execute_script("return document.documentElement.scrollWidth - window.innerWidth")
    assert overflow <= 0, "only charts and tables scroll sideways, never the page"


def test_every_chart_has_words_and_a_table(browser: webdriver.Chrome, page: Path) -> None:
    opened(browser, page, 390)
    for figure in browser.find_elements(By.TAG_NAME, "figure"):
        assert figure.get_attribute("role") == "img" and len(figure.get_attribute("aria-label") or "") > 20
        section = figure.find_element(By.XPATH, "..")
        details = section.find_element(By.TAG_NAME, "details")
        if details.get_attribute("open") is None:
            details.find_element(By.TAG_NAME, "summary").click()
        table = details.find_element(By.TAG_NAME, "table")
        assert table.is_displayed() and len(table.find_elements(By.CSS_SELECTOR, "tbody tr")) > 0
    assert all(i.get_attribute("alt") for i in browser.find_elements(By.TAG_NAME, "img"))


def luminance(colour: str) -> float:
    parts = [float(p) / 255 for p in colour[colour.index("(") + 1 : -1].split(",")[:3]]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_in_light_and_dark(browser: webdriver.Chrome, page: Path, scheme: str) -> None:
    opened(browser, page, 1280, scheme)
    ground = luminance(browser.find_element(By.TAG_NAME, "body").value_of_css_property("background-color"))
    assert (ground < 0.2) == (scheme == "dark")
    for selector in ["body", "a", "summary", "figure svg text"]:
        element = browser.find_element(By.CSS_SELECTOR, selector)
        what = "fill" if "svg" in selector else "color"
        text = luminance(element.value_of_css_property(what))
        contrast = (max(text, ground) + 0.05) / (min(text, ground) + 0.05)
        assert contrast >= 4.5, f"{selector}: {contrast:.1f}"
