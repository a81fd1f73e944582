"""As much of the WebDriver protocol as these tests need, on Debian's chromium-driver."""
import base64
import json
import re
import subprocess
import tempfile
import urllib.request

# JavaScript is off in the pages: they have to work without.
CHROMIUM = {
    "args": [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost",  # no CDN
        "--remote-debugging-pipe",  # ends with the driver, however that ends
        "--window-size=1000,1300",
    ],
    "prefs": {"profile.managed_default_content_settings.javascript": 2},
}
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # the protocol's name for a reference


class Browser:
    def __init__(self):
        self.profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self.driver = subprocess.Popen(
            ["chromedriver", "--port=0"], stdout=subprocess.PIPE, text=True
        )
        for line in self.driver.stdout:
            if found := re.search(r"started successfully on port (\d+)", line):
                break
        else:
            raise RuntimeError("chromedriver did not start")
        self.session = f"http://127.0.0.1:{found[1]}/session"
        args = CHROMIUM["args"] + [f"--user-data-dir={self.profile.name}"]
        capabilities = {
            "goog:chromeOptions": {**CHROMIUM, "args": args},
            "timeouts": {"implicit": 20000},  # a new page may take a moment to come
        }
        created = self.command("POST", "", {"capabilities": {"alwaysMatch": capabilities}})
        self.session += "/" + created["sessionId"]

    def command(self, method, path, body=None):
        request = urllib.request.Request(
            self.session + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=60) as response:
                return json.load(response)["value"]
        except urllib.error.HTTPError as error:
            raise AssertionError(json.load(error)["value"]["message"]) from error

    def quit(self):
        try:
            self.command("DELETE", "")
        finally:
            self.driver.terminate()
            self.driver.wait()
            self.driver.stdout.close()
            self.profile.cleanup()

    def open(self, url):
        self.command("POST", "/url", {"url": url})

    def find(self, xpath):
        """The path of an element's commands."""
        found = self.command("POST", "/element", {"using": "xpath", "value": xpath})
        return "/element/" + found[ELEMENT]

    def text(self, xpath="//main"):
        return self.command("GET", self.find(xpath) + "/text")

    def type(self, name, text, form="//form"):
        """Into the field of that name."""
        field = self.find(f"{form}//*[@name='{name}']")
        self.command("POST", field + "/clear", {})
        self.command("POST", field + "/value", {"text": text})

    def press(self, words, where="//main"):
        """The first button or link there that has these words."""
        target = self.find(
            f"{where}//*[(self::button or self::a) and contains(normalize-space(), '{words}')]"
        )
        self.command("POST", target + "/click", {})

    def screenshot(self, path):
        with open(path, "wb") as file:
            file.write(base64.b64decode(self.command("GET", "/screenshot")))
