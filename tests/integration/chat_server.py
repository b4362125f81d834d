"""A local OpenAI-compatible chat server with rule-based answers and seeded random faults."""

import collections
import contextlib
import hashlib
import http.server
import json
import random
import ssl
import threading
import time

WORDS = ["rain", "falls", "slowly", "over", "old", "towns", "while", "bread", "and", "salt", "wait", "there"]


def sampled_text(request):
    """Answer depends on model, messages and seed, like a server that honours seeds."""
    parts = [request["model"], json.dumps(request["messages"])]
    if request["temperature"] > 0:
        parts.append(str(request["seed"]))
    dice = random.Random(hashlib.sha256("|".join(parts).encode()).digest())
    return " ".join(dice.choice(WORDS) for _ in range(dice.randrange(3, 9)))


class Http(http.server.ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128


class ChatServer:
    """`reply(request) -> text` or `(status, body)`; `faults` names the faults to inject, `fault_rate` their rate.

    With a rate below 1 a request fails at most MOST_FAULTS times: the delay between retries doubles, so an unlucky
    request would take a minute.
    """

    MOST_FAULTS = 3

    host = "127.0.0.1"

    FAULTS = ("drop", "cut", "slow", "429", "500", "garbled", "no_choices")

    def __init__(self, reply=sampled_text, faults=(), fault_rate=0.0, seed=0, delay=0.0, retry_after="1"):
        self.reply, self.faults, self.fault_rate, self.delay = reply, faults, fault_rate, delay
        self.retry_after = retry_after
        self.dice, self.lock = random.Random(seed), threading.Lock()
        self.requests, self.keys, self.done_faults = [], set(), []
        self.arrivals, self.held_off = [], []  # (request, time)
        self.failed = collections.Counter()
        self.now, self.most, self.connections = 0, 0, 0

    @property
    def url(self):
        scheme = "https" if self.tls else "http"
        return f"{scheme}://{self.host}:{self.http.server_address[1]}/v1"

    @contextlib.contextmanager
    def running(self, certificate=None):
        self.http = Http(("127.0.0.1", 0), self._handler())
        self.tls = certificate is not None
        if self.tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            self.http.socket = context.wrap_socket(self.http.socket, server_side=True)
        thread = threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self.http.shutdown()
            self.http.server_close()

    def fault(self, key):
        with self.lock:
            enough = self.fault_rate < 1 and self.failed[key] >= self.MOST_FAULTS
            if not self.faults or enough or self.dice.random() >= self.fault_rate:
                return None
            self.failed[key] += 1
            self.done_faults.append(self.dice.choice(self.faults))
            return self.done_faults[-1]

    def _handler(outer):  # noqa: N805
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self):
                super().setup()
                with outer.lock:
                    outer.connections += 1

            def log_message(self, *_):
                pass

            def do_POST(self):
                request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with outer.lock:
                    outer.requests.append(request | {"path": self.path})
                    outer.arrivals.append((json.dumps(request), time.monotonic()))
                    outer.keys.add(self.headers.get("Authorization"))
                    outer.now += 1
                    outer.most = max(outer.most, outer.now)
                try:
                    time.sleep(outer.delay)
                    self.answer(request, outer.fault(json.dumps(request)))
                except OSError:
                    self.close_connection = True  # the client gave up or was killed
                finally:
                    with outer.lock:
                        outer.now -= 1

            def answer(self, request, fault):
                if fault == "drop":
                    self.close_connection = True
                    return
                if fault == "slow":
                    time.sleep(1.5)
                elif fault == "429":
                    with outer.lock:
                        outer.held_off.append((json.dumps(request), time.monotonic()))
                    return self.send(429, {"error": {"message": "slow down"}}, {"Retry-After": outer.retry_after})
                elif fault == "500":
                    # Some servers echo the request.
                    return self.send(500, {"error": {"message": f"failed with {self.headers.get('Authorization')}"}})
                elif fault == "garbled":
                    return self.send(200, '{"choices": [{"message": {"content": "rain')
                elif fault == "no_choices":
                    return self.send(200, {"object": "chat.completion"})
                status, body = 200, outer.reply(request)
                if isinstance(body, tuple):
                    status, body = body
                else:
                    body = completion(request, body)
                self.send(status, body, cut=fault == "cut")

            def send(self, status, body, headers=None, cut=False):
                data = (body if isinstance(body, str) else json.dumps(body)).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                for name, value in (headers or {}).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data[: len(data) // 2] if cut else data)
                self.wfile.flush()
                if cut:
                    self.close_connection = True

        return Handler


def completion(request, text):
    words = text.split()
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    if len(words) >= request["max_tokens"]:
        choice["finish_reason"] = "length"
    if request.get("logprobs"):
        choice["logprobs"] = {"content": [{"token": word, "logprob": -0.25} for word in words]}
    return {"object": "chat.completion", "choices": [choice], "usage": {"completion_tokens": len(words)}}
