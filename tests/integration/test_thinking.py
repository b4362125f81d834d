"""eval --thinking and --thinking-budget: a model that thinks, by the end of its chat template's generation prompt."""

import json
import shutil
import signal
import subprocess

import pytest
from helpers import count_lines, error_line, read_rows, wait_for, write_rows

CHATML = ("{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
          "{% if add_generation_prompt %}<|im_start|>assistant\n")
TEMPLATES = {
    "opens": CHATML + "<think>\n{% endif %}",  # as Olmo-3-Think's
    # As Qwen3's.
    "obeys": CHATML + "{% if enable_thinking is defined and not enable_thinking %}<think>\n\n</think>\n\n{% endif %}{% endif %}",
}
END = "I have to give the solution based on the thinking directly now."


@pytest.fixture(scope="module")
def thinkers(tiny_llama, tmp_path_factory):
    """The tiny Llama with each of these templates."""
    folders = {}
    for name, text in TEMPLATES.items():
        folders[name] = shutil.copytree(tiny_llama, tmp_path_factory.mktemp("thinkers") / name)
        (folders[name] / "chat_template.jinja").write_text(text)
    return folders


@pytest.fixture(scope="module")
def kv(thinkers):
    def flags(*more, model="opens"):
        return ["eval", "--model", thinkers[model], "--suite", "kv", "--keys", "3,6", "--max-samples", 6, "--device", "cpu", *more]
    return flags


BUDGET = ["--thinking", "on", "--thinking-budget", 20]


@pytest.fixture(scope="module")
def whole(retmask, kv, tmp_path_factory):
    out = tmp_path_factory.mktemp("thinking") / "whole"
    done = retmask(*kv(*BUDGET), "--out", out)
    assert "0 of 12 answers are empty: their thinking did not end" in done.stdout
    return out


def bytes_of(out):
    return {name: (out / name).read_bytes() for name in ("predictions.jsonl", "results.json")}


def results_of(out):
    return json.loads((out / "results.json").read_text())


def test_a_budget_leaves_room_for_the_answer(whole):
    for row in read_rows(whole / "predictions.jsonl"):
        assert row["thinking"].endswith(END) and row["unended_thinking"] is False
        assert row["answer"] and "</think>" not in row["answer"]
    assert results_of(whole)["unended_thinking"] == 0


def test_bytes_depend_on_neither_batch_nor_kills(retmask, kv, whole, tmp_path):
    retmask(*kv(*BUDGET, "--batch-size", 1), "--out", tmp_path / "one")
    assert bytes_of(tmp_path / "one") == bytes_of(whole)
    killed = tmp_path / "killed"
    command = [retmask.binary, *map(str, kv(*BUDGET, "--batch-size", 1)), "--out", killed]
    for rows in (2, 7):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        wait_for(lambda: count_lines(killed / "predictions.jsonl") >= rows, process)
        process.send_signal(signal.SIGKILL)
        process.wait()
    retmask(*kv(*BUDGET, "--batch-size", 5), "--out", killed)
    assert bytes_of(killed) == bytes_of(whole)


def test_other_values_are_another_run(retmask, kv, whole, tmp_path):
    out = shutil.copytree(whole, tmp_path / "out")
    for flags, said in ((["--thinking", "on"], "thinking-budget 20 -> 0"),
                        (["--thinking", "on", "--thinking-budget", "1k"], "thinking-budget 20 -> 1024")):
        error_line(retmask(*kv(*flags), "--out", out, code=2), ["other options", said])


def test_rescoring_counts_the_same(retmask, kv, whole, tmp_path):
    retmask("eval", "--suite", "kv", "--rescore", whole, "--out", tmp_path / "again")
    assert bytes_of(tmp_path / "again") == bytes_of(whole)
    failed = retmask("eval", "--suite", "kv", "--rescore", whole, "--thinking", "on", "--out", tmp_path / "x", code=2)
    error_line(failed, ["--thinking has no effect with --rescore"])


def test_a_thinking_that_does_not_end_is_counted(retmask, kv, tmp_path):
    done = retmask(*kv("--thinking", "on"), "--out", tmp_path)
    assert "12 of 12 answers are empty: their thinking did not end" in done.stdout
    assert results_of(tmp_path)["unended_thinking"] == 12
    assert {row["answer"] for row in read_rows(tmp_path / "predictions.jsonl")} == {""}


def test_the_template_is_told(retmask, kv, tmp_path):
    """Unless it is on, nothing of thinking is in the rows of a model that does not think."""
    for use, end in (("off", "<think>\n\n</think>\n\n"), ("on", "assistant\n")):
        out = tmp_path / use
        retmask(*kv("--thinking", use, "--save-prompts", model="obeys"), "--out", out)
        assert all(row["prompt"].endswith(end) for row in read_rows(out / "prompts.jsonl"))
        for row in read_rows(out / "predictions.jsonl"):
            assert row["answer"] and ("thinking" in row) == (use == "on")
        assert ("unended_thinking" in results_of(out)) == (use == "on")


def test_the_needle_test_thinks_too(retmask, thinkers, tmp_path):
    niah = ["eval", "--suite", "niah", "--model", thinkers["opens"], "--lengths", 300, "--depths", 2, "--max-new-tokens", 8,
            "--device", "cpu"]
    done = retmask(*niah, *BUDGET, "--out", tmp_path / "a")
    assert "0 of 6 answers are empty" in done.stdout and results_of(tmp_path / "a")["unended_thinking"] == 0
    retmask(*niah, *BUDGET, "--batch-size", 1, "--out", tmp_path / "b")
    assert bytes_of(tmp_path / "a") == bytes_of(tmp_path / "b")
    assert all(row["answer"] and row["thinking"].endswith(END) for row in read_rows(tmp_path / "a/predictions.jsonl"))
    failed = retmask(*niah, "--thinking", "on", "--thinking-budget", 1800, "--out", tmp_path / "c", code=2)
    error_line(failed, ["exceeds the model's maximum of 2048"])


def test_second_turns_show_the_answers_without_thinking(retmask, thinkers, tmp_path):
    data = write_rows(tmp_path / "question.jsonl", [{"question_id": 1, "category": "math", "turns": ["Begin.", "Go on."]}])
    done = retmask("eval", "--suite", "mt-bench", "--model", thinkers["opens"], "--data", data, "--max-new-tokens", 6, *BUDGET,
                   "--device", "cpu", "--out", tmp_path / "out")
    first, second = read_rows(tmp_path / "out/predictions.jsonl")
    assert first["thinking"].endswith(END) and second["thinking"].endswith(END)
    assert second["prompt_tokens"] < first["prompt_tokens"] + 40, "the thinking is not in the prompt of the second turn"
    assert "0 of 2 answers are empty" in done.stdout


def test_helmet_thinks_where_it_has_a_template(retmask, thinkers, shared, tmp_path):
    data = shared / "eval/tiny"
    if not data.is_dir():
        pytest.skip(f"the tiny data of HELMET, {data}, are not here")
    helmet = ["eval", "--suite", "helmet", "--model", thinkers["opens"], "--data", data, "--lengths", 1500, "--max-samples", 1,
              "--rouge-proxy", "--device", "cpu"]
    done = retmask(*helmet, "--tasks", "icl_trec_coarse_20shot_balance,infbench_qa_eng", *BUDGET, "--out", tmp_path / "out")
    assert "--thinking on tells the model nothing in the prompts of icl_trec_coarse_20shot_balance" in done.stderr
    assert results_of(tmp_path / "out")["unended_thinking"] == 0
    plain, chat = read_rows(tmp_path / "out/predictions.jsonl")
    assert plain["chat"] is False and plain["thinking"] == "" and plain["answer"]
    assert chat["chat"] is True and chat["thinking"].endswith(END) and chat["answer"]
    off = retmask(*helmet, "--tasks", "infbench_qa_eng", "--thinking", "off", "--out", tmp_path / "off", code=2)
    error_line(off, ["always thinks"])
    retmask(*helmet, "--tasks", "icl_trec_coarse_20shot_balance", "--out", tmp_path / "plain")


MISTAKES = {
    "budget alone": ("opens", ["--thinking-budget", 20], ["--thinking-budget", "--thinking on"]),
    "always thinks": ("opens", ["--thinking", "off"], ["--thinking off", "always thinks", "--thinking on"]),
    "a word": ("obeys", ["--thinking", "yes"], ["--thinking", "auto, off, on"]),
    "plain text": ("obeys", ["--thinking", "on", "--chat", "none"], ["--thinking on", "plain text", "--chat none"]),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes(retmask, kv, tmp_path, name):
    model, flags, said = MISTAKES[name]
    error_line(retmask(*kv(*flags, model=model), "--out", tmp_path / "out", code=2), said)


def test_a_model_that_always_thinks_is_scored_as_it_answers(retmask, kv, tmp_path):
    done = retmask(*kv(model="opens"), "--out", tmp_path)
    assert "always thinks" in done.stderr and "--thinking on" in done.stderr
    assert all(row["answer"] for row in read_rows(tmp_path / "predictions.jsonl"))


def test_a_template_that_cannot_tell(retmask, tiny_llama, tmp_path):
    done = retmask("eval", "--suite", "kv", "--model", tiny_llama, "--thinking", "on", "--out", tmp_path, code=2)
    error_line(done, ["--thinking on", "neither uses enable_thinking nor begins answers with <think>", "omit --thinking"])


def test_servers_and_other_suites_take_no_thinking_flags(retmask, tiny_llama, tmp_path):
    server = ["--endpoint", "http://localhost:1", "--endpoint-model", "m"]
    failed = retmask("eval", "--suite", "kv", *server, "--thinking", "on", "--out", tmp_path / "a", code=2)
    error_line(failed, ["--thinking has no effect with --endpoint"])
    failed = retmask("eval", "--suite", "choice", "--model", tiny_llama, "--thinking", "on", "--out", tmp_path / "b", code=2)
    error_line(failed, ["--thinking does not belong to --suite choice"])
