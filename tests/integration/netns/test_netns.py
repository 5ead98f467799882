#!/usr/bin/env python3
"""One agent on another machine, or nearly: in a network namespace of its own, over TLS.

usage: test_netns.py --build DIR

Workflows run through the agent; programs and tools refuse the same address without TLS, and a
certificate of another authority. Exit codes: 0, 1, 77 (not root, or no namespaces here; on CI as
root that is a failure).
"""
import argparse
import os
import random
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "support"))
from company import Company, Failure, Load, nats_server  # noqa: E402

DEFINITION = """document: { dsl: '1.0.3', namespace: netns, name: echo, version: '1.0.0' }
do:
  - there:
      call: agent
      with: { agent: tester, action: bench, contract: '1.0', input: '${ . }' }
"""
WORKFLOWS = 50
CANNOT_CONNECT = 7


def run(*command, check=True):
    done = subprocess.run([str(word) for word in command], text=True, capture_output=True,
                          check=False, stdin=subprocess.DEVNULL, timeout=60)
    if check and done.returncode != 0:
        raise Failure(f"{' '.join(map(str, command))}: {done.stderr.strip()}")
    return done


class Namespace:
    """A namespace with one cable to us. The addresses are of the network for benchmarks (RFC 2544)
    and drawn at random, so that several can exist."""

    def __init__(self):
        number = random.SystemRandom().randrange(2**14)
        self.name = f"mainstay-{number}"
        self.cable = f"ms{number}"
        network = f"198.18.{number // 64}.{number % 64 * 4}"
        base, last = network.rsplit(".", 1)
        self.ours, self.theirs = f"{base}.{int(last) + 1}", f"{base}.{int(last) + 2}"

    def make(self):
        run("ip", "netns", "add", self.name)
        run("ip", "link", "add", self.cable, "type", "veth", "peer", "name", "up0", "netns",
            self.name)
        run("ip", "addr", "add", f"{self.ours}/30", "dev", self.cable)
        run("ip", "link", "set", self.cable, "up")
        run("ip", "-n", self.name, "link", "set", "lo", "up")
        run("ip", "-n", self.name, "addr", "add", f"{self.theirs}/30", "dev", "up0")
        run("ip", "-n", self.name, "link", "set", "up0", "up")

    def remove(self):
        run("ip", "link", "del", self.cable, check=False)
        run("ip", "netns", "del", self.name, check=False)


def authority(folder, name):
    """A certificate authority: its certificate and key."""
    cert, key = os.path.join(folder, f"{name}.pem"), os.path.join(folder, f"{name}.key")
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
        "-days", "2", "-subj", f"/CN={name}", "-out", cert, "-keyout", key)
    return cert, key


def server_certificate(folder, ca, address):
    cert, key = os.path.join(folder, "server.pem"), os.path.join(folder, "server.key")
    request, extensions = os.path.join(folder, "server.csr"), os.path.join(folder, "server.ext")
    run("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
        "/CN=nats-server", "-out", request, "-keyout", key)
    with open(extensions, "w") as file:
        file.write(f"subjectAltName = IP:{address}\n")
    run("openssl", "x509", "-req", "-in", request, "-CA", ca[0], "-CAkey", ca[1], "-days", "2",
        "-CAcreateserial", "-extfile", extensions, "-out", cert)
    return cert, key


def expect_refusal(what, words, *command):
    done = run(*command, check=False)
    if done.returncode == 0 or words not in done.stderr + done.stdout:
        raise Failure(f"{what} is not refused: exit {done.returncode}: {done.stderr.strip()}")
    print(f"{what}: refused, exit {done.returncode}")


def refusals(company, folder, address):
    """The same programs without TLS, and with the certificate of somebody else."""
    plain = f"nats://{address}:{company.port}"
    agent = [word for word in company.agent_command() if word not in ("--ca", company.ca)]
    agent[agent.index("--bus") + 1] = plain
    agent[agent.index("--data") + 1] = os.path.join(folder, "other-agent")
    expect_refusal("an agent without TLS", "TLS", *agent)
    expect_refusal("a coordinator without TLS", "TLS", os.path.join(company.bin, "coordinator"),
                   "--bus", plain, "--creds", os.path.join(company.creds, "coordinator.creds"),
                   "--data", os.path.join(folder, "other-coordinator"))
    expect_refusal("a bus configuration without TLS", "TLS", os.path.join(company.bin, "mainstay"),
                   "accounts", "tester:main", "--out", os.path.join(folder, "plain"), "--listen",
                   f"{address}:{company.port}")
    stranger = authority(folder, "stranger")
    expect_refusal("a server of another authority", "SSL",
                   os.path.join(company.bin, "bench-driver"), "--bus", company.url, "--creds",
                   os.path.join(company.creds, "operator.creds"), "--ca", stranger[0], "ask",
                   "status")


def scenario(options, namespace, folder):
    ca = authority(folder, "mainstay-test")
    cert, key = server_certificate(folder, ca, namespace.ours)
    company = Company(options.build, os.path.join(folder, "company"), host=namespace.ours,
                      cert=cert, key=key, ca=ca[0],
                      agent_prefix=["ip", "netns", "exec", namespace.name])
    try:
        company.start()
        inside = os.readlink(f"/proc/{company.agent.pid}/ns/net")
        if inside == os.readlink("/proc/self/ns/net"):
            raise Failure("the agent is in our own network namespace")
        name = company.deploy(DEFINITION, "netns.yaml")
        figures = Load(company, name, WORKFLOWS, 8, "netns").finish()
        print(f"{figures['completed']} workflows through an agent in {inside}, over TLS")
        refusals(company, folder, namespace.ours)
    except Failure:
        for process in company.kept:
            if process.child is not None:
                print(f"---- {process.name}\n{process.tail()}")
        raise
    finally:
        company.stop()


def cannot(why):
    print(f"skipped: {why}")
    return 1 if os.environ.get("CI") == "true" and os.geteuid() == 0 else 77


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", required=True)
    options = parser.parse_args()
    if os.geteuid() != 0:
        return cannot("making a network namespace needs root")
    if nats_server() is None:
        return cannot("nats-server is not installed")
    namespace = Namespace()
    try:
        try:
            namespace.make()
        except (Failure, OSError) as failure:
            return cannot(f"no network namespaces here: {failure}")
        with tempfile.TemporaryDirectory(prefix="mainstay-netns.") as folder:
            scenario(options, namespace, folder)
    except Failure as failure:
        print(f"FAILED: {failure}")
        return 1
    finally:
        namespace.remove()
    return 0


sys.exit(main())
