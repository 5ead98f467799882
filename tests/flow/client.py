"""A small NATS client: one connection, published bytes, answers by inbox. It shares no code with
the product, and does not wait for one answer before it sends the next message."""
import json
import os
import select
import socket
import time


def _field(number, data):
    """A protobuf field of bytes or text."""
    data = data.encode() if isinstance(data, str) else data
    size, out = len(data), bytearray([number << 3 | 2])
    while size > 127:
        out.append(size & 127 | 128)
        size >>= 7
    out.append(size)
    return bytes(out) + data


def _fields(data):
    """{number: value} of a flat message; of a repeated field the last."""
    at, out = 0, {}

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value
    while at < len(data):
        key = varint()
        if key & 7 == 0:
            out[key >> 3] = varint()
        else:
            size = varint()
            out[key >> 3] = data[at:at + size]
            at += size
    return out


class Client:
    def __init__(self, company):
        with open(os.path.join(company.creds, "operator.creds")) as file:
            login = dict(line.strip().split("=", 1) for line in file if "=" in line)
        self.socket = socket.create_connection((company.host, company.port), timeout=30)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.rest = b""
        self.inbox = f"_INBOX.{os.getpid()}{time.monotonic_ns()}"
        connect = {"verbose": False, "user": login["user"], "pass": login["password"],
                   "headers": True, "no_responders": True}
        self.socket.sendall(b"CONNECT " + json.dumps(connect).encode() + b"\r\n"
                            + f"SUB {self.inbox}.* 1\r\nPING\r\n".encode())

    def publish(self, subject, token, body):
        """Bytes to send: a message that is answered at `token`."""
        return f"PUB {subject} {self.inbox}.{token} {len(body)}\r\n".encode() + body + b"\r\n"

    def send(self, data):
        self.socket.settimeout(60)
        self.socket.sendall(data)

    def request(self, verb, token, body, request_id=""):
        message = (b"\x08\x01" + _field(2, request_id) + _field(3, "overload")
                   + _field(4, json.dumps(body)))
        self.send(self.publish(f"control.{verb}", token, message))

    def answers(self, seconds):
        """(token, bytes) of what comes within so long; returns after the first bytes."""
        if not select.select([self.socket], [], [], max(0, seconds))[0]:
            return
        data = self.socket.recv(1 << 20)
        if not data:
            raise ConnectionError("the bus closed the connection")
        data = self.rest + data
        at = 0
        while True:
            end = data.find(b"\r\n", at)
            if end < 0:
                break
            line = data[at:end]
            words = line.split()
            if words and words[0] in (b"MSG", b"HMSG"):
                size = int(words[-1])
                if len(data) < end + 2 + size + 2:
                    break
                head = int(words[-2]) if words[0] == b"HMSG" else 0
                yield words[1].decode().rsplit(".", 1)[1], data[end + 2 + head:end + 2 + size]
                at = end + 2 + size + 2
                continue
            if words and words[0] == b"PING":
                self.socket.sendall(b"PONG\r\n")
            elif words and words[0] == b"-ERR":
                raise ConnectionError(line.decode())
            at = end + 2
        self.rest = data[at:]

    def ask(self, verb, body, request_id="", seconds=60):
        """(code, error, body) of one question."""
        self.request(verb, "ask", body, request_id)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for token, data in self.answers(deadline - time.monotonic()):
                if token == "ask":
                    return reply(data)
        raise TimeoutError(f"control.{verb} is not answered")


def reply(data):
    fields = _fields(data)
    body = fields.get(4, b"")
    return fields.get(2, 0), fields.get(3, b"").decode(), json.loads(body) if body else None
