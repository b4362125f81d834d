"""Head lists of every form: detect --compare, and mask and synthesize with them."""

import json

import pytest

from helpers import error_line, run_record

LLAMA = ["reference/head_score/Llama-3.1-8B-Instruct.json", "reference/foreign_heads/qrhead_llama-3.1-8b_nq.yaml"]
QWEN = ["reference/head_score/Qwen3-8B.json", "reference/foreign_heads/dysco_qwen3-8b.yaml"]
GATES = "reference/foreign_heads/duoattention_llama-3.1-8b.tsv"


def compare(retmask, out, *flags):
    done = retmask("detect", "--compare", *flags, "--out", out)
    return json.loads((out / "compare.json").read_text()), done.stdout


def overlap(pair):
    return {(row["k_a"], row["k_b"]): row for row in pair["overlap"]}


@pytest.fixture
def heads(tmp_path):
    """Files for the tiny Llama, 4 layers of 4 heads with 2 key/value heads, in several forms; all begin with 2-1 and 1-0."""
    ranked = [(2, 1), (1, 0), (3, 3), (0, 2)]
    scores = {f"{layer}-{head}": [-0.25, 0.0] for layer in range(4) for head in range(4)}
    scores |= {f"{layer}-{head}": [0.9 - place / 5, 0.5] for place, (layer, head) in enumerate(ranked)}
    means = [{"head": list(head), "mean": 0.7 - place / 10} for place, head in enumerate(ranked)]
    summary = {"samples": 2, "right": 2, "num_layers": 4, "num_heads": 4, "heads_at_least": {}, "heads": means}
    gates = [[0, 0.5], [0.75, 0], [1, 0], [0, 0.625]]
    texts = {
        "head_scores.json": json.dumps(scores),
        "summary.json": json.dumps(summary),
        "mask.json": json.dumps({"heads": ranked}),
        "locos.json": json.dumps({"meta": {"method": "m"}, "scores": scores, "trial_ids": ["1", "2"]}, indent=2),
        "qrhead.json": json.dumps([[name, sum(values)] for name, values in scores.items()]),
        "qrhead.yaml": 'attn_head_set: "' + ",".join(f"{layer}-{head}" for layer, head in ranked) + '" # top4\n',
        "dysco.yaml": 'selected_heads: "[' + ",".join(f"({layer},{head})" for layer, head in ranked) + ']"\ntop_k: 9\n',
        "gates.tsv": "\n".join("\t".join(f"{gate:.18e}" for gate in row) for row in gates) + "\n",
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    return {name: tmp_path / name for name in texts}


FORMS = ["head_scores.json", "summary.json", "mask.json", "locos.json", "qrhead.json", "qrhead.yaml", "dysco.yaml"]


def test_published_sets_overlap_as_counted(retmask, shared, tmp_path):
    """Of 16 published QRHeads of Llama-3.1-8B, 4 are among RetMask's best 40; of DySCO's 16 for Qwen3-8B, none among its best 16."""
    files = [shared / name for name in LLAMA]
    result, table = compare(retmask, tmp_path / "llama", *files)
    (pair,) = result["pairs"]
    assert [pair["a"], pair["b"]] == [str(file) for file in files] and pair["spearman"] is None
    row = overlap(pair)[40, 16]
    assert row["common"] == 4 and row["by_chance"] == pytest.approx(40 * 16 / 1024)
    assert overlap(pair)[33, 16]["common"] == 4, "the 33 heads of at least 0.1, as the paper masks them"
    assert any(line.split()[:3] == ["40", "16", "4"] for line in table.splitlines()), table

    files = [shared / name for name in QWEN]
    (pair,) = compare(retmask, tmp_path / "qwen", *files, "--top", 16)[0]["pairs"]
    assert [(row["k_a"], row["k_b"], row["common"]) for row in pair["overlap"]] == [(16, 16, 0)]
    assert pair["overlap"][0]["by_chance"] == pytest.approx(16 * 16 / 1152)

    retmask("detect", "--compare", shared / LLAMA[0], shared / QWEN[0], "--out", tmp_path / "both", code=2)


def test_gates_of_key_value_heads(retmask, shared, tmp_path):
    numpy = pytest.importorskip("numpy")
    scores = {name: sum(row) / len(row) for name, row in json.loads((shared / LLAMA[0]).read_text()).items()}
    best = numpy.array([[scores[f"{layer}-{head}"] for head in range(32)] for layer in range(32)]).reshape(32, 8, 4).max(-1)
    gates = numpy.loadtxt(shared / GATES)
    assert gates.shape == best.shape

    def ranks(values):
        _, inverse, counts = numpy.unique(values.ravel(), return_inverse=True, return_counts=True)
        return (counts.cumsum() - (counts - 1) / 2)[inverse]

    result, _ = compare(retmask, tmp_path / "out", shared / LLAMA[0], shared / GATES, "--top", 20)
    (pair,) = result["pairs"]
    assert pair["heads"] == "kv" and pair["model_heads"] == pair["common_heads"] == 256
    assert pair["spearman"] == pytest.approx(numpy.corrcoef(ranks(best), ranks(gates))[0, 1], abs=1e-12)
    ties_broken = [set(numpy.argsort(-values.ravel(), kind="stable")[:20]) for values in (best, gates)]
    assert pair["overlap"][0]["common"] == len(ties_broken[0] & ties_broken[1])
    assert result["model"] == {"layers": 32, "heads": 32, "kv_heads": 8}


def test_every_form_compares(retmask, heads, tiny_llama, tmp_path):
    names = [*FORMS, "gates.tsv"]
    result, _ = compare(retmask, tmp_path / "out", *(heads[name] for name in names), "--model", tiny_llama, "--top", 2)
    forms = ["head_scores", "summary", "mask", "locos", "qrhead_scores", "qrhead", "dysco", "duo_attention"]
    assert [file["form"] for file in result["files"]] == forms
    assert result["model"] == {"layers": 4, "heads": 4, "kv_heads": 2}
    assert len(result["pairs"]) == 8 * 7 // 2
    for pair in result["pairs"]:
        among_gates = str(heads["gates.tsv"]) in (pair["a"], pair["b"])
        assert pair["overlap"][0]["common"] == (1 if among_gates else 2), pair["a"] + pair["b"]
        assert pair["heads"] == "query" and pair["model_heads"] == 16
    first = {(pair["a"], pair["b"]): pair for pair in result["pairs"]}
    assert first[str(heads["head_scores.json"]), str(heads["locos.json"])]["spearman"] == pytest.approx(1)
    assert set(run_record(tmp_path / "out")["inputs"]) == {"compare"}


def test_before_and_after(retmask, heads, tmp_path):
    """The masked heads' change against that of the others (Figure 5)."""
    before = json.loads(heads["head_scores.json"].read_text())
    after = {name: [value + (0.25 if name in ("2-1", "1-0") else 0.125) for value in row] for name, row in before.items()}
    (tmp_path / "after.json").write_text(json.dumps(after))
    (tmp_path / "two.json").write_text('{"heads": [[2, 1], [1, 0]]}')
    files = [heads["head_scores.json"], tmp_path / "after.json"]
    result, table = compare(retmask, tmp_path / "out", *files, "--mask", tmp_path / "two.json")
    change = result["pairs"][0]["mask"]
    assert change["masked"]["heads"] == 2 and change["masked"]["change"] == pytest.approx(0.25)
    assert change["others"]["heads"] == 14 and change["others"]["change"] == pytest.approx(0.125)
    assert change["others"]["interval"] == pytest.approx([0.125, 0.125])
    assert change["difference"] == pytest.approx(0.125) and change["interval"] == pytest.approx([0.125, 0.125])
    assert sorted(row["head"] for row in result["pairs"][0]["moved"]["by_score"][:2]) == [[1, 0], [2, 1]]
    assert "masked" in table and "others" in table and "masked less others" in table
    report = (tmp_path / "out/report.html").read_text()
    assert "masked less others" in report and "Change of the mean score" in report
    assert (tmp_path / "out/change_of_masked_heads.svg").exists()
    points = {tuple(point["head"]): point for point in result["pairs"][0]["points"]}
    assert len(points) == 16 and points[2, 1]["a"] == pytest.approx(0.7) and points[2, 1]["b"] == pytest.approx(0.95)


def test_mistakes_in_comparisons(retmask, heads, tiny_llama, tmp_path):
    def fails(said, *flags, out=True):
        error_line(retmask("detect", *flags, *(["--out", tmp_path / "out"] if out else []), code=2), said)
        assert not (tmp_path / "out/compare.json").exists()

    scores, listed, gates = heads["head_scores.json"], heads["qrhead.yaml"], heads["gates.tsv"]
    fails(["--compare has 1 file"], "--compare", scores)
    fails(["--top asks for 5 heads of", listed, "which has 4"], "--compare", scores, listed, "--top", 5)
    fails(["--top has 3 sizes for 2 files"], "--compare", scores, listed, "--top", "1,2,3")
    fails([listed, "query heads", "--model"], "--compare", listed, gates)
    fails(["--lengths", "--compare"], "--compare", scores, listed, "--lengths", 512)
    fails(["--top belongs to --compare"], "--model", tiny_llama, "--top", 5)
    fails(["--model is required"])
    fails(["--out is required"], "--compare", scores, listed, out=False)
    fails(["none.json"], "--compare", scores, "none.json")
    fails(["config.json"], "--compare", scores, listed, "--model", tmp_path)
    (tmp_path / "bad.yaml").write_text("a: 1\nattn_head_set: 1-2,3_4\n")
    fails(["bad.yaml:2", "attn_head_set", "where a head was expected"], "--compare", scores, tmp_path / "bad.yaml")


def test_the_comparison_of_a_changed_file_is_refused(retmask, heads, tmp_path):
    files = [heads["head_scores.json"], heads["qrhead.yaml"]]
    compare(retmask, tmp_path / "out", *files)
    compare(retmask, tmp_path / "out", *files, "--top", 2)
    heads["qrhead.yaml"].write_text("attn_head_set: 1-0\n")
    error_line(retmask("detect", "--compare", *files, "--out", tmp_path / "out", code=2), ["compare", "changed"])


@pytest.mark.parametrize("form", FORMS)
def test_mask_takes_every_form(retmask, heads, tiny_llama, tmp_path, form):
    flags = ["mask", "--model", tiny_llama, "--scores", heads[form], "--spec-only", "--out"]
    retmask(*flags, tmp_path / "top", "--top-k", 2)
    spec = json.loads((tmp_path / "top/mask.json").read_text())
    assert spec["heads"] == [[1, 0], [2, 1]]
    has_scores = form not in ("mask.json", "qrhead.yaml", "dysco.yaml")
    assert ("mean_scores" in spec) == has_scores
    if has_scores:
        retmask(*flags, tmp_path / "least", "--threshold", 0.4)
        assert [2, 1] in json.loads((tmp_path / "least/mask.json").read_text())["heads"]
    else:
        done = retmask(*flags, tmp_path / "least", "--threshold", 0.4, code=2)
        error_line(done, ["--threshold needs scores", "a list of 4 heads", "--top-k"])
    done = retmask(*flags, tmp_path / "none", code=2)
    error_line(done, ["none of --threshold, --top-k and --heads is given"])


def test_mask_takes_gates(retmask, heads, tiny_llama, tmp_path):
    flags = ["mask", "--model", tiny_llama, "--scores", heads["gates.tsv"], "--spec-only", "--out"]
    retmask(*flags, tmp_path / "top", "--top-k", 2)
    spec = json.loads((tmp_path / "top/mask.json").read_text())
    assert spec["heads"] == [[2, 0], [2, 1]] and spec["mean_scores"] == [1, 1]
    retmask(*flags, tmp_path / "least", "--threshold", 0.7)
    assert json.loads((tmp_path / "least/mask.json").read_text())["heads"] == [[1, 0], [1, 1], [2, 0], [2, 1]]


def test_heads_of_another_model(retmask, heads, tiny_llama, tmp_path):
    def fails(said, text):
        (tmp_path / "heads").write_text(text)
        flags = ["mask", "--model", tiny_llama, "--scores", tmp_path / "heads", "--top-k", 1, "--out", tmp_path / "out"]
        error_line(retmask(*flags, code=2), said)

    fails(["no head 4-0"], "attn_head_set: 1-0,4-0\n")
    fails(["gates are for 2 x 2 key/value heads", "4 x 2"], "0.5\t1\n1\t0\n")
    fails(["scores are for 1 x 2 heads", "4 x 4"], '{"scores": {"0-0": [1], "0-1": [1]}}')
    fails(["for 9 x 4 heads"], '{"heads": [[0, 0]], "model": {"num_hidden_layers": 9, "num_attention_heads": 4}}')


def test_export_for_duo_attention(retmask, heads, tiny_llama, tmp_path):
    numpy = pytest.importorskip("numpy")
    flags = ["mask", "--model", tiny_llama, "--top-k", 2, "--spec-only", "--out", tmp_path / "out"]
    retmask(*flags, "--scores", heads["head_scores.json"], "--export-duo-attention", tmp_path / "exported.tsv")
    expected = numpy.zeros((4, 2))
    for (layer, group), score in {(2, 0): 0.7, (1, 0): 0.6, (3, 1): 0.5, (0, 1): 0.4}.items():
        expected[layer, group] = score / 0.7
    numpy.testing.assert_allclose(numpy.loadtxt(tmp_path / "exported.tsv", delimiter="\t"), expected, rtol=1e-12)
    (pair,) = compare(retmask, tmp_path / "again", heads["head_scores.json"], tmp_path / "exported.tsv", "--top", 4)[0]["pairs"]
    assert pair["overlap"][0]["common"] == 4
    done = retmask("mask", "--model", tiny_llama, "--heads", "0-0", "--export-duo-attention", tmp_path / "no.tsv",
                   "--out", tmp_path / "no", code=2)
    error_line(done, ["--export-duo-attention needs --scores"])


def test_synthesize_takes_a_list(retmask, heads, tiny_llama, tmp_path):
    (tmp_path / "prompts.jsonl").write_text('{"prompt": "Hello"}\n')
    usual = ["--prompts", tmp_path / "prompts.jsonl", "--max-new-tokens", 2, "--device", "cpu", "--dtype", "float32"]
    retmask("synthesize", "--model", tiny_llama, *usual, "--scores", heads["dysco.yaml"], "--mask-top-k", 3, "--out", tmp_path / "out")
    assert json.loads((tmp_path / "out/mask.json").read_text())["heads"] == [[1, 0], [2, 1], [3, 3]]
    done = retmask("synthesize", "--model", tiny_llama, *usual, "--scores", heads["dysco.yaml"], "--mask-threshold", 0.1,
                   "--out", tmp_path / "other", code=2)
    error_line(done, ["--mask-threshold needs scores", "--mask-top-k"])
