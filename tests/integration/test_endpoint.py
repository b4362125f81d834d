"""retmask synthesize through OpenAI-compatible servers: misbehaving ones, kills, keys, and the judge."""

import gzip
import os
import random
import shutil
import socket
import subprocess

import pytest

from chat_server import ChatServer
from helpers import count_lines, expect_one_line, read_rows, run_record, wait_for
from synthesize_runs import Synthesize, summary_of, texts, write_prompts

KEY = "sk-test-4711-secret"
FINAL_FILES = ["chosen.jsonl.gz", "pairs.jsonl", "summary.json"]


@pytest.fixture
def prompts(tmp_path):
    return write_prompts(tmp_path / "prompts.jsonl", [f"Say something about number {i}." for i in range(12)])


@pytest.fixture
def server():
    with ChatServer(delay=0.004).running() as running:
        yield running


class SynthesizeWithKey(Synthesize):
    """Hides the machine's own OPENAI_API_KEY; `key` sets it for the run."""

    def __call__(self, out, code=0, key=None, **flags):
        environment = {name: value for name, value in os.environ.items() if name != "OPENAI_API_KEY"}
        if key:
            environment["OPENAI_API_KEY"] = key
        return self.retmask(*self.arguments(out, **flags), code=code, env=environment)


@pytest.fixture
def synthesize(retmask, prompts):
    return SynthesizeWithKey(retmask, prompts=prompts, seed=3, threads=1, device="cpu", max_new_tokens=50)


def both_sides(server):
    """Flags of a run with both policies on the server, as two models."""
    return dict(endpoint=server.url, endpoint_model="theta", rejected_endpoint=server.url,
                rejected_endpoint_model="masked")


def has_ipv6():
    try:
        socket.socket(socket.AF_INET6).close()
        return True
    except OSError:
        return False


def final_bytes(folder):
    return {name: (folder / name).read_bytes() for name in FINAL_FILES}


def assert_each_once(out, answers):
    names = [(row["id"], row["policy"], row["sample"]) for row in read_rows(out / "answers.jsonl")]
    assert len(names) == len(set(names)) == answers


def test_both_sides_from_a_server(synthesize, server, tmp_path):
    out = tmp_path / "out"
    shown = synthesize(out, samples=2, endpoint_concurrency=3, **both_sides(server))
    assert str(out / "pairs.jsonl") in shown.stdout
    assert_each_once(out, answers=12 * 2 * 2)
    assert texts(out, "chosen") != texts(out, "rejected")
    assert server.most == 3 and server.connections == 3 * 2, "each worker keeps its connection"
    assert server.keys == {None}

    request = server.requests[0]
    assert request["path"] == "/v1/chat/completions" and request["model"] == "theta"
    assert request["messages"][0]["role"] == "user" and request["n"] == 1
    assert (request["temperature"], request["top_p"], request["max_tokens"]) == (0.6, 1.0, 50)
    assert len({r["seed"] for r in server.requests}) == len(server.requests), "each answer has its own seed"
    pair = read_rows(out / "pairs.jsonl")[0]
    assert pair["meta"]["chosen"] == {"tokens": len(pair["chosen"][0]["content"].split()), "finish_reason": "stop",
                                      "mean_logprob": None, "repetition_flag": False}
    run = run_record(out)
    assert run["inputs"]["endpoint"] == server.url and run["inputs"]["endpoint-model"] == "theta"
    assert run["inputs"]["rejected-endpoint-model"] == "masked" and run["status"] == "done"

    asked = len(server.requests)
    before = final_bytes(out)
    synthesize(out, samples=2, endpoint_concurrency=5, **both_sides(server))
    assert len(server.requests) == asked and final_bytes(out) == before, "nothing is asked twice"
    synthesize(tmp_path / "again", samples=2, **both_sides(server))
    assert texts(tmp_path / "again", "chosen") == texts(out, "chosen"), "same seed, same answers"
    synthesize(tmp_path / "seed", samples=2, **both_sides(server), seed=4)
    assert texts(tmp_path / "seed", "chosen") != texts(out, "chosen")


def test_logprobs_top_k_and_template_variables_on_request(synthesize, server, tmp_path):
    synthesize(tmp_path / "out", endpoint_logprobs=True, top_k=5, template_var="enable_thinking=false",
               **both_sides(server))
    request = server.requests[0]
    assert request["logprobs"] and request["top_k"] == 5
    assert request["chat_template_kwargs"] == {"enable_thinking": False}
    assert read_rows(tmp_path / "out/pairs.jsonl")[0]["meta"]["chosen"]["mean_logprob"] == -0.25


@pytest.fixture
def troubled():
    """Drops, truncates, delays, refuses or garbles about every third reply."""
    with ChatServer(faults=ChatServer.FAULTS, fault_rate=0.35, seed=5, delay=0.005).running() as running:
        yield running


def test_all_answers_arrive_once_from_a_troubled_server(synthesize, server, troubled, tmp_path):
    flags = dict(samples=2, endpoint_concurrency=8, endpoint_timeout=1)
    done = synthesize(tmp_path / "out", key=KEY, **flags, **both_sides(troubled))
    synthesize(tmp_path / "calm", **flags, **both_sides(server))
    assert set(troubled.done_faults) == set(ChatServer.FAULTS)
    assert_each_once(tmp_path / "out", answers=12 * 2 * 2)
    assert final_bytes(tmp_path / "out") == final_bytes(tmp_path / "calm")
    assert troubled.most <= 8 + troubled.done_faults.count("slow"), "those given up on may still be at work there"
    assert "trying again" in done.stderr
    assert_key_is_nowhere(done, tmp_path / "out")
    assert troubled.keys == {f"Bearer {KEY}"}
    wait_was_kept(troubled)


def wait_was_kept(server):
    """Retry-After of one second is respected."""
    assert server.held_off
    for request, refused in server.held_off:
        came_back = min(moment for other, moment in server.arrivals if other == request and moment > refused)
        assert came_back - refused >= 0.99


def assert_key_is_nowhere(done, out):
    assert KEY not in done.stdout + done.stderr
    for path in out.rglob("*"):
        if path.is_file():
            data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
            assert KEY.encode() not in data, path


@pytest.mark.parametrize("fault, reason", [("500", "status 500"), ("drop", "dropped"), ("garbled", "not a JSON"),
                                           ("slow", "--endpoint-timeout 0.3")])
def test_a_broken_server_is_one_clear_error(synthesize, tmp_path, fault, reason):
    with ChatServer(faults=[fault], fault_rate=1.0).running() as broken:
        done = synthesize(tmp_path / "out", code=1, key=KEY, endpoint_tries=2, endpoint_timeout=0.3,
                          **both_sides(broken))
    last = done.stderr.splitlines()[-1]
    assert last.startswith("retmask: error: ") and f"{broken.url}/chat/completions" in last
    assert reason in last and "after 2 tries" in last and "0 of 12 replies" in last
    assert_key_is_nowhere(done, tmp_path / "out")
    assert run_record(tmp_path / "out")["status"] == "failed"


def test_nobody_listens(synthesize, tmp_path):
    done = synthesize(tmp_path / "out", code=1, endpoint_tries=2, endpoint="http://127.0.0.1:9", endpoint_model="m",
                      strategy="sft")
    assert "http://127.0.0.1:9/v1/chat/completions" in done.stderr and "cannot connect" in done.stderr


def test_what_had_come_before_a_failure_is_kept(synthesize, server, tmp_path):
    class Failing(ChatServer):
        def fault(self, key):
            return "500" if len(self.requests) > 7 else None

    flags = dict(strategy="sft", endpoint_model="theta", endpoint_concurrency=1, endpoint_tries=1)
    with Failing().running() as failing:
        done = synthesize(tmp_path / "out", code=1, endpoint=failing.url, **flags)
    assert "7 of 12 replies were received and are kept" in done.stderr
    assert_each_once(tmp_path / "out", answers=7)
    # The server comes back on another node.
    synthesize(tmp_path / "out", endpoint=server.url, **flags)
    assert len(server.requests) == 5
    assert_each_once(tmp_path / "out", answers=12)


@pytest.mark.parametrize("status", [400, 401])
def test_a_refusal_ends_the_run_at_once(synthesize, tmp_path, status):
    body = {"error": {"message": f"no model theta for you, {KEY}"}}
    with ChatServer(reply=lambda _: (status, body)).running() as refusing:
        done = synthesize(tmp_path / "out", code=2, key=KEY, endpoint_concurrency=1, **both_sides(refusing))
    assert done.stderr.count("\n") == 1 and f"status {status}: no model theta for you, ***" in done.stderr
    assert len(refusing.requests) == 1
    assert_key_is_nowhere(done, tmp_path / "out")


def test_prompts_that_the_server_finds_too_long_are_dropped_and_counted(synthesize, tmp_path):
    def reply(request):
        if "number 5" in request["messages"][0]["content"]:
            return 400, {"error": {"message": "This model's maximum context length is 4 tokens"}}
        return request["model"]

    with ChatServer(reply).running() as short:
        synthesize(tmp_path / "out", **both_sides(short))
    summary = summary_of(tmp_path / "out")
    assert summary["pairs"]["kept"] == 11
    assert summary["pairs"]["dropped_by_reason"]["prompt_too_long"] == 1


def test_a_server_that_asks_for_too_long_a_wait(synthesize, tmp_path):
    with ChatServer(faults=["429"], fault_rate=1.0, retry_after="86400").running() as full:
        done = synthesize(tmp_path / "out", code=1, endpoint=full.url, endpoint_model="m", strategy="sft")
    assert "86400 s" in done.stderr and "slow down" in done.stderr


def kill_during(command, journal, rows):
    """Starts the command and kills it after the given number of new journal rows."""
    goal = count_lines(journal) + rows
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for(lambda: count_lines(journal) >= goal, process)
    process.kill()
    process.wait()


def test_kill_and_go_on(synthesize, tmp_path):
    """kill -9 at random times; resuming gives the same bytes as an undisturbed run."""
    with ChatServer(delay=0.02).running() as slow:
        flags = dict(samples=2, endpoint_concurrency=4, **both_sides(slow))
        synthesize(tmp_path / "calm", **flags)
        out = tmp_path / "killed"
        dice = random.Random(1)
        for _ in range(3):
            command = [synthesize.retmask.binary, *synthesize.arguments(out, **flags)]
            kill_during(command, out / "answers.jsonl", dice.randrange(1, 14))
        os.truncate(out / "answers.jsonl", (out / "answers.jsonl").stat().st_size - 7)
        synthesize(out, **flags)
    assert final_bytes(out) == final_bytes(tmp_path / "calm")
    assert_each_once(out, answers=12 * 2 * 2)


def test_one_side_local_the_other_remote(synthesize, server, tiny_llama, tmp_path):
    mask = tmp_path / "mask.json"
    mask.write_text('{"heads": [[0, 1], [2, 2]]}')
    local = dict(model=tiny_llama, dtype="float32", max_new_tokens=12, limit=3)
    remote = dict(endpoint=server.url, endpoint_model="theta")
    synthesize(tmp_path / "local", mask=mask, **local)
    synthesize(tmp_path / "mixed", mask=mask, **local, **remote)
    assert texts(tmp_path / "mixed", "rejected") == texts(tmp_path / "local", "rejected")
    assert texts(tmp_path / "mixed", "chosen") != texts(tmp_path / "local", "chosen")
    assert {request["model"] for request in server.requests} == {"theta"} and len(server.requests) == 3

    synthesize(tmp_path / "loser", **local, rejected_endpoint=server.url, rejected_endpoint_model="theta")
    assert texts(tmp_path / "loser", "chosen") == texts(tmp_path / "local", "chosen")
    rows = read_rows(tmp_path / "loser/rejected.jsonl.gz")
    assert {row["synthesis_model"] for row in rows} == {"theta"}


def test_https(synthesize, tmp_path, monkeypatch):
    if not shutil.which("openssl"):
        pytest.skip("no openssl program to make a certificate with")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate],
                   check=True, capture_output=True)
    with ChatServer().running((certificate, key)) as secure:
        flags = dict(endpoint=secure.url, endpoint_model="m", strategy="sft", endpoint_tries=1)
        assert "not trusted" in synthesize(tmp_path / "stranger", code=1, **flags).stderr
        assert secure.requests == []
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        synthesize(tmp_path / "out", **flags)
    assert len(secure.requests) == 12


def test_thinking_in_a_field_of_its_own_and_prompts_that_do_not_fit(synthesize, tmp_path):
    """Replies as from vLLM and SGLang."""

    def reply(request):
        if "number 3." in request["messages"][-1]["content"]:
            return 400, {"object": "error", "message": "The input (99 tokens) is longer than the model's context length (64 tokens)."}
        message = {"role": "assistant", "content": f"I am {request['model']}.", "reasoning_content": "Who am I?"}
        if "number 4." in request["messages"][-1]["content"]:
            message = {"role": "assistant", "content": None, "reasoning": "Who am I?"}
        return 200, {"choices": [{"message": message, "finish_reason": "stop"}], "usage": {"completion_tokens": 9}}

    with ChatServer(reply=reply).running() as server:
        done = synthesize(tmp_path / "out", thinking="keep", **both_sides(server))
        assert "reasoning_content" in done.stderr and "1 of 12 replies" in done.stderr
        pairs = {pair["id"]: pair for pair in read_rows(tmp_path / "out/pairs.jsonl")}
        assert len(pairs) == 10 and "p3" not in pairs, "p4: both thought the same and said nothing"
        assert pairs["p0"]["chosen"][0]["content"] == "<think>\nWho am I?\n</think>\n\nI am theta."
        summary = summary_of(tmp_path / "out")
        assert summary["pairs"]["dropped_by_reason"]["prompt_too_long"] == 1
        asked = len(server.requests)
        if has_ipv6():
            server.host = "[::ffff:127.0.0.1]"  # a hostname
        synthesize(tmp_path / "strip", thinking="strip", limit=2, **both_sides(server))
        assert len(server.requests) == asked + 4
    assert [pair["chosen"][0]["content"] for pair in read_rows(tmp_path / "strip/pairs.jsonl")] == ["I am theta."] * 2


def test_a_run_that_keeps_no_pair_fails(synthesize, tmp_path):
    with ChatServer(reply=lambda request: "").running() as server:
        done = synthesize(tmp_path / "out", code=2, **both_sides(server))
        assert done.stderr.count("\n") == 1 and "0 pairs were kept" in done.stderr and "12 empty_answer" in done.stderr
        assert run_record(tmp_path / "out")["status"] == "failed"
        synthesize(tmp_path / "part", shard="0/2", **both_sides(server))  # other parts may have pairs


@pytest.mark.parametrize(
    "flags, said",
    [
        (dict(endpoint="http://me:hunter2@host/v1", endpoint_model="m"), ["--endpoint", "user:password"]),
        (dict(endpoint="http://host/v1?key=hunter2", endpoint_model="m"), ["--endpoint", "query"]),
        (dict(endpoint="localhost:8000", endpoint_model="m"), ["--endpoint", "http://"]),
        (dict(endpoint_model="m"), ["--endpoint-model is given without --endpoint"]),
        (dict(endpoint="http://host", endpoint_model="m", endpoint_key_env="hunter2-key"), ["--endpoint-key-env"]),
        (dict(endpoint="http://host", endpoint_model="m", endpoint_key_env="hunter2_key"), ["--endpoint-key-env"]),
        (dict(endpoint="http://host", endpoint_model="m", model="x"), ["--model is not used"]),
        (dict(), ["--model is missing", "--endpoint"]),
    ],
)
def test_mistakes_are_one_line_and_keep_secrets(synthesize, flags, said, tmp_path):
    done = synthesize(tmp_path / "out", code=2, strategy="sft", **flags)
    expect_one_line(done, said)
    assert "hunter2" not in done.stderr and not (tmp_path / "out").exists()


class JudgeServer(ChatServer):
    """Grades an answer by its number of words. "number 2" ties, "number 3" gets no grade, "number 4" a late one."""

    def __init__(self, **options):
        super().__init__(self.verdict, **options)

    def verdict(self, request):
        asked = request["messages"][0]["content"]
        if "number 2." in asked:
            return "Both alike. Grade: [[6]]"
        if "number 3." in asked or ("number 4." in asked and len(request["messages"]) < 3):
            return "I would say [[excellent]]."
        answer = asked.split("<answer>\n")[1].split("\n</answer>")[0]
        return f"The form is [[1]]. Grade: [[{1 + len(answer.split())}]]"


def judged(server, judge):
    return dict(strategy="win-lose", samples=3, endpoint=server.url, endpoint_model="theta", judge_endpoint=judge.url,
                judge_model="grader", limit=6)


def test_win_lose(synthesize, server, tmp_path):
    out = tmp_path / "out"
    with JudgeServer().running() as judge:
        done = synthesize(out, **judged(server, judge))
        answers = texts(out, "chosen")
        pairs = {pair["id"]: pair for pair in read_rows(out / "pairs.jsonl")}
        assert {"p2", "p3"}.isdisjoint(pairs) and "p4" in pairs
        for prompt_id, pair in pairs.items():
            words = [len(text.split()) for text in answers[prompt_id]]
            best, worst = pair["meta"]["chosen"], pair["meta"]["rejected"]
            assert best["score"] == 1 + max(words) and worst["score"] == 1 + min(words)
            assert pair["chosen"][0]["content"] == answers[prompt_id][best["sample"]]
            assert pair["rejected"][0]["content"] == answers[prompt_id][worst["sample"]]
        summary = summary_of(out)
        assert summary["pairs"]["dropped_by_reason"]["tie"] >= 1
        assert summary["pairs"]["dropped_by_reason"]["unjudged"] == 1 and "1 unjudged" in done.stdout
        assert summary["verdicts"]["judged"] == 15 and summary["verdicts"]["unjudged"] == 3
        assert {request["temperature"] for request in judge.requests} == {0}
        assert {request["model"] for request in judge.requests} == {"grader"}
        of_the_third = [r for r in judge.requests if "number 3." in r["messages"][0]["content"]]
        assert len(of_the_third) == 3 * 3 and max(len(r["messages"]) for r in of_the_third) == 5
        assert not (out / "rejected.jsonl.gz").exists()

        asked = len(judge.requests)
        synthesize(out, **judged(server, judge))
        assert len(judge.requests) == asked, "unjudged answers are not asked for again either"
        synthesize(out, **judged(server, judge) | dict(samples=4))
        late = len(judge.requests) - asked
        assert late == 6 + 2 + 1, "one more answer to each prompt, asked for again where there was no grade"


def test_win_lose_of_a_model_on_this_machine(synthesize, tiny_llama, tmp_path):
    with JudgeServer().running() as judge:
        synthesize(tmp_path / "out", strategy="win-lose", samples=2, model=tiny_llama, dtype="float32", max_new_tokens=12,
                   judge_endpoint=judge.url, judge_model="grader", limit=6)
    summary = summary_of(tmp_path / "out")
    assert summary["pairs"]["kept"] + summary["pairs"]["dropped"] == 6 and summary["chosen"]["answers"] == 12
    for pair in read_rows(tmp_path / "out/pairs.jsonl"):
        assert pair["meta"]["chosen"]["score"] > pair["meta"]["rejected"]["score"]
        assert pair["meta"]["chosen"]["mean_logprob"] < 0


def test_win_lose_goes_on_after_a_kill(synthesize, server, tmp_path):
    with JudgeServer(delay=0.02).running() as judge:
        flags = judged(server, judge) | dict(limit=12, endpoint_concurrency=3)
        synthesize(tmp_path / "calm", **flags)
        out = tmp_path / "killed"
        for rows in (2, 9):
            kill_during([synthesize.retmask.binary, *synthesize.arguments(out, **flags)], out / "verdicts.jsonl", rows)
        synthesize(out, **flags)
    assert final_bytes(out) == final_bytes(tmp_path / "calm")
    verdicts = [(row["id"], row["sample"]) for row in read_rows(out / "verdicts.jsonl")]
    assert len(verdicts) == len(set(verdicts)) == 12 * 3


def test_a_troubled_judge(synthesize, server, tmp_path):
    with JudgeServer(faults=("drop", "500", "garbled"), fault_rate=0.3, seed=2).running() as judge:
        synthesize(tmp_path / "out", **judged(server, judge))
    with JudgeServer().running() as judge:
        synthesize(tmp_path / "calm", **judged(server, judge))
    assert final_bytes(tmp_path / "out") == final_bytes(tmp_path / "calm")


def test_own_judge_prompt(synthesize, server, tmp_path):
    prompt = tmp_path / "prompt.txt"
    def grade(request):  # varies by answer: a run without pairs fails
        return f"[[{len(request['messages'][0]['content']) % 10 + 1}]]"

    with ChatServer(grade).running() as judge:
        prompt.write_text("Rate {answer}")
        done = synthesize(tmp_path / "out", code=2, **judged(server, judge), judge_prompt=prompt)
        assert "{question}" in done.stderr and "prompt.txt" in done.stderr
        prompt.write_text("Q={question} A={answer}")
        synthesize(tmp_path / "out", **judged(server, judge), judge_prompt=prompt)
        assert judge.requests[0]["messages"][0]["content"].startswith("Q=Say something about number")
    inputs = run_record(tmp_path / "out")["inputs"]
    assert inputs["judge-endpoint-model"] == "grader" and "judge-prompt" in inputs


def test_each_server_can_have_a_key_of_its_own(synthesize, server, tmp_path, monkeypatch):
    monkeypatch.setenv("JUDGE_KEY", "sk-judge")
    with JudgeServer().running() as judge:
        done = synthesize(tmp_path / "out", key=KEY, **judged(server, judge), judge_key_env="JUDGE_KEY")
        assert judge.keys == {"Bearer sk-judge"} and server.keys == {f"Bearer {KEY}"}
    assert_key_is_nowhere(done, tmp_path / "out")
