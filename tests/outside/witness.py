"""A C2SP tlog-witness, written from the specifications alone and with Python's own library.

usage: witness.py LOG_VKEY...

Prints one line, `URL VKEY`, then serves on loopback until its standard input ends. It remembers in
memory. Nothing here comes from the program that it is to judge, not even Ed25519 (RFC 8032) and
the Merkle tree, whose consistency proofs are checked by the recursive definition of RFC 6962
section 2.1.2 rather than by walking up.
"""

import base64
import hashlib
import http.server
import os
import struct
import sys
import threading
import time

# --- Ed25519, RFC 8032 section 5.1 -------------------------------------------------------------
P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P


def recover_x(y, sign):
    if y >= P:
        return None
    x2 = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    if x2 == 0:
        return None if sign else 0
    x = pow(x2, (P + 3) // 8, P)
    if (x * x - x2) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if (x * x - x2) % P:
        return None
    return P - x if x & 1 != sign else x


GY = 4 * pow(5, P - 2, P) % P
GX = recover_x(GY, 0)
G = (GX, GY, 1, GX * GY % P)


def add(a, b):
    e = (a[1] - a[0]) * (b[1] - b[0]) % P
    f = (a[1] + a[0]) * (b[1] + b[0]) % P
    g = 2 * a[3] * b[3] * D % P
    h = 2 * a[2] * b[2] % P
    i, j, k, l = f - e, h - g, h + g, f + e
    return (i * j % P, k * l % P, j * k % P, i * l % P)


def times(n, point):
    result = (0, 1, 1, 0)
    while n:
        if n & 1:
            result = add(result, point)
        point, n = add(point, point), n >> 1
    return result


def pack(point):
    inverse = pow(point[2], P - 2, P)
    x, y = point[0] * inverse % P, point[1] * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def unpack(data):
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & (1 << 255) - 1
    x = recover_x(y, sign)
    return None if x is None else (x, y, 1, x * y % P)


def expand(seed):
    digest = hashlib.sha512(seed).digest()
    scalar = int.from_bytes(digest[:32], "little") & (1 << 254) - 8 | 1 << 254
    return scalar, digest[32:]


def challenge(*parts):
    return int.from_bytes(hashlib.sha512(b"".join(parts)).digest(), "little") % L


def public_key(seed):
    return pack(times(expand(seed)[0], G))


def sign(seed, message):
    scalar, prefix = expand(seed)
    public = public_key(seed)
    r = challenge(prefix, message)
    point = pack(times(r, G))
    s = (r + challenge(point, public, message) * scalar) % L
    return point + s.to_bytes(32, "little")


def verifies(public, message, signature):
    if len(signature) != 64:
        return False
    a, r = unpack(public), unpack(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    if a is None or r is None or s >= L:
        return False
    h = challenge(signature[:32], public, message)
    return pack(times(s, G)) == pack(add(r, times(h, a)))


# --- signed-note, tlog-checkpoint, tlog-cosignature --------------------------------------------
LOG, COSIGNER = 1, 4


def key_id(name, kind, public):
    return hashlib.sha256(name.encode() + b"\n" + bytes([kind]) + public).digest()[:4]


def vkey(name, kind, public):
    data = base64.b64encode(bytes([kind]) + public).decode()
    return f"{name}+{key_id(name, kind, public).hex()}+{data}"


def parse_vkey(text):
    name, _, rest = text.partition("+")
    claimed, _, data = rest.partition("+")
    data = base64.b64decode(data, validate=True)
    assert data[0] == LOG and len(data) == 33, "not the key of a log"
    assert key_id(name, LOG, data[1:]).hex() == claimed, "an altered key"
    return name, data[1:]


def signature_line(name, kind, public, signature):
    data = base64.b64encode(key_id(name, kind, public) + signature).decode()
    return f"\u2014 {name} {data}\n"


def cosign(name, seed, text):
    now = int(time.time())
    message = f"cosignature/v1\ntime {now}\n{text}".encode()
    signature = struct.pack(">Q", now) + sign(seed, message)
    return signature_line(name, COSIGNER, public_key(seed), signature)


# --- the Merkle tree, RFC 6962 section 2.1 -----------------------------------------------------
def node(left, right):
    return hashlib.sha256(b"\1" + left + right).digest()


EMPTY = hashlib.sha256(b"").digest()


def proven(old, new, proof, old_root):
    """The roots of the old and the new tree that SUBPROOF(old, new) leads to; its end first."""
    proof = list(proof)

    def subproof(m, n, is_whole):
        if m == n:
            root = old_root if is_whole else proof.pop(0)
            return root, root
        k = 1
        while k * 2 < n:
            k *= 2
        if m <= k:
            a, b = subproof(m, k, is_whole)
            return a, node(b, proof.pop(0))
        a, b = subproof(m - k, n - k, False)
        left = proof.pop(0)
        return node(left, a), node(left, b)

    try:
        roots = subproof(old, new, True)
    except IndexError:
        return None
    return None if proof else roots


def consistent(old, old_root, new, new_root, proof):
    if old == 0:
        return not proof and (new > 0 or new_root == EMPTY)
    if old == new:
        return not proof and old_root == new_root
    return proven(old, new, proof, old_root) == (old_root, new_root)


# --- tlog-witness -------------------------------------------------------------------------------
class Refused(Exception):
    def __init__(self, status, text="", kind="text/plain"):
        super().__init__(text)
        self.status, self.text, self.kind = status, text, kind


class Witness:
    def __init__(self, logs):
        self.name = "witness.example/python"
        self.seed = os.urandom(32)
        self.logs = {}
        for name, public in map(parse_vkey, logs):
            self.logs.setdefault(name, []).append(public)
        self.newest = {}
        self.lock = threading.Lock()

    def vkey(self):
        return vkey(self.name, COSIGNER, public_key(self.seed))

    def add_checkpoint(self, body):
        try:
            head, note = body.decode().split("\n\n", 1)
            old, *proof = head.split("\n")
            assert old.startswith("old ") and len(proof) <= 63
            old = self.number(old[4:])
            proof = [base64.b64decode(line, validate=True) for line in proof]
            assert all(len(item) == 32 for item in proof)
            text, signatures = note.rsplit("\n\n", 1)
            text += "\n"
            origin, size, root = text.split("\n")[:3]
            size, root = self.number(size), base64.b64decode(root, validate=True)
        except (AssertionError, ValueError):
            raise Refused(400) from None
        if origin not in self.logs:
            raise Refused(404)
        lines = signatures.splitlines(keepends=True)
        if not any(self.signed(origin, public, text, lines) for public in self.logs[origin]):
            raise Refused(403)
        if old > size:
            raise Refused(400)
        with self.lock:
            known, known_root, _ = self.newest.get(origin, (0, EMPTY, None))
            if old != known:
                raise Refused(409, f"{known}\n", "text/x.tlog.size")
            if not consistent(known, known_root, size, root, proof):
                raise Refused(422)
            line = cosign(self.name, self.seed, text)
            self.newest[origin] = (size, root, note + line)
            return line

    @staticmethod
    def number(text):
        assert text.isascii() and text.isdigit() and str(int(text)) == text
        return int(text)

    @staticmethod
    def signed(name, public, text, lines):
        start = f"\u2014 {name} "
        for line in lines:
            if line.startswith(start):
                data = base64.b64decode(line[len(start) :].strip(), validate=True)
                if data[:4] == key_id(name, LOG, public):
                    return verifies(public, text.encode(), data[4:])
        return False

    def checkpoint(self, wanted):
        for origin, (_, _, note) in self.newest.items():
            if hashlib.sha256(origin.encode()).hexdigest() == wanted:
                return note
        raise Refused(404)


def serve(witness):
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = self.rfile.read(min(int(self.headers.get("Content-Length", 0)), 1 << 17))
            known = self.path == "/add-checkpoint"
            self.reply(lambda: witness.add_checkpoint(body) if known else self.missing())

        def do_GET(self):
            origin, _, rest = self.path[1:].partition("/")
            known = rest == "checkpoint"
            self.reply(lambda: witness.checkpoint(origin) if known else self.missing())

        def missing(self):
            raise Refused(404)

        def reply(self, work):
            try:
                status, text, kind = 200, work(), "text/plain"
            except Refused as refused:
                status, text, kind = refused.status, refused.text, refused.kind
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_):
            pass

    return http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)


if __name__ == "__main__":
    own = Witness(sys.argv[1:])
    server = serve(own)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"http://127.0.0.1:{server.server_port} {own.vkey()}", flush=True)
    sys.stdin.read()
