"""A headless Chromium, driven through its DevTools protocol over a pipe."""

import base64
import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import tempfile
import time

NAMES = ["chromium-headless-shell", "chromium", "google-chrome", "chrome"]
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-extensions",
    "--disable-background-networking", "--no-first-run", "--remote-debugging-pipe",
]  # fmt: skip


def find_browser():
    return next(filter(None, map(shutil.which, NAMES)), None)


class Page:
    """The only tab. Everything that the page says or asks for is in `messages` and `requests`."""

    def __init__(self, to_browser, from_browser):
        self._to, self._from = to_browser, from_browser
        self._buffer, self._number, self._session = b"", 0, None
        self.messages, self.requests, self._loads = [], [], 0
        target = self("Target.createTarget", url="about:blank")["targetId"]
        self._session = self("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ["Page", "Runtime", "Log", "Network"]:
            self(f"{domain}.enable")

    def __call__(self, method, **params):
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") == self._number:
                assert "error" not in answer, (method, answer["error"])
                return answer["result"]

    def _read(self):
        while b"\0" not in self._buffer:
            assert select.select([self._from], [], [], 20)[0], "the browser says nothing"
            data = os.read(self._from, 1 << 20)
            assert data, "the browser has ended"
            self._buffer += data
        line, self._buffer = self._buffer.split(b"\0", 1)
        answer = json.loads(line)
        method, params = answer.get("method"), answer.get("params", {})
        if method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif method == "Runtime.consoleAPICalled":
            self.messages.append([argument.get("value") for argument in params["args"]])
        elif method == "Runtime.exceptionThrown":
            self.messages.append(params["exceptionDetails"])
        elif method == "Log.entryAdded":
            self.messages.append(params["entry"])
        elif method == "Page.loadEventFired":
            self._loads += 1
        return answer

    def open(self, url, *, dark=False, printed=False, width=1280, height=900):
        self("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self("Emulation.setEmulatedMedia", media="print" if printed else "screen", features=[scheme])
        before = self._loads
        self("Page.navigate", url=url)
        end = time.monotonic() + 20
        while self._loads == before:
            assert time.monotonic() < end
            self._read()
        self("Runtime.evaluate", expression="0")  # what the page has reported up to now is read

    def run(self, script):
        """The value of a JavaScript expression."""
        result = self("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def move_pointer(self, x, y):
        self("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    def press(self, key):
        for kind in ["rawKeyDown", "keyUp"]:
            self("Input.dispatchKeyEvent", type=kind, key=key, code=key)

    def tap(self, x, y):
        self("Input.dispatchTouchEvent", type="touchStart", touchPoints=[{"x": x, "y": y}])
        self("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])

    def screenshot(self, path, whole=True):
        height = self.run("document.documentElement.scrollHeight") if whole else 900
        clip = {"x": 0, "y": 0, "width": 1280, "height": height, "scale": 1}
        picture = self("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip)
        path.write_bytes(base64.b64decode(picture["data"]))

    def pdf(self, path):
        path.write_bytes(base64.b64decode(self("Page.printToPDF", printBackground=False)["data"]))


@contextlib.contextmanager
def open_browser(program):
    """The browser reads commands from its file 3 and answers on its file 4, each message ended by a zero byte."""
    their_in, to_browser = os.pipe()
    from_browser, their_out = os.pipe()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        shell = f'exec "$0" "$@" 3<&{their_in} 4>&{their_out}'
        command = ["bash", "-c", shell, program, *FLAGS, f"--user-data-dir={profile}"]
        quiet = dict(stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        process = subprocess.Popen(command, pass_fds=[their_in, their_out], start_new_session=True, **quiet)
        os.close(their_in)
        os.close(their_out)
        try:
            yield Page(to_browser, from_browser)
        finally:
            os.killpg(process.pid, signal.SIGKILL)  # with its helper processes
            process.wait()
            os.close(to_browser)
            os.close(from_browser)
