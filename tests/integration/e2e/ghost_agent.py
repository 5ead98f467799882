#!/usr/bin/env python3
"""An agent in name only: it says hello with well-known ids, then leaves its account to a test."""
import argparse
import json
import signal
import sys

import nats
import protobuf

SESSION = b"ghost's session!"
STORE_ID = b"ghost's store id"


def hello(contract, **other):
    """The bytes of a Hello; `other` replaces fields."""
    values = {"version": 1, "session": SESSION, "store_id": STORE_ID, "contract": contract,
              "program": "ghost 1.0.0", "capacity": 4, "pid": 1, **other}
    numbers = {"version": 1, "session": 2, "store_id": 3, "contract": 4, "program": 6,
               "capacity": 7, "pid": 8, "leaving": 10}
    return protobuf.encode([(numbers[name], value) for name, value in values.items()])


def answered(options, message):
    """The answer to a hello, which is asked again: of many at once some are ignored."""
    while True:
        client = nats.Client(options.bus, options.creds)
        client.socket.settimeout(1)
        try:
            return client.request("hello.ghost.main", message)
        except TimeoutError:
            client.close()


def main():
    parser = argparse.ArgumentParser()
    for name in ("bus", "creds", "data", "metrics", "store", "contract"):
        parser.add_argument("--" + name)
    options = parser.parse_args()
    with open(options.contract, encoding="utf-8") as file:
        contract = file.read()
    reply = protobuf.decode(answered(options, hello(contract)))
    if not reply.get(2):
        sys.exit("hello refused: " + reply.get(3, b"").decode())
    print(json.dumps({"message": "ready"}, separators=(",", ":")), file=sys.stderr, flush=True)
    signal.sigwait({signal.SIGTERM, signal.SIGINT})


if __name__ == "__main__":
    main()
