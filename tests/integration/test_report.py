"""The reports, opened from disk in a headless browser: no error, no request, values in reach, readable in every mode."""

import json
import xml.etree.ElementTree

import browser
import pytest
import report_runs as runs
from helpers import error_line

MODES = {"light": {}, "dark": {"dark": True}, "print": {"printed": True}}
KINDS = ["everything", "detection", "heads-compared", "evals-compared", "tiny"]


def mean_scores(scores):
    return {head: sum(values) / len(values) for head, values in scores.items()}


@pytest.fixture(scope="module")
def folders(retmask, shared, tiny_llama, tmp_path_factory):
    """Folders with a report.html: 1,152 real scores with intervals, and what else a report can hold."""
    root = tmp_path_factory.mktemp("reports")
    published = {}
    for name in ["Qwen3-8B", "Llama-3.1-8B-Instruct", "Olmo-3-7B-Think"]:
        published[name] = json.loads((shared / f"reference/head_score/{name}.json").read_text().splitlines()[0])
    parts = {
        "detection": runs.make_detection(root / "runs/Some-8B", published["Qwen3-8B"], threshold=0.05),
        "heads-compared": runs.make_head_comparison(
            root / "runs/compare", {name: mean_scores(published[name]) for name in list(published)[1:]}
        ),
        "evals-compared": runs.make_eval_comparison(root / "runs/eval-compare"),
    }
    runs.make_benchmark(root / "runs/ruler")
    runs.make_needle_test(root / "runs/niah", 4)
    runs.make_needle_test(root / "runs/niah-masked", 0)
    runs.make_mask(root / "runs/mask", "random", [[0, 1], [3, 4]])
    runs.make_training(root / "runs/dpo")
    made = {"everything": root / "everything", "tiny": root / "tiny"}
    retmask("report", "--runs", *sorted((root / "runs").iterdir()), "--out", made["everything"])
    for kind, run in parts.items():
        made[kind] = root / kind
        retmask("report", "--runs", run, "--out", made[kind])
    retmask("detect", "--model", tiny_llama, "--lengths", 120, "--depths", 2, "--out", made["tiny"])
    return made


@pytest.fixture(scope="module")
def page():
    program = browser.find_browser()
    if program is None:
        pytest.skip("no Chromium here; scripts/setup.sh --tests installs one")
    with browser.open_browser(program) as opened:
        yield opened


# Pairs of texts of one chart that cover each other, and texts that leave their chart or are too small to read.
BAD_TEXTS = """
(() => {
  const bad = [];
  for (const svg of document.querySelectorAll('svg')) {
    const area = svg.getBoundingClientRect();
    if (!area.width) continue;
    const texts = [...svg.querySelectorAll('text')].map(text => [text.textContent, text.getBoundingClientRect()]);
    for (const [name, box] of texts) {
      if (box.left < area.left - 1 || box.right > area.right + 1 || box.bottom > area.bottom + 1) bad.push(['outside', name]);
    }
    const scale = area.width / svg.viewBox.baseVal.width;
    for (const text of svg.querySelectorAll('text'))
      if (parseFloat(getComputedStyle(text).fontSize) * scale < 9) bad.push(['small', text.textContent]);
    for (let i = 0; i < texts.length; ++i)
      for (let j = 0; j < i; ++j) {
        const [a, b] = [texts[i][1], texts[j][1]];
        const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
        const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
        if (across > 1 && down > 3) bad.push([texts[i][0], texts[j][0]]);
      }
  }
  return bad;
})()
"""


@pytest.mark.parametrize("kind", KINDS)
def test_opens_without_errors_in_every_mode(page, folders, kind):
    url = f"file://{folders[kind]}/report.html"
    for name, mode in MODES.items():
        page.messages.clear()
        page.requests.clear()
        page.open(url, **mode)
        assert page.messages == [] and page.requests == [url], name
        background = page.run("getComputedStyle(document.body).backgroundColor")
        assert background == {"light": "rgb(244, 245, 247)", "dark": "rgb(14, 16, 19)", "print": "rgb(255, 255, 255)"}[name]
        assert page.run(BAD_TEXTS) == [], name
        assert page.run("document.documentElement.scrollWidth <= innerWidth"), f"{name}: it is wider than the window"


def test_the_page_would_notice_an_error(page, tmp_path):
    """The checks above can fail."""
    html = tmp_path / "bad.html"
    html.write_text("<svg><text y=20>same</text><text y=20>place</text></svg><img src=none.png><script>undefined.x</script>")
    page.messages.clear()
    page.requests.clear()
    page.open(f"file://{html}")
    assert len(page.messages) >= 2, "the missing picture and the exception"
    assert len(page.requests) == 2
    assert ["place", "same"] in page.run(BAD_TEXTS)


def tip(page):
    return page.run("document.getElementById('tip').textContent")


def centre_of(page, selector, content):
    """Of the element whose tooltip begins so, scrolled into view."""
    found = f"[...document.querySelectorAll('{selector}')].find(item => item.dataset.tip?.startsWith('{content}'))"
    script = f"(item => {{item.scrollIntoView({{block: 'center'}}); return item.getBoundingClientRect().toJSON()}})({found})"
    box = page.run(script)
    page.run("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")  # scroll events have come
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def test_values_are_in_reach_of_pointer_finger_and_keys(page, folders):
    page.open(f"file://{folders['detection']}/report.html")
    place = centre_of(page, "rect", "head 22-23:")
    page.move_pointer(*place)
    value, rest = tip(page).removeprefix("head 22-23: ").split(" ", 1)
    assert 0.9 < float(value) < 1.0
    assert rest.startswith("(0.9") and rest.endswith("score of at least 0.05") and " to " in rest
    page.move_pointer(2, 2)
    assert tip(page) == ""

    page("Emulation.setTouchEmulationEnabled", enabled=True)
    page.tap(*centre_of(page, "rect", "head 29-11:"))
    assert tip(page).startswith("head 29-11: 0.89")
    page("Emulation.setTouchEmulationEnabled", enabled=False)

    page.run("document.querySelector('svg').focus()")
    for key, head in {"Home": "0-0", "ArrowRight": "1-0", "ArrowDown": "1-1", "ArrowLeft": "0-1", "ArrowUp": "0-0"}.items():
        page.press(key)
        assert tip(page).startswith(f"head {head}:"), key
    page.press("Escape")
    assert tip(page) == ""

    page.move_pointer(*centre_of(page, "mark", "copied by 0-"))
    assert tip(page).endswith("and 4 more heads")
    comparison = json.loads((folders["heads-compared"].parent / "runs/compare/compare.json").read_text())
    best = max(comparison["pairs"][0]["points"], key=lambda point: point["a"])
    dot = "-".join(map(str, best["head"])) + ": "
    for kind, start in {"heads-compared": dot, "evals-compared": "vt, 1024, after: 0.02"}.items():
        page.open(f"file://{folders[kind]}/report.html")
        page.move_pointer(*centre_of(page, "svg *", start))
        assert tip(page).startswith(start)


def test_every_head_is_in_a_table_and_the_page_is_small(page, folders):
    html = folders["detection"] / "report.html"
    assert html.stat().st_size < 1_000_000
    page.open(f"file://{html}")
    rows = page.run("[...document.querySelectorAll('details table')].map(table => table.rows.length)")
    assert 1 + 1152 in rows


def test_pictures_are_files_of_their_own(page, folders):
    pictures = {kind: sorted(path.name for path in folders[kind].glob("*.svg")) for kind in KINDS}
    assert pictures["detection"] == ["heads.svg", "needle_logprob.svg", "score_curve.svg", "success.svg", "verify.svg"]
    assert pictures["heads-compared"] == ["change_of_masked_heads.svg", "comparison.svg"]
    assert pictures["evals-compared"] == ["differences-choice.svg", "differences-ruler.svg"]
    assert {"loss.svg", "success-niah.svg", "comparison.svg"} < set(pictures["everything"])
    for name in pictures["everything"]:
        path = folders["everything"] / name
        root = xml.etree.ElementTree.parse(path).getroot()
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        assert path.read_text().count("http") == 1, "the name space"
    page.open(f"file://{folders['everything']}/heads.svg", dark=True)
    assert page.run("getComputedStyle(document.querySelector('.rm-bg')).fill") == "rgb(21, 24, 29)"


def test_names_what_it_does_not_understand(retmask, tmp_path):
    run = runs.make_eval_comparison(tmp_path / "compare")
    comparison = json.loads((run / "compare.json").read_text())
    runs.write_json(run / "compare.json", {"rows": comparison["rows"]})
    failed = retmask("report", "--runs", run, "--out", tmp_path / "out", code=2)
    error_line(failed, ["compare.json", '"names"', "is missing"])
