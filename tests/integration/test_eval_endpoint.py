"""retmask eval --endpoint: a model behind an OpenAI-compatible server, which also fails, stalls and talks nonsense."""

import json
import shutil
import subprocess

import pytest

from chat_server import ChatServer
from helpers import count_lines, error_line, read_rows, run_record, wait_for, write_rows

FILES = ["predictions.jsonl", "results.json"]
LETTERS = "ABCD"


def results_of(out):
    return json.loads((out / "results.json").read_text())


def bytes_of(out):
    return {name: (out / name).read_bytes() for name in FILES}


def gold(i):
    return LETTERS[i % 4]


@pytest.fixture(scope="module")
def questions(tmp_path_factory):
    rows = [{"question_id": i, "question": f"Which letter is number {i}?", "options": ["red", "green", "blue", "grey"],
             "answer": gold(i), "category": "letters"} for i in range(12)]
    return write_rows(tmp_path_factory.mktemp("questions") / "questions.jsonl", rows)


def scholar(request):
    """Knows the answer to each question but every third."""
    number = int(request["messages"][-1]["content"].split("is number ")[-1].split("?")[0])
    return f"Let me see. The answer is ({gold(number + (number % 3 == 0))})."


def of(server, *more):
    return ["--endpoint", server.url, "--endpoint-model", "scholar", *more]


@pytest.fixture(scope="module")
def scholar_server():
    with ChatServer(scholar).running() as running:
        yield running


@pytest.fixture(scope="module")
def mmlu_pro(questions):
    return ["eval", "--suite", "mmlu-pro", "--profile", "swallow", "--data", questions]


@pytest.fixture(scope="module")
def whole(retmask, mmlu_pro, scholar_server, tmp_path_factory):
    out = tmp_path_factory.mktemp("whole") / "out"
    retmask(*mmlu_pro, *of(scholar_server), "--out", out)
    return out


def test_answers_come_from_the_server(whole, scholar_server):
    rows, results = read_rows(whole / "predictions.jsonl"), results_of(whole)
    assert results["accuracy"] == pytest.approx(8 / 12)
    assert [row["id"] for row in rows] == [str(i) for i in range(12)]
    assert [row["pred"] == gold(i) for i, row in enumerate(rows)] == [i % 3 != 0 for i in range(12)]
    for request in scholar_server.requests[:12]:
        assert (request["model"], request["temperature"], request["max_tokens"]) == ("scholar", 0.0, 2048)
        assert [message["role"] for message in request["messages"]] == ["user"]
    run = run_record(whole)
    assert run["inputs"]["endpoint"] == scholar_server.url and run["inputs"]["endpoint-model"] == "scholar"
    assert run["use"]["endpoint"] == {"model": "scholar", "requests": 12, "prompt_tokens": 0,
                                      "new_tokens": sum(row["server"]["new_tokens"] for row in rows)}


def test_a_server_that_fails_stalls_and_garbles_changes_nothing(retmask, mmlu_pro, whole, tmp_path):
    with ChatServer(scholar, faults=ChatServer.FAULTS, fault_rate=0.4, seed=1).running() as troubled:
        retmask(*mmlu_pro, *of(troubled, "--endpoint-timeout", 1, "--endpoint-concurrency", 3), "--out", tmp_path)
    assert len(set(troubled.done_faults)) > 3
    assert bytes_of(tmp_path) == bytes_of(whole)


def test_kill_and_go_on(retmask, mmlu_pro, whole, tmp_path):
    with ChatServer(scholar, delay=0.05).running() as slow:
        command = [*mmlu_pro, *of(slow, "--endpoint-concurrency", 2), "--out", tmp_path]
        process = subprocess.Popen(list(map(str, [retmask.binary, *command])), stdout=subprocess.DEVNULL,
                                   stderr=subprocess.PIPE, text=True)
        wait_for(lambda: count_lines(tmp_path / "predictions.jsonl") >= 3, process)
        process.kill()
        process.communicate()
        kept, before = count_lines(tmp_path / "predictions.jsonl"), len(slow.requests)
        retmask(*command)
        assert len(slow.requests) - before == 12 - kept
    assert bytes_of(tmp_path) == bytes_of(whole)


@pytest.mark.parametrize("form", ["in the text", "beside the text"])
def test_thinking_is_split_off(retmask, mmlu_pro, whole, tmp_path, form):
    thinking = "The answer is (A)? No."

    def reply(request):
        message = {"role": "assistant", "content": scholar(request)}
        if form == "in the text":
            message["content"] = f"<think>\n{thinking}\n</think>\n\n{message['content']}"
        else:
            message["reasoning_content"] = thinking
        return 200, {"choices": [{"message": message, "finish_reason": "stop"}], "usage": {"completion_tokens": 9}}

    with ChatServer(reply).running() as thinker:
        retmask(*mmlu_pro, *of(thinker), "--out", tmp_path)
    rows = read_rows(tmp_path / "predictions.jsonl")
    assert {row["thinking"] for row in rows} == {thinking}
    assert [row["answer"] for row in rows] == [row["answer"] for row in read_rows(whole / "predictions.jsonl")]
    assert results_of(tmp_path) == results_of(whole)


def test_a_prompt_too_long_for_the_server_is_an_error_of_its_own(retmask, mmlu_pro, tmp_path):
    def reply(request):
        if "number 5?" in request["messages"][0]["content"]:
            return 400, {"error": {"message": "This model's maximum context length is 4 tokens"}}
        return scholar(request)

    with ChatServer(reply).running() as short:
        done = retmask(*mmlu_pro, *of(short), "--out", tmp_path, code=1)
    assert "1 of 12 samples have no answer; the first is 5: the prompt is too long" in done.stderr
    assert results_of(tmp_path)["errors"] == 1




def test_suites_that_count_tokens_need_a_tokenizer(retmask, tiny_llama, tmp_path):
    tokenizer = tmp_path / "tokenizer"
    tokenizer.mkdir()
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        shutil.copy(tiny_llama / name, tokenizer)
    kv = ["eval", "--suite", "kv", "--max-samples", 3]
    with ChatServer(lambda request: "I do not know").running() as server:
        retmask(*kv, "--keys", 5, *of(server), "--out", tmp_path / "keys")
        assert [row["prompt_tokens"] for row in read_rows(tmp_path / "keys/predictions.jsonl")] == [0, 0, 0]
        failed = retmask(*kv, "--lengths", 700, *of(server), "--out", tmp_path / "none", code=2)
        error_line(failed, ["counts the tokens", "--model", "--endpoint"])
        retmask(*kv, "--lengths", 700, *of(server), "--model", tokenizer, "--out", tmp_path / "lengths")
    local = tmp_path / "local"
    retmask(*kv, "--lengths", 700, "--model", tiny_llama, "--device", "cpu", "--out", local)
    tokens = [[row["prompt_tokens"] for row in read_rows(out / "predictions.jsonl")] for out in (tmp_path / "lengths", local)]
    assert tokens[0] == tokens[1] and min(tokens[0]) > 300


def test_the_needle_test_on_a_server(retmask, tiny_llama, tmp_path):
    niah = ["eval", "--suite", "niah", "--lengths", 400, "--depths", 2, "--max-new-tokens", 20]

    def reply(request):
        """Quotes the sentence that the question is about, if it is the first needle's."""
        text = request["messages"][0]["content"]
        return text if len(server.requests) % 2 else "I do not know"

    with ChatServer(reply).running() as server:
        error_line(retmask(*niah, *of(server), "--out", tmp_path / "none", code=2), ["counts the tokens", "--model"])
        retmask(*niah, *of(server, "--endpoint-concurrency", 1), "--model", tiny_llama, "--out", tmp_path / "out")
    results = results_of(tmp_path / "out")
    assert results["total"] == 6 and 0 < results["success"] <= 3
    request = server.requests[0]
    assert request["messages"][0]["content"].startswith("<book>") and request["max_tokens"] == 20
    assert run_record(tmp_path / "out")["use"]["endpoint"]["requests"] == 6


def test_the_start_of_an_answer_ends_the_message(retmask, tiny_llama, tmp_path):
    with ChatServer(lambda request: "12345").running() as server:
        retmask("eval", "--suite", "ruler", "--tasks", "niah_single_1", "--lengths", 900, "--max-samples", 1, *of(server),
                "--model", tiny_llama, "--out", tmp_path)
    content = server.requests[0]["messages"][0]["content"]
    assert content.rstrip().endswith("mentioned in the provided text is")


def test_helmet_on_a_server(retmask, tiny_llama, shared, tmp_path):
    data = shared / "eval/tiny"
    if not data.is_dir():
        pytest.skip(f"the tiny data of HELMET, {data}, are not here")
    helmet = ["eval", "--suite", "helmet", "--data", data, "--tasks", "json_kv,kilt_nq,narrativeqa", "--max-samples", 2, "--rouge-proxy"]

    def reply(request):
        """Looks the value up; knows nothing else."""
        text = request["messages"][-1]["content"]
        key = text.split("Key: ")[-1].strip()
        return text.split(f'"{key}": "')[1].split('"')[0] if f'"{key}": "' in text else "I do not know"

    with ChatServer(reply).running() as server:
        error_line(retmask(*helmet, *of(server), "--model", tiny_llama, "--out", tmp_path / "none", code=2), ["--lengths", "--endpoint"])
        error_line(retmask(*helmet, "--lengths", 2048, *of(server), "--out", tmp_path / "none", code=2), ["counts the tokens", "--model"])
        assert not server.requests
        done = retmask(*helmet, "--lengths", 2048, *of(server), "--model", tiny_llama, "--out", tmp_path / "out")
    assert "--endpoint departs from HELMET, which asks json_kv, kilt_nq without a chat template" in done.stderr
    scores = {task["task"]: task["score"] for task in results_of(tmp_path / "out")["tasks"]}
    assert scores["json_kv"] == 100 and scores["kilt_nq"] == 0
    rows = read_rows(tmp_path / "out/predictions.jsonl")
    asked = [request["messages"] for request in server.requests]
    assert len(asked) == len(rows) and all(len(messages) == 1 for messages in asked)
    for row in rows:
        assert row["chat"] is True and row["prompt_tokens"] <= 2050 and "answer_start" not in row
        assert any(row["question"] in messages[0]["content"] for messages in asked)
    assert not any(messages[0]["content"].endswith(("Answer:", "Corresponding value:")) for messages in asked)
    assert run_record(tmp_path / "out")["use"]["endpoint"]["requests"] == len(rows)


def test_mt_bench_on_servers(retmask, tmp_path):
    data = write_rows(tmp_path / "question.jsonl", [
        {"question_id": i, "category": category, "turns": [f"Begin {i}.", f"Go on {i}."]}
        for i, category in enumerate(["writing", "extraction"])])
    prompts = write_rows(tmp_path / "prompts.jsonl", [
        {"name": f"single{kind}-v1{turn}", "system_prompt": "Judge.", "prompt_template": "Grade this."}
        for kind in ("", "-math") for turn in ("", "-multi-turn")])

    def reply(request):
        return "[[4]]" if request["model"] == "judge" else f" words {len(request['messages'])} "

    with ChatServer(reply).running() as server:
        retmask("eval", "--suite", "mt-bench", "--data", data, *of(server), "--judge-endpoint", server.url, "--judge-model",
                "judge", "--judge-prompts", prompts, "--out", tmp_path / "out")
    asked = [request for request in server.requests if request["model"] == "scholar"]
    assert sorted((len(request["messages"]), request["temperature"]) for request in asked) == [(1, 0.0), (1, 0.7), (3, 0.0), (3, 0.7)]
    second = next(request["messages"] for request in asked if len(request["messages"]) == 3)
    assert second[1] == {"role": "assistant", "content": "words 1"} and second[2]["content"].startswith("Go on")
    assert results_of(tmp_path / "out")["score"] == 4
    assert run_record(tmp_path / "out")["use"].keys() == {"endpoint", "judge"}


REFUSALS = {
    "logprob": (["--suite", "logprob", "--data", "x.jsonl"], ["--suite logprob needs the log-probs of given texts"]),
    "choice": (["--suite", "choice", "--data", "x.jsonl"], ["--suite choice needs the log-probs of given continuations"]),
    "mask": (["--suite", "kv", "--heads", "0-1"], ["--heads has no effect with --endpoint"]),
    "chat": (["--suite", "kv", "--chat", "none"], ["--chat has no effect with --endpoint"]),
    "parts": (["--suite", "kv", "--shard", "0/2"], ["--endpoint sends all samples to one server"]),
    "no model name": (["--suite", "kv", "--endpoint-model", ""], ["--endpoint-model is missing"]),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_what_a_server_cannot_do(retmask, tmp_path, name):
    flags, said = REFUSALS[name]
    model = [] if name == "no model name" else ["--endpoint-model", "m"]
    error_line(retmask("eval", "--endpoint", "http://localhost:1", *model, *flags, "--out", tmp_path / "out", code=2), said)
