"""HTTP calls of definitions through the connector, against a server on the loopback address."""
import base64
import hashlib
import http.server
import json
import re
import threading
import urllib.parse

import company

CANARY = "canary-7f3a/91\"c+d"  # looks different in URLs and in JSON
TOKEN = "canary-token-55aa"


SWAGGER = {
    "swagger": "2.0", "basePath": "/v2",
    "parameters": {"petId": {"name": "petId", "in": "path", "required": True, "type": "integer"}},
    "paths": {
        "/pet/{petId}": {
            "parameters": [{"$ref": "#/parameters/petId"}],
            "get": {"operationId": "getPetById", "responses": {}},
            "delete": {"operationId": "deletePet", "responses": {}, "parameters": [
                {"name": "Idempotency-Key", "in": "header", "type": "string"}]}},
        "/hold/one": {"get": {"operationId": "holdOne"}, "post": {"operationId": "holdOther"}},
        "/pet": {"post": {"operationId": "addPet", "parameters": [
            {"name": "pet", "in": "body", "required": True, "schema": {}}]}},
        "/find": {"get": {"operationId": "findPets", "parameters": [
            {"name": "status", "in": "query", "type": "array", "collectionFormat": "multi"},
            {"name": "tags", "in": "query", "type": "array"}]}}}}
OPENAPI = {
    "openapi": "3.0.3", "servers": [{"url": "/{v}", "variables": {"v": {"default": "v3"}}}],
    "paths": {"/pet/{id}": {"put": {
        "operationId": "putPet",
        "parameters": [{"name": "id", "in": "path", "required": True},
                       {"name": "X-Trace", "in": "header"}, {"name": "crumb", "in": "cookie"}],
        "requestBody": {"content": {"application/json": {}}}}}}}


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
        elif words[0] == "hold" or words[:2] == ["v2", "hold"]:  # the first request never ends
            if sum(1 for seen in self.server.seen if seen[1] == self.path) > 1:
                self.say(200, {"held": False})
            else:
                self.server.release.wait(company.DEADLINE_S)
                self.close_connection = True
        elif words[0] == "break":
            self.close_connection = True
        elif words[0] == "text":
            self.say(200, b"plain", "text/plain")
        elif words[0] == "mirror":  # says back whatever it was told
            self.say(200, {"headers": dict(self.headers), "path": self.path, "body": body})
        elif words[0] == "swagger.json":
            self.say(200, SWAGGER)
        elif words[0] == "openapi.json":
            self.say(200, OPENAPI)
        elif words[0] == "elsewhere":
            self.say(301, b"", Location="/openapi.json")
        elif words[0] == "openapi.yaml":
            self.say(200, b"openapi: 3.1.0\n", "application/yaml")
        elif words[0] == "oauth2" or words[0] == "realm":
            self.token(words, body)
        elif words[0] == "guarded":
            good = self.headers.get("Authorization") == f"Bearer {self.server.token}"
            self.say(200 if good else 401, {"in": good})
        elif words[0] == "digest":
            self.digest(words[1], words[2])
        elif words[0] == "login":
            wanted = "Basic " + base64.b64encode(f"{words[1]}:{words[2]}".encode()).decode()
            self.say(200 if self.headers.get("Authorization") == wanted else 401, {"in": True})
        else:
            self.say(200, {"method": self.command, "path": self.path, "body": body,
                           "accept": self.headers.get("Accept")})

    def digest(self, user, password):
        """RFC 7616 with MD5 and qop auth, by hand."""
        said = dict(re.findall(r'(\w+)="?([^",]+)"?', self.headers.get("Authorization", "")))
        if "response" not in said:
            self.say(401, {}, WWW_Authenticate='Digest realm="r", nonce="n", qop="auth"')
            return

        def md5(*parts):
            return hashlib.md5(":".join(parts).encode()).hexdigest()
        wanted = md5(md5(user, "r", password), "n", said["nc"], said["cnonce"], "auth",
                     md5(self.command, self.path))
        self.say(200 if said["response"] == wanted else 401, {"in": said["response"] == wanted})

    def token(self, words, body):
        """An authority: /oauth2/token, and /realm with its OpenID configuration."""
        if words[1:] == [".well-known", "openid-configuration"]:
            port = self.server.server_port
            self.say(200, {"token_endpoint": f"http://127.0.0.1:{port}/realm/tokens"})
            return
        asked = dict(urllib.parse.parse_qsl(body))
        basic = self.headers.get("Authorization", "")
        if basic.startswith("Basic "):
            asked["client_id"], asked["client_secret"] = map(
                urllib.parse.unquote, base64.b64decode(basic[6:]).decode().split(":"))
        good = (asked.get("client_id"), asked.get("client_secret")) == ("me", CANARY)
        if asked.get("grant_type") == "password":
            good = (asked.get("username"), asked.get("password")) == ("bob", CANARY)
        if not good:
            self.say(401, {"error": "invalid_client"})
            return
        self.server.token = f"{TOKEN}-{len(self.server.seen)}"
        self.say(200, {"access_token": self.server.token, "token_type": "Bearer",
                       "expires_in": 3600})

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = answer


def serve():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Pets)
    server.daemon_threads = True
    server.lock = threading.Lock()
    server.seen = []
    server.token = None
    server.release = threading.Event()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def call(**arguments):
    return {"call": "http", "with": arguments}


class Calls(company.Case):
    """A company whose connector may call the server of this file."""

    @classmethod
    def setUpClass(cls):
        cls.server = serve()
        cls.addClassCleanup(cls.server.server_close)
        cls.addClassCleanup(cls.server.shutdown)
        cls.addClassCleanup(cls.server.release.set)
        cls.url = f"http://127.0.0.1:{cls.server.server_port}"
        cls.options = ("--set", f"connector.allow=127.0.0.1:{cls.server.server_port}")
        super().setUpClass()

    def run_task(self, task, data=None, code=0, **more):
        """Run one task; what it printed."""
        name = self.id().split(".")[-1].replace("_", "-").strip("-")[:60]
        body = json.dumps({"document": {"dsl": "1.0.3", "namespace": "e2e", "name": name,
                                        "version": "1.0.0"}, **more, "do": [{"task": task}]})
        path = self.company.file(f"{name}.json", body)
        return self.company.call("run", path, "--input", json.dumps(data), "--timeout", "30s",
                                 code=code)

    def count(self, path):
        with self.server.lock:
            return sum(1 for seen in self.server.seen if seen[1] == path)

    def start(self, task, data):
        name = self.id().split(".")[-1].replace("_", "-")[:60]
        body = json.dumps({"document": {"dsl": "1.0.3", "namespace": "e2e", "name": name,
                                        "version": "1.0.0"}, "do": [{"task": task}]})
        self.company.call("deploy", self.company.file(f"{name}.json", body))
        return self.company.start(name, data)


class Connector(Calls):
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

    def test_digest_authentication(self):
        task = call(method="get", endpoint={
            "uri": self.url + "/digest/me/s3cret",
            "authentication": {"digest": {"username": "me", "password": "s3cret"}}})
        self.assertEqual(self.run_task(task).json(), {"in": True})

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

    def test_an_address_in_a_names_clothes_is_refused(self):
        port = self.server.server_port
        self.run_task(call(method="get", endpoint=f"http://localhost:{port}/echo"), code=5)


class Crashes(Calls):
    """The connector dies while a request is out."""

    def die_in(self, task, path):
        instance = self.start(task, None)
        company.until(lambda: self.count(path) == 1, "the request is out")
        before = self.company.pid("connector")
        self.company.kill("connector")
        self.company.restarted("connector", before)
        return self.company.wait(instance)

    def test_a_get_is_asked_again(self):
        ended = self.die_in(call(method="get", endpoint=self.url + "/hold/get"), "/hold/get")
        self.assertEqual((ended["status"], ended["output"]), ("completed", {"held": False}))

    def test_a_post_with_a_key_is_sent_again(self):
        task = call(method="post", endpoint=self.url + "/hold/key",
                    headers={"Idempotency-Key": "k"})
        self.assertEqual(self.die_in(task, "/hold/key")["output"], {"held": False})

    def test_a_post_is_not_sent_again(self):
        ended = self.die_in(call(method="post", endpoint=self.url + "/hold/post"), "/hold/post")
        self.assertEqual(ended["status"], "suspended")
        self.assertEqual(self.count("/hold/post"), 1)

    def test_an_operation_that_only_asks_is_asked_again(self):
        task = {"call": "openapi", "with": {"document": {"endpoint": self.url + "/swagger.json"},
                                            "operationId": "holdOne"}}
        self.assertEqual(self.die_in(task, "/v2/hold/one")["output"], {"held": False})


class OpenApi(Calls):
    """Operations of documents that the connector fetches."""

    def operation(self, name, document="/swagger.json", **arguments):
        return {"call": "openapi", "with": {"document": {"endpoint": self.url + document},
                                            "operationId": name, "parameters": arguments}}

    def test_swagger_path_and_query(self):
        said = self.run_task({"do": [
            {"get": {**self.operation("getPetById", petId="${ .petId }"),
                     "export": {"as": "."}}},
            {"find": self.operation("findPets", status=["a", "b c"], tags=["x", "y"])},
            {"both": {"set": {"get": "${ $context }", "find": "${ . }"}}}]}, {"petId": 7}).json()
        self.assertEqual(said["get"]["path"], "/v2/pet/7")
        self.assertEqual(said["find"]["path"], "/v2/find?status=a&status=b%20c&tags=x%2Cy")
        self.assertEqual(self.count("/swagger.json"), 1, "the document is kept")

    def test_a_body(self):
        said = self.run_task(self.operation("addPet", pet={"name": "Milou"})).json()
        self.assertEqual((said["method"], said["path"], json.loads(said["body"])),
                         ("POST", "/v2/pet", {"name": "Milou"}))

    def test_openapi_three_moved(self):
        task = self.operation("putPet", "/elsewhere", id="a/b", crumb="c", body={"n": 1},
                              **{"X-Trace": "t"})
        task["with"]["output"] = "response"
        said = self.run_task(task).json()
        self.assertEqual(said["content"]["path"], "/v3/pet/a%2Fb")
        self.assertEqual(json.loads(said["content"]["body"]), {"n": 1})
        self.assertEqual(said["request"]["method"], "PUT")
        self.assertEqual(said["request"]["headers"]["X-Trace"], "t")
        with self.server.lock:
            seen = [s for s in self.server.seen if s[1] == "/v3/pet/a%2Fb"][-1]
        self.assertEqual((seen[2]["Cookie"], seen[2]["Content-Type"]),
                         ("crumb=c", "application/json"))

    def test_what_is_wrong_is_said(self):
        for number, (task, words) in enumerate((
                (self.operation("getPetById"), "the argument 'petId' is missing"),
                (self.operation("getPetById", petId=1, pet=2), "takes no argument 'pet'"),
                (self.operation("nobody"), "has no operation 'nobody'"),
                (self.operation("x", "/openapi.yaml"), "is not JSON"),
                (self.operation("x", "/text"), "is not JSON"))):
            named = {"dsl": "1.0.3", "namespace": "e2e", "name": f"wrong-{number}",
                     "version": "1.0.0"}
            ran = self.run_task(task, document=named, code=3)
            self.assertIn(words, ran.err)

    def test_a_document_that_is_not_there(self):
        ran = self.run_task(self.operation("x", "/status/404"), code=3)
        self.assertEqual(json.loads(ran.err)["status"], 404)


class Secrets(Calls):
    """What the connector is trusted with is seen by the other side and by nobody else."""

    USE = {"secrets": ["key", "login", "oauth"]}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        url = cls.url
        cls.keep("key", CANARY + "\n")
        cls.keep("login", json.dumps({"username": "me", "password": CANARY}))
        cls.keep("oauth", json.dumps({"authority": url, "grant": "client_credentials",
                                      "client": {"id": "me", "secret": CANARY}}))

    @classmethod
    def keep(cls, name, text, mode=0o600):
        folder = cls.company.dir / "agents" / "connector" / "secrets"
        folder.mkdir(mode=0o700, exist_ok=True)
        path = folder / name
        path.touch(mode=0o600)
        path.write_text(text)
        path.chmod(mode)
        return path

    def run_task(self, task, data=None, code=0, **more):
        return super().run_task(task, data, code, **{"use": self.USE, **more})

    def guarded(self, **authentication):
        return call(method="get", endpoint={"uri": self.url + "/guarded",
                                            "authentication": authentication})

    def forms(self):
        """The canary as it may look."""
        login = base64.b64encode(f"me:{CANARY}".encode()).decode()
        return (CANARY, urllib.parse.quote(CANARY, safe=""), json.dumps(CANARY)[1:-1], login,
                base64.b64encode(CANARY.encode()).decode(), TOKEN)

    def assert_kept(self):
        """No form of the canary in anything that the company says or keeps."""
        said = [self.company.call("journal", "tail", "-o", "jsonl").out,
                self.company.call("inbox", "-o", "json").out,
                self.company.call("deadletters", "ls", "-o", "json").out]
        for row in self.company.instances():
            for words in (("instances", "describe"), ("explain",)):
                said.append(self.company.call(*words, row["instance"], "-o", "json").out)
        for form in self.forms():
            for text in said:
                self.assertNotIn(form, text)
            for path in self.company.dir.rglob("*"):
                if path.is_file() and path.parent.name != "secrets":
                    self.assertNotIn(form.encode(), path.read_bytes(), path)

    def test_secrets_reach_the_other_side_and_nobody_else(self):
        task = call(method="post", endpoint={
            "uri": self.url + "/mirror", "authentication": {"basic": {"use": "login"}}},
            headers={"X-Key": "${ $secrets.key }"}, query={"k": "${ $secrets.key }"},
            body={"deep": [{"password": "${ $secrets.login.password }"}]}, output="response")
        ran = self.run_task(task)
        with self.server.lock:
            _, path, headers, body = [s for s in self.server.seen if "/mirror" in s[1]][-1]
        self.assertEqual(headers["X-Key"], CANARY)
        self.assertIn(urllib.parse.quote(CANARY, safe=""), path)
        self.assertEqual(json.loads(body), {"deep": [{"password": CANARY}]})
        for form in self.forms():
            self.assertNotIn(form, ran.out)
        said = ran.json()
        self.assertTrue(said["content"]["headers"]["X-Key"].startswith("[secret "), said)
        self.assertEqual(said["request"]["headers"]["X-Key"], "${ $secrets.key }")
        raw = {**task, "with": {**task["with"], "output": "raw"}}
        ran = self.run_task(raw, document={"dsl": "1.0.3", "namespace": "e2e", "name": "raw-secret",
                                           "version": "1.0.0"})
        self.assertIn("[secret", base64.b64decode(ran.json()).decode())
        self.assertNotIn(CANARY, base64.b64decode(ran.json()).decode())
        self.assert_kept()

    def test_data_that_looks_like_a_reference_stays_data(self):
        forged = "${ $secrets.key }"
        task = call(method="post", endpoint=self.url + "/mirror", headers="${ .headers }",
                    body="${ .body }")
        said = self.run_task(task, {"headers": {"X-Key": forged},
                                    "body": {"deep": [{"password": forged}]}}).json()
        self.assertEqual(said["headers"]["X-Key"], forged)
        self.assertEqual(json.loads(said["body"]), {"deep": [{"password": forged}]})

    def test_a_missing_secret_waits_for_the_operator(self):
        task = call(method="get", endpoint=self.url + "/mirror",
                    headers={"X": "${ $secrets.late }"})
        self.run_task(task, use={"secrets": ["late"]}, code=5)
        gate = self.company.json("inbox")["gates"][-1]
        self.assertIn("there is no secret 'late'", json.dumps(gate))
        waiting = self.company.json("gates", "describe", gate["gate"])["waiting"]
        self.assertEqual(len(waiting), 1)
        self.keep("late", CANARY)
        self.company.call("gates", "approve", gate["gate"])
        self.assertEqual(self.company.wait(waiting[0])["status"], "completed")

    def test_a_secret_that_others_may_read_is_not_used(self):
        self.keep("open", CANARY, mode=0o644)
        task = call(method="get", endpoint=self.url + "/mirror",
                    headers={"X": "${ $secrets.open }"})
        self.run_task(task, use={"secrets": ["open"]}, code=5)
        self.assertIn("others may read", self.company.call("inbox", "-o", "json").out)

    def test_client_credentials_and_their_cache(self):
        before = self.count("/oauth2/token")
        task = {"do": [{"one": self.guarded(oauth2={"use": "oauth"})},
                       {"two": self.guarded(oauth2={"use": "oauth"})}]}
        self.assertEqual(self.run_task(task).json(), {"in": True})
        self.assertEqual(self.count("/oauth2/token"), before + 1, "one token for two calls")
        self.server.token = "revoked"
        again = {"dsl": "1.0.3", "namespace": "e2e", "name": "revoked", "version": "1.0.0"}
        self.assertEqual(self.run_task(task, document=again).json(), {"in": True})
        self.assertEqual(self.count("/oauth2/token"), before + 2, "a refused token is replaced")
        self.assert_kept()

    def test_a_users_password_and_a_client_in_the_header(self):
        for number, more in enumerate((
                {"grant": "password", "username": "bob", "password": "${ $secrets.key }"},
                {"grant": "client_credentials", "scopes": ["a", "b"],
                 "client": {"id": "me", "secret": "${ $secrets.key }",
                            "authentication": "client_secret_basic"}})):
            task = self.guarded(oauth2={"authority": self.url + "/", **more})
            named = {"dsl": "1.0.3", "namespace": "e2e", "name": f"grant-{number}",
                     "version": "1.0.0"}
            self.assertEqual(self.run_task(task, document=named).json(), {"in": True})

    def test_openid_connect_finds_its_endpoint(self):
        task = self.guarded(oidc={"authority": self.url + "/realm", "grant": "client_credentials",
                                  "client": {"id": "me", "secret": "${ $secrets.key }"}})
        self.assertEqual(self.run_task(task).json(), {"in": True})
        self.assertGreater(self.count("/realm/tokens"), 0)

    def test_a_refused_client_waits_for_the_operator(self):
        task = self.guarded(oauth2={"authority": self.url, "grant": "client_credentials",
                                    "client": {"id": "me", "secret": "wrong"}})
        self.run_task(task, code=5)
        self.assertIn("invalid_client", self.company.call("inbox", "-o", "json").out)

    def test_named_policies(self):
        use = {**self.USE, "authentications": {"mine": {"basic": {"use": "login"}}}}
        task = call(method="get", endpoint={"uri": self.url + "/mirror",
                                            "authentication": {"use": "mine"}})
        said = self.run_task(task, use=use).json()
        self.assertEqual(said["headers"]["Authorization"], "Basic [secret credentials]")


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
        gate = self.company.wait(instance)["gate"]
        self.assertEqual(self.company.json("gates", "describe", gate)["kind"], "permission")
        self.assertEqual(server.seen, [])


if __name__ == "__main__":
    company.main()
