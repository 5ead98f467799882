"""A NATS client of one socket, for bytes that no well-behaved program would send.

The protocol is docs.nats.io/reference/reference-protocols/nats-protocol.
"""
import json
import secrets
import socket


class Client:
    def __init__(self, url, creds):
        with open(creds, encoding="utf-8") as file:
            account = dict(line.strip().split("=", 1) for line in file if "=" in line)
        host, port = url.split("//")[1].split(":")
        self.socket = socket.create_connection((host, int(port)), timeout=30)
        self.reader = self.socket.makefile("rb")
        self.reader.readline()  # INFO
        self.errors = []
        self.requests = 0
        self.reply = ""  # where the last message wants its answer
        options = {"verbose": False, "headers": True, "no_responders": True, "protocol": 1,
                   "user": account["user"], "pass": account["password"]}
        try:
            self.send(b"CONNECT " + json.dumps(options).encode() + b"\r\n")
            self.flush()
        except OSError:
            self.close()
            raise

    def send(self, data):
        self.socket.sendall(data)

    def close(self):
        self.reader.close()
        self.socket.close()

    def wait(self):
        """The next message to a subscription of the test's own: (reply subject, body)."""
        while True:
            answer = self.next()
            if answer is not None:
                return self.reply, answer[1]

    def next(self):
        """The next message (headers, body), or None for the answer to a ping."""
        while True:
            line = self.reader.readline()
            if not line:
                raise ConnectionError("the bus closed the connection: " + "; ".join(self.errors))
            words = line.decode().split()
            if words[0] == "PONG":
                return None
            if words[0] == "PING":
                self.send(b"PONG\r\n")
            elif words[0] == "-ERR":
                self.errors.append(line.decode().strip())
            elif words[0] in ("MSG", "HMSG"):
                data = self.reader.read(int(words[-1]) + 2)[:-2]
                cut = int(words[-2]) if words[0] == "HMSG" else 0
                self.reply = words[3] if len(words) > (5 if words[0] == "HMSG" else 4) else ""
                return data[:cut], data[cut:]

    def flush(self):
        """Everything sent before has reached the server."""
        self.send(b"PING\r\n")
        while self.next() is not None:
            pass

    def publish(self, subject, body, headers=None, reply=""):
        if headers is None:
            head = f"PUB {subject} {reply} {len(body)}\r\n".encode()
        else:
            lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
            block = f"NATS/1.0\r\n{lines}\r\n".encode()
            head = f"HPUB {subject} {reply} {len(block)} {len(block) + len(body)}\r\n".encode()
            head += block
        self.send(head + body + b"\r\n")

    def request(self, subject, body, headers=None):
        self.requests += 1
        inbox = "_INBOX." + secrets.token_hex(8)
        self.send(f"SUB {inbox} {self.requests}\r\nUNSUB {self.requests} 1\r\n".encode())
        self.publish(subject, body, headers, inbox)
        while True:
            answer = self.next()
            if answer is not None:
                if answer[0].startswith(b"NATS/1.0 503"):
                    raise ConnectionError("nobody answers on " + subject)
                return answer[1]
