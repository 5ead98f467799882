"""HTTP calls of definitions through the connector, against a server on the loopback address."""
import base64
import http.server
import json
import threading

import company


class Pets(http.server.BaseHTTPRequestHandler):
    """Answers what it was asked, or what the path says."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def say(self, status, body, kind="application/json", **headers):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        words = self.path.split("?")[0].strip("/").split("/")
        with self.server.lock:
            self.server.seen.append((self.command, self.path, dict(self.headers), body))
        if words[0] == "status":
            self.say(int(words[1]), {"status": int(words[1])})
        elif words[0] == "moved":
            self.say(302, b"", Location="/echo")
        elif words[0] == "break":
            self.close_connection = True
        elif words[0] == "text":
            self.say(200, b"plain", "text/plain")
        elif words[0] == "login":
            wanted = "Basic " + base64.b64encode(f"{words[1]}:{words[2]}".encode()).decode()
            self.say(200 if self.headers.get("Authorization") == wanted else 401, {"in": True})
        else:
            self.say(200, {"method": self.command, "path": self.path, "body": body,
                           "accept": self.headers.get("Accept")})

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = answer


def serve():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Pets)
    server.daemon_threads = True
    server.lock = threading.Lock()
    server.seen = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def call(**arguments):
    return {"call": "http", "with": arguments}


class Connector(company.Case):
    @classmethod
    def setUpClass(cls):
        cls.server = serve()
        cls.addClassCleanup(cls.server.server_close)
        cls.addClassCleanup(cls.server.shutdown)
        cls.url = f"http://127.0.0.1:{cls.server.server_port}"
        cls.options = ("--set", f"connector.allow=127.0.0.1:{cls.server.server_port}")
        super().setUpClass()

    def run_task(self, task, data=None, code=0):
        """Run one task; what it printed."""
        name = self.id().split(".")[-1].replace("_", "-").strip("-")[:60]
        body = json.dumps({"document": {"dsl": "1.0.3", "namespace": "e2e", "name": name,
                                        "version": "1.0.0"}, "do": [{"task": task}]})
        path = self.company.file(f"{name}.json", body)
        return self.company.call("run", path, "--input", json.dumps(data), code=code)

    def count(self, path):
        with self.server.lock:
            return sum(1 for seen in self.server.seen if seen[1] == path)

    def test_content_is_what_the_answer_says(self):
        task = call(method="get", endpoint=self.url + "/echo/{id}?a={b}", query={"c": "${ .id }"},
                    headers={"Accept": "x/y"})
        self.assertEqual(self.run_task(task, {"id": 7, "b": "x y/z"}).json(),
                         {"method": "GET", "path": "/echo/7?a=x%20y%2Fz&c=7", "body": "",
                          "accept": "x/y"})

    def test_text_stays_text(self):
        self.assertEqual(self.run_task(call(method="get", endpoint=self.url + "/text")).json(),
                         "plain")

    def test_raw_is_base64(self):
        task = call(method="get", endpoint=self.url + "/text", output="raw")
        self.assertEqual(base64.b64decode(self.run_task(task).json()), b"plain")

    def test_response_tells_all(self):
        task = call(method="post", endpoint=self.url + "/echo", body={"a": [1]}, output="response",
                    headers={"X-One": "1"})
        said = self.run_task(task).json()
        self.assertEqual(said["request"], {"method": "POST", "uri": self.url + "/echo",
                                           "headers": {"X-One": "1"}})
        self.assertEqual(said["statusCode"], 200)
        self.assertEqual(said["headers"]["Content-Type"], "application/json")
        self.assertEqual(json.loads(said["content"]["body"]), {"a": [1]})

    def test_an_error_status_faults_with_the_tasks_place(self):
        ran = self.run_task(call(method="get", endpoint=self.url + "/status/404"), code=3)
        error = json.loads(ran.err)
        self.assertEqual((error["status"], error["instance"]), (404, "/do/0/task"))
        self.assertTrue(error["type"].endswith("/errors/communication"), error)

    def test_an_error_status_can_be_caught(self):
        task = {"try": [{"get": call(method="get", endpoint=self.url + "/status/{s}")}],
                "catch": {"errors": {"with": {"status": 503}}, "as": "e",
                          "do": [{"say": {"set": {"at": "${ $e.instance }"}}}]}}
        self.assertEqual(self.run_task(task, {"s": 503}).json(), {"at": "/do/0/task/try/0/get"})
        self.assertEqual(self.count("/status/503"), 1, "the engine retried before the definition")

    def test_a_redirect_is_an_error_unless_it_is_wanted(self):
        self.run_task(call(method="get", endpoint=self.url + "/moved"), code=3)

    def test_a_redirect_that_is_wanted_is_an_answer(self):
        task = call(method="get", endpoint=self.url + "/moved", redirect=True, output="response")
        said = self.run_task(task).json()
        self.assertEqual((said["statusCode"], said["headers"]["Location"]), (302, "/echo"))

    def test_basic_authentication(self):
        task = call(method="get", endpoint={
            "uri": self.url + "/login/{u}/{p}",
            "authentication": {"basic": {"username": "${ .u }", "password": "${ .p }"}}})
        self.assertEqual(self.run_task(task, {"u": "me", "p": "s3"}).json(), {"in": True})

    def test_another_host_waits_for_the_operator(self):
        ran = self.run_task(call(method="get", endpoint="http://localhost:1/x"), code=5)
        self.assertIn("not among the hosts", ran.out + ran.err
                      + self.company.call("inbox", "-o", "json").out)

    def test_a_post_that_broke_off_is_never_repeated(self):
        self.run_task(call(method="post", endpoint=self.url + "/break/post"), code=5)
        self.assertEqual(self.count("/break/post"), 1)

    def test_a_post_with_a_key_is_repeated_under_it(self):
        task = {"try": [{"post": call(method="post", endpoint=self.url + "/break/keyed",
                                      headers={"Idempotency-Key": "${ .key }"})}],
                "catch": {"do": [{"say": {"set": {"gave": "up"}}}]}}
        instance = self.start(task, {"key": "k-1"})
        company.until(lambda: self.count("/break/keyed") >= 2, "it is repeated")
        with self.server.lock:
            keys = {seen[2].get("Idempotency-Key") for seen in self.server.seen
                    if seen[1] == "/break/keyed"}
        self.assertEqual(keys, {"k-1"})
        self.company.call("instances", "cancel", instance)

    def start(self, task, data):
        name = self.id().split(".")[-1].replace("_", "-")[:60]
        body = json.dumps({"document": {"dsl": "1.0.3", "namespace": "e2e", "name": name,
                                        "version": "1.0.0"}, "do": [{"task": task}]})
        self.company.call("deploy", self.company.file(f"{name}.json", body))
        return self.company.start(name, data)


class Closed(company.Case):
    """A connector that nobody gave a list."""

    def test_nothing_may_be_called(self):
        server = serve()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        body = f"do: [{{a: {{call: http, with: {{method: get, endpoint: 'http://127.0.0.1:" \
               f"{server.server_port}/echo'}}}}}}]\n"
        self.company.deploy("closed", body)
        instance = self.company.start("closed")
        self.assertEqual(self.company.wait(instance)["status"], "suspended")
        self.assertEqual(server.seen, [])


if __name__ == "__main__":
    company.main()
