#!/usr/bin/env python3
"""Write contract.json from contract.in.json and the schemas of the canonical documents.

usage: agents/extraction/contract.py [--check]     --check: only say whether it is up to date
"""
import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
FILES = ("invoice", "rate", "shipment", "shipment-status", "tender", "tender-response")


def read(name):
    with open(os.path.join(HERE, name), encoding="utf-8") as file:
        return file.read()


def composed():
    contract = json.loads(read("contract.in.json"))
    output = contract["actions"]["extract"]["output"]
    for name in FILES:
        schema = json.loads(read(f"schemas/{name}.schema.json"))
        output["$defs"][schema["title"]] = schema
    return json.dumps(contract, indent=1, ensure_ascii=False) + "\n"


def main(arguments):
    if arguments == ["--check"]:
        if read("contract.json") != composed():
            sys.exit("agents/extraction/contract.json is out of date: run contract.py")
    elif not arguments:
        with open(os.path.join(HERE, "contract.json"), "w", encoding="utf-8") as file:
            file.write(composed())
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
