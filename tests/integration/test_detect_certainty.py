"""retmask detect: intervals in summary.json, --until-stable, --verify and --pick."""

import json
import shutil

import pytest

from helpers import error_line, read_rows, run_record

GRID = ["--lengths", 120, "--depths", 4, "--max-new-tokens", 8, "--dtype", "float32", "--device", "cpu", "--quiet"]
VERIFY = ["--verify", "4,2", "--verify-samples", 5, "--pick", "k"]
QUESTIONS = 32


def read_json(path):
    return json.loads(path.read_text())


@pytest.fixture(scope="module")
def verified(retmask, tiny_llama, tmp_path_factory):
    """A whole run: its folder, its command without --out, and what it printed."""
    out = tmp_path_factory.mktemp("verified") / "out"
    command = ["detect", "--model", tiny_llama, *GRID, *VERIFY]
    return out, command, retmask(*command, "--out", out).stdout


def test_curve_has_every_mask_and_number_of_heads(verified):
    out, _, printed = verified
    verification = read_json(out / "verify.json")
    assert verification["samples"] == 5 and verification["questions"] == QUESTIONS
    points = {(point["mask"], point["k"]): point for point in verification["curve"]}
    assert list(points) == [(mask, k) for mask in ["retrieval", "random", "bottom"] for k in [0, 2, 4]]
    for (mask, k), point in points.items():
        low, high = point["rate_interval"]
        assert 0 <= low <= point["rate"] <= high <= 1
        assert point["needle_logprob"] < 0 and 0 <= point["parametric_rate"] <= 1
        assert [len(draw["heads"]) for draw in point["draws"]] == [k] * (3 if mask == "random" and k else 1)
    # A random model finds no needle, so there is no effect.
    assert verification["choice"] == {"pick": "k", "k": None}
    assert "nothing picked" in printed and "retrieval" in printed
    ranked = [tuple(row["head"]) for row in read_json(out / "summary.json")["heads"]]
    assert sorted(map(tuple, points["retrieval", 4]["draws"][0]["heads"])) == sorted(ranked[:4])
    for draw in points["random", 4]["draws"]:
        assert not set(map(tuple, draw["heads"])) & set(ranked[:4])


def test_verification_goes_on_where_it_was_stopped(retmask, verified, tmp_path):
    out, command, _ = verified
    part = shutil.copytree(out, tmp_path / "part")
    lines = (out / "verify.jsonl").read_text().splitlines(keepends=True)
    assert len(lines) == 11 * (5 + QUESTIONS)
    # As after a kill: some rows in another order, the last one torn, and no verify.json.
    (part / "verify.jsonl").write_text("".join([lines[40], lines[3], lines[200], lines[77][:30]]))
    (part / "verify.json").unlink()
    retmask(*command, "--out", part)
    for name in ["verify.jsonl", "verify.json", "samples.jsonl", "head_scores.json"]:
        assert (part / name).read_bytes() == (out / name).read_bytes(), name


def test_other_numbers_of_heads_keep_the_answers(retmask, verified, tmp_path):
    out, command, _ = verified
    part = shutil.copytree(out, tmp_path / "part")
    command = command[: command.index("--verify")]
    retmask(*command, "--verify", "2,4,6", "--verify-samples", 5, "--out", part)
    assert run_record(part)["timing"]["samples"] == 0
    assert run_record(part)["options"]["verify"] == [2, 4, 6]
    assert "choice" not in read_json(part / "verify.json")
    before = {json.dumps(row["of"]): row for row in read_rows(out / "verify.jsonl")}
    after = {json.dumps(row["of"]): row for row in read_rows(part / "verify.jsonl")}
    assert len(after) - len(before) == 5 * (5 + QUESTIONS)
    assert all(after[of] == row for of, row in before.items())


def test_summary_says_how_sure_it_is(verified):
    out, _, _ = verified
    summary = read_json(out / "summary.json")
    scores = read_json(out / "head_scores.json")
    for row in summary["heads"]:
        samples = scores["-".join(map(str, row["head"]))]
        if samples:
            low, high = row["interval"]
            assert low <= row["mean"] == pytest.approx(sum(samples) / len(samples)) and row["mean"] <= high
        else:
            assert row["interval"] == [None, None]
    assert summary["threshold"]["value"] == 0.1
    assert {"gini", "hoyer", "split_half"} <= summary.keys()
    assert list(summary["top_share"]) == ["0.01", "0.05", "0.1"]


def test_until_stable(retmask, tiny_llama, tmp_path):
    """A random model finds nothing, so the grid ends first; also after a kill, and without the flag."""
    command = ["detect", "--model", tiny_llama, *GRID]
    retmask(*command, "--until-stable", "--out", tmp_path / "rounds")
    stable = read_json(tmp_path / "rounds/summary.json")["until_stable"]
    assert stable["stable"] is False and stable["samples"] == stable["of"] == 12
    retmask(*command, "--out", tmp_path / "all")
    rows = (tmp_path / "all/samples.jsonl").read_bytes()
    assert (tmp_path / "rounds/samples.jsonl").read_bytes() == rows
    assert "until_stable" not in read_json(tmp_path / "all/summary.json")

    kept = rows.splitlines(keepends=True)
    (tmp_path / "rounds/samples.jsonl").write_bytes(b"".join([kept[7], kept[2], kept[5][:20]]))
    retmask(*command, "--until-stable", "--out", tmp_path / "rounds")
    assert (tmp_path / "rounds/samples.jsonl").read_bytes() == rows


@pytest.mark.parametrize(
    "flags, said",
    [
        (["--verify", "9"], ["--verify holds 9", "only 16 heads", "at most 8"]),
        (["--verify", "0,4"], ["--verify holds 0"]),
        (["--verify", "4,4"], ["--verify holds 4 twice"]),
        (["--verify", "few"], ["--verify"]),
        (["--verify-samples", 4], ["--verify-samples", "not given"]),
        (["--verify", "4", "--verify-samples", -1], ["--verify-samples is -1"]),
        (["--pick", "k"], ["--pick", "not given"]),
        (["--verify", "4", "--pick", "best"], ["--pick", "k, threshold"]),
    ],
)
def test_mistakes(retmask, tiny_llama, tmp_path, flags, said):
    error_line(retmask("detect", "--model", tiny_llama, *GRID, *flags, "--out", tmp_path / "out", code=2), said)
