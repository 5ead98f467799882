"""A loopback server in place of the hosts of the world that scenarios call: the routes of
petstore.swagger.io and httpbin.org the kit uses, and a few more for redirects, statuses and bodies.
"""
import base64
import http.server
import json
import threading
import time
import urllib.parse

PETS = [
    {"id": 1, "name": "Milou", "status": "available"},
    {"id": 2, "name": "Kitty", "status": "available"},
    {"id": 3, "name": "Idefix", "status": "pending"},
]


def swagger(host):
    """The part of the pet store's description that is called, in Swagger 2.0."""
    answer = {"200": {"description": "successful operation"}}
    return {
        "swagger": "2.0",
        "info": {"title": "Swagger Petstore", "version": "1.0.7"},
        "host": host,
        "basePath": "/v2",
        "schemes": ["http"],
        "paths": {
            "/pet/findByStatus": {"get": {
                "operationId": "findPetsByStatus", "produces": ["application/json"],
                "parameters": [{"name": "status", "in": "query", "required": True,
                                "type": "array", "items": {"type": "string"},
                                "collectionFormat": "multi"}],
                "responses": answer}},
            "/pet/{petId}": {"get": {
                "operationId": "getPetById", "produces": ["application/json"],
                "parameters": [{"name": "petId", "in": "path", "required": True,
                                "type": "integer", "format": "int64"}],
                "responses": answer}},
        },
    }


def described():
    """Some of httpbin's routes, in OpenAPI 3."""
    answer = {"200": {"description": "what was asked"}}
    text = {"type": "string"}
    return {
        "openapi": "3.0.3",
        "info": {"title": "httpbin", "version": "1.0.0"},
        "servers": [{"url": "/"}],
        "paths": {
            "/anything/{part}": {"get": {
                "operationId": "show", "responses": answer,
                "parameters": [
                    {"name": "part", "in": "path", "required": True, "schema": text},
                    {"name": "tags", "in": "query", "schema": {"type": "array", "items": text}},
                    {"name": "X-Own", "in": "header", "schema": text}]}},
            "/post": {"post": {
                "operationId": "send", "responses": answer,
                "requestBody": {"required": True,
                                "content": {"application/json": {"schema": {}}}}}},
            "/bearer": {"get": {"operationId": "login", "responses": answer}},
        },
    }


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def reply(self, status, body=None, headers=None, kind="application/json"):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        data = b"" if body is None else data
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def body(self):
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def handle_all(self):
        url = urllib.parse.urlsplit(self.path)
        words = [urllib.parse.unquote(word) for word in url.path.strip("/").split("/")]
        query = urllib.parse.parse_qs(url.query, keep_blank_values=True)
        data = self.body()
        if words[0] == "v2":
            self.petstore(words[1:], query)
        else:
            self.httpbin(words, query, data)

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_HEAD = do_OPTIONS = handle_all

    def petstore(self, words, query):
        if words == ["swagger.json"]:
            self.reply(200, swagger(self.headers["Host"]))
        elif words[:2] == ["pet", "findByStatus"]:
            wanted = [part for text in query.get("status", []) for part in text.split(",")]
            self.reply(200, [pet for pet in PETS if pet["status"] in wanted])
        elif len(words) == 2 and words[0] == "pet" and words[1].isdigit():
            pet = next((pet for pet in PETS if pet["id"] == int(words[1])), None)
            self.reply(200 if pet else 404, pet or {"code": 1, "message": "Pet not found"})
        else:
            self.reply(404, {"code": 404, "message": "not found"})

    def httpbin(self, words, query, data):
        if words[0] in ("basic-auth", "hidden-basic-auth") and len(words) == 3:
            self.basic(words[1], words[2])
        elif words[0] == "bearer":
            token = self.headers.get("Authorization", "")
            if token.startswith("Bearer ") and len(token) > 7:
                self.reply(200, {"authenticated": True, "token": token[7:]})
            else:
                self.reply(401, headers={"WWW-Authenticate": "Bearer"})
        elif words[0] == "status" and len(words) == 2 and words[1].isdigit():
            self.reply(int(words[1]), {"status": int(words[1])})
        elif words[0] == "redirect-to":
            status = int(query.get("status_code", ["302"])[0])
            self.reply(status, headers={"Location": query.get("url", ["/get"])[0]})
        elif words[0] == "delay" and len(words) == 2:
            time.sleep(min(float(words[1]), 10))
            self.reply(200, {"delayed": words[1]})
        elif words == ["openapi.json"]:
            self.reply(200, described())
        elif words == ["oauth2", "token"] or words == ["realm", "tokens"]:
            self.token(urllib.parse.parse_qs(data.decode()))
        elif words == ["realm", ".well-known", "openid-configuration"]:
            self.reply(200, {"token_endpoint": f"http://{self.headers['Host']}/realm/tokens"})
        elif words[0] == "flaky" and len(words) == 3 and words[2].isdigit():
            self.flaky(words[1], int(words[2]), int(query.get("status", ["503"])[0]))
        elif words[0] == "hang-up":
            self.close_connection = True
        elif words[0] == "text":
            self.reply(200, b"plain text", kind="text/plain; charset=utf-8")
        elif words[0] in ("get", "post", "put", "patch", "delete", "anything"):
            self.echo(query, data)
        else:
            self.reply(404, {"message": "not found"})

    def basic(self, user, password):
        wanted = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
        if self.headers.get("Authorization") == wanted:
            self.reply(200, {"authenticated": True, "user": user})
        else:
            self.reply(401, headers={"WWW-Authenticate": 'Basic realm="stand-in"'})

    def flaky(self, name, times, status):
        """503, or another status, so many times under this name, then how often it was asked."""
        with self.server.lock:
            count = self.server.asked[name] = self.server.asked.get(name, 0) + 1
        self.reply(status if count <= times else 200, {"asked": count})

    def token(self, asked):
        """An access token for the client or for who logs in; every password is 'mine'."""
        basic = self.headers.get("Authorization", "")
        if basic.startswith("Basic "):
            client, _, word = base64.b64decode(basic[6:]).decode().partition(":")
        else:
            client, word = asked.get("client_id", [""])[0], asked.get("client_secret", [""])[0]
        if asked.get("grant_type") == ["password"]:
            client, word = asked["username"][0], asked["password"][0]
        if asked.get("grant_type") == ["urn:ietf:params:oauth:grant-type:token-exchange"]:
            kinds = [asked.get(name + "_token_type", [""])[0] for name in ("subject", "actor")]
            if (kinds != ["urn:ietf:params:oauth:token-type:jwt",
                          "urn:ietf:params:oauth:token-type:access_token"]
                    or asked["subject_token"] != ["own-secret-key"]):
                word = ""
        if word == "mine":
            self.reply(200, {"access_token": f"token-of-{client}", "token_type": "Bearer",
                             "expires_in": 3600})
        else:
            self.reply(401, {"error": "invalid_client"})

    def echo(self, query, data):
        text = data.decode("utf-8", "replace")
        try:
            parsed = json.loads(text) if text else None
        except ValueError:
            parsed = None
        self.reply(200, {
            "method": self.command,
            "args": {name: found[0] if len(found) == 1 else found for name, found in query.items()},
            "headers": dict(self.headers.items()),
            "data": text,
            "json": parsed,
            "url": f"http://{self.headers['Host']}{self.path}",
        })


class Server(http.server.ThreadingHTTPServer):
    def handle_error(self, request, client_address):
        """Who asked has gone: that is what some scenarios are about."""


class StandIn:
    """A server in threads of this process; each host gets one, so that addresses tell them."""

    def __init__(self):
        self.server = Server(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.lock, self.server.asked = threading.Lock(), {}
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
