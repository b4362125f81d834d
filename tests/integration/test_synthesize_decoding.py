"""retmask synthesize: stop strings, the repetition penalty and the log-probs of the tokens."""

import json

import pytest

from chat_server import ChatServer
from helpers import expect_one_line, read_rows, run_record, write_rows
from synthesize_runs import Synthesize, final_bytes, summary_of, texts
from synthesize_runs import mask, prompts, synthesize  # noqa: F401: fixtures

SMOLLM2_HEADS = [[18, 6], [17, 3], [23, 2], [18, 7], [17, 4], [23, 7], [20, 6]]


def answers(out):
    return {(row["id"], row["policy"], row["sample"]): row for row in read_rows(out / "answers.jsonl")}


def cut(text, stops):
    """As in OpenAI and vLLM: the text before the first stop string."""
    return text[: min([text.find(stop) for stop in stops if stop in text], default=len(text))]


def test_stop_strings_cut_the_same_answers(synthesize, tmp_path):
    """Across token boundaries and within multi-token characters: the random model generates few complete ones."""
    flags = dict(max_new_tokens=120, samples=2)
    synthesize(tmp_path / "whole", **flags)
    whole = answers(tmp_path / "whole")
    longest = max((row["text"] for row in whole.values()), key=len)
    several_bytes = next(c for row in whole.values() for c in row["text"] if ord(c) > 127 and c != "\ufffd")
    stops = [longest[40:44], "[en", ", ", several_bytes, "never, ever"]
    synthesize(tmp_path / "stopped", stop=stops, **flags)
    stopped = answers(tmp_path / "stopped")
    assert stopped.keys() == whole.keys()
    number_cut = 0
    for name, row in stopped.items():
        expected = cut(whole[name]["text"], stops)
        assert row["text"] == expected
        if expected == whole[name]["text"]:
            assert (row["tokens"], row["finish_reason"]) == (whole[name]["tokens"], whole[name]["finish_reason"])
        else:
            number_cut += 1
            assert row["finish_reason"] == "stop" and row["tokens"] <= whole[name]["tokens"]
    assert 0 < number_cut
    assert summary_of(tmp_path / "stopped")["chosen"]["finished"] > summary_of(tmp_path / "whole")["chosen"]["finished"]

    synthesize(tmp_path / "one", stop=stops, batch_size=1, **flags)
    assert final_bytes(tmp_path / "one") == final_bytes(tmp_path / "stopped")


@pytest.mark.parametrize("stop", ["[a,b]", "[END]", "a,b", "{}", "\n\n"])
def test_stop_strings_are_taken_as_they_are(synthesize, tmp_path, stop):
    """Including strings that a flag parser might take for a list; repeated flags accumulate."""
    flags = synthesize.arguments(tmp_path / "out", limit=1, stop=[stop, "x y"])
    synthesize.retmask(*flags, "--stop", "third")
    run = run_record(tmp_path / "out")
    assert run["options"]["stop"] == [stop, "x y", "third"]
    config = tmp_path / "config.toml"
    config.write_text(f"stop = [{json.dumps(stop)}]\n")
    synthesize(tmp_path / "config", limit=1, config=config)
    assert run_record(tmp_path / "config")["options"]["stop"] == [stop]


def test_merged_parts_have_the_stop_strings(synthesize, tmp_path):
    flags = dict(stop=["[e", "th, "], max_new_tokens=60)
    synthesize(tmp_path / "whole", **flags)
    for shard in range(2):
        synthesize(tmp_path / "parts", shard=f"{shard}/2", **flags)
    synthesize.merge(tmp_path / "parts")
    assert final_bytes(tmp_path / "parts") == final_bytes(tmp_path / "whole")


def test_bad_values_are_one_line(synthesize, tmp_path):
    expect_one_line(synthesize(tmp_path / "out", code=2, stop=[""]), ["--stop", "empty"])
    expect_one_line(synthesize(tmp_path / "out", code=2, repetition_penalty=0), ["--repetition-penalty is 0", "above 0"])


def test_repetition_penalty_changes_answers(synthesize, tmp_path):
    """tests/unit/engine checks that it equals transformers' penalty."""
    synthesize(tmp_path / "plain", temperature=0)
    synthesize(tmp_path / "penalty", temperature=0, repetition_penalty=1.5)
    assert texts(tmp_path / "plain", "chosen") != texts(tmp_path / "penalty", "chosen")
    synthesize(tmp_path / "one", temperature=0, repetition_penalty=1.0)
    assert final_bytes(tmp_path / "one") == final_bytes(tmp_path / "plain")


def test_servers_get_them_too(retmask, prompts, tmp_path):
    with ChatServer().running() as server:
        synthesize = Synthesize(retmask, prompts=prompts, device="cpu", max_new_tokens=50)
        synthesize(tmp_path / "out", endpoint=server.url, endpoint_model="theta", rejected_endpoint=server.url,
                   rejected_endpoint_model="masked", stop=["\n\n", "[END]"], repetition_penalty=1.2, logprobs=True)
        assert {request["model"] for request in server.requests} == {"theta", "masked"}
        for request in server.requests:
            assert request["stop"] == ["\n\n", "[END]"]
            assert request["repetition_penalty"] == 1.2 and request["logprobs"] is True
    for row in answers(tmp_path / "out").values():
        assert row["token_logprobs"] == [-0.25] * row["tokens"] and "token_ids" not in row


def index_of(part, whole):
    """Last index of the list `part` in `whole`; None if absent."""
    return next((i for i in range(len(whole) - len(part), -1, -1) if whole[i : i + len(part)] == part), None)


def test_logprobs_are_those_of_eval(retmask, demo_model, tmp_path):
    """Both policies, sampled with every filter: the logged values are under the model's own distribution, as scored by eval."""
    questions = ["Write one sentence about the sea.", "Name three colours.", "What is bread made of?", "Who was Darwin?"]
    write_rows(tmp_path / "prompts.jsonl", [{"prompt": question} for question in questions])
    (tmp_path / "mask.json").write_text(json.dumps({"heads": SMOLLM2_HEADS}))
    synthesize = Synthesize(retmask, model=demo_model, prompts=tmp_path / "prompts.jsonl", device="cpu", dtype="float32")
    out = tmp_path / "out"
    synthesize(out, mask=tmp_path / "mask.json", logprobs=True, samples=2, max_new_tokens=24, temperature=0.8, top_k=40,
               top_p=0.95, repetition_penalty=1.1)
    rows = answers(out)
    assert len(rows) == 16
    for policy in ("chosen", "rejected"):
        kept = [a for row in read_rows(out / f"{policy}.jsonl.gz") for a in row["synthesized_response_scoring_annotations"]]
        written = [row for (_, of, _), row in sorted(rows.items()) if of == policy]
        assert [a["token_logprobs"] for a in kept] == [row["token_logprobs"] for row in written]
        assert [a["token_ids"] for a in kept] == [row["token_ids"] for row in written]

        data = [{"messages": [{"role": "user", "content": questions[int(row["id"].split(":")[1]) - 1]},
                              {"role": "assistant", "content": row["text"]}]} for row in written]  # fmt: skip
        write_rows(tmp_path / "data.jsonl", data)
        heads = ["--mask", tmp_path / "mask.json"] if policy == "rejected" else []
        retmask("eval", "--model", demo_model, "--suite", "logprob", "--data", tmp_path / "data.jsonl", *heads,
                "--dtype", "float32", "--device", "cpu", "--out", tmp_path / policy)  # fmt: skip
        compared = 0
        for row, scored in zip(written, read_rows(tmp_path / policy / "predictions.jsonl"), strict=True):
            ids, logprobs = row["token_ids"], row["token_logprobs"]
            assert len(ids) == len(logprobs) == row["tokens"]
            assert row["mean_logprob"] == pytest.approx(sum(logprobs) / len(logprobs), abs=1e-9)
            start = index_of(ids, scored["tokens"])
            if start is None:
                continue  # other tokens have the same text, and the tokenizer prefers them
            assert logprobs == pytest.approx(scored["logprobs"][start : start + len(ids)], abs=1e-4)
            compared += 1
        assert compared >= 6


def test_without_the_flag_there_are_none(synthesize, tmp_path):
    synthesize(tmp_path / "out", limit=1)
    row = read_rows(tmp_path / "out/answers.jsonl")[0]
    assert "token_ids" not in row and "token_logprobs" not in row
    refused = synthesize(tmp_path / "out", code=2, limit=1, logprobs=True)
    expect_one_line(refused, ["logprobs", "--out"])
