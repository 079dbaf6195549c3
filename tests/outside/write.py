#!/usr/bin/env python3
"""Writes a log as its published specifications say, for our verifier to judge: Python's standard
library, and the `openssl` command for Ed25519.

    write.py FOLDER SIZE...

Makes FOLDER/vkey, FOLDER/log (grown to each SIZE in turn, older partial tiles left where they are),
FOLDER/checkpoint.SIZE for each, and for the last one FOLDER/entry and FOLDER/proof of its middle
entry. A line of an unknown key stands beside the log's signature, as a witness would put it there.
"""

import base64
import os
import subprocess
import sys

from check import ED25519, SPKI, WIDTH, inclusion, leaf_hash, root_of, sha256, tile_name, tiles

ORIGIN = "another.example/log"


def write(data, *path):
    path = os.path.join(*path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(data)


def b64(data):
    return base64.b64encode(data).decode()


class Signer:
    def __init__(self, folder):
        self.key = os.path.join(folder, "key.pem")
        openssl = ["openssl", "genpkey", "-algorithm", "ed25519", "-out", self.key]
        subprocess.run(openssl, check=True, stderr=subprocess.DEVNULL)
        openssl = ["openssl", "pkey", "-in", self.key, "-pubout", "-outform", "DER"]
        der = subprocess.run(openssl, check=True, stdout=subprocess.PIPE).stdout
        assert der.startswith(SPKI)
        self.data = bytes([ED25519]) + der[len(SPKI):]
        self.id = sha256(ORIGIN.encode() + b"\n" + self.data)[:4]

    def vkey(self):
        return "%s+%s+%s" % (ORIGIN, self.id.hex(), b64(self.data))

    def checkpoint(self, size, root):
        text = "%s\n%d\n%s\n" % (ORIGIN, size, b64(root))
        message = self.key + ".text"
        write(text.encode(), message)
        openssl = ["openssl", "pkeyutl", "-sign", "-rawin", "-inkey", self.key, "-in", message]
        signature = subprocess.run(openssl, check=True, stdout=subprocess.PIPE).stdout
        witness = "\u2014 witness.example %s\n" % b64(b"\x01\x02\x03\x04" + bytes(72))
        return "%s\n\u2014 %s %s\n%s" % (text, ORIGIN, b64(self.id + signature), witness)


def publish(log, entries, leaves, already):
    """The tiles and bundles of this log that one of `already` entries did not have."""
    for number, width in tiles(len(entries)):
        if number >= already // WIDTH:
            part = entries[number * WIDTH:number * WIDTH + width]
            bundle = b"".join(len(entry).to_bytes(2, "big") + entry for entry in part)
            write(bundle, log, "tile", "entries", tile_name(number, width))
    level, hashes, before = 0, leaves, already
    while hashes:
        for number, width in tiles(len(hashes)):
            if number >= before // WIDTH:
                tile = b"".join(hashes[number * WIDTH:number * WIDTH + width])
                write(tile, log, "tile", str(level), tile_name(number, width))
        whole = len(hashes) // WIDTH
        hashes = [root_of(hashes[at * WIDTH:(at + 1) * WIDTH]) for at in range(whole)]
        level, before = level + 1, before // WIDTH


def main(folder, *sizes):
    log = os.path.join(folder, "log")
    signer = Signer(folder)
    write((signer.vkey() + "\n").encode(), folder, "vkey")
    entries, leaves = [], []
    for size in map(int, sizes):
        already = len(entries)
        for number in range(already, size):
            entries.append(b"entry %d " % number * (number % 5))
            leaves.append(leaf_hash(entries[-1]))
        publish(log, entries, leaves, already)
        checkpoint = signer.checkpoint(size, root_of(leaves)).encode()
        write(checkpoint, folder, "checkpoint.%d" % size)
        write(checkpoint, log, "checkpoint")
    if entries:
        index = len(entries) // 2
        path = "".join(b64(part) + "\n" for part in inclusion(index, leaves))
        proof = "c2sp.org/tlog-proof@v1\nindex %d\n%s\n%s" % (index, path, checkpoint.decode())
        write(proof.encode(), folder, "proof")
        write(entries[index], folder, "entry")


if __name__ == "__main__":
    main(*sys.argv[1:])
