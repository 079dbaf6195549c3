#!/usr/bin/env python3
"""Checks a log from its published specifications alone: Python's standard library, and the
`openssl` command for Ed25519.

    check.py LOGDIR VKEYS OLDER-CHECKPOINT [PROOF|REVEALED...]

VKEYS holds one verifier key a line: that of the log, and behind it those that signed it earlier.
The older checkpoint may be signed by any of them. PROOF is a C2SP tlog-proof of an entry, REVEALED
the JSON of `audit show --reveal`: contents that an entry of the log commits to. Follows C2SP signed-note, tlog-checkpoint, tlog-tiles and tlog-proof, RFC 6962 section 2.1 (tree)
and RFC 8785 (entries). Prints a line that begins with OK, or one that begins with FAIL and exits
with 1.
"""

import base64
import hashlib
import hmac
import json
import os
import subprocess
import sys
import tempfile

WIDTH = 256
ED25519 = 1
# DER of an Ed25519 public key up to the key itself (RFC 8410).
SPKI = bytes.fromhex("302a300506032b6570032100")


class Wrong(Exception):
    pass


def need(condition, why):
    if not condition:
        raise Wrong(why)


def sha256(data):
    return hashlib.sha256(data).digest()


def leaf_hash(entry):
    return sha256(b"\x00" + entry)


def node_hash(left, right):
    return sha256(b"\x01" + left + right)


def split(size):
    """The largest power of two smaller than size."""
    return 1 << ((size - 1).bit_length() - 1)


def root_of(hashes):
    if not hashes:
        return sha256(b"")
    if len(hashes) == 1:
        return hashes[0]
    middle = split(len(hashes))
    return node_hash(root_of(hashes[:middle]), root_of(hashes[middle:]))


def inclusion(index, hashes):
    if len(hashes) == 1:
        return []
    middle = split(len(hashes))
    if index < middle:
        return inclusion(index, hashes[:middle]) + [root_of(hashes[middle:])]
    return inclusion(index - middle, hashes[middle:]) + [root_of(hashes[:middle])]


def root_from_inclusion(leaf, index, size, path):
    if size == 1:
        need(not path, "the proof is too long")
        return leaf
    need(path, "the proof is too short")
    middle = split(size)
    if index < middle:
        return node_hash(root_from_inclusion(leaf, index, middle, path[:-1]), path[-1])
    return node_hash(path[-1], root_from_inclusion(leaf, index - middle, size - middle, path[:-1]))


def consistency(old, hashes, whole=True):
    if old == len(hashes):
        return [] if whole else [root_of(hashes)]
    middle = split(len(hashes))
    if old <= middle:
        return consistency(old, hashes[:middle], whole) + [root_of(hashes[middle:])]
    return consistency(old - middle, hashes[middle:], False) + [root_of(hashes[:middle])]


def roots_from_consistency(old, new, path, old_root, whole=True):
    """The old root and the new one that a consistency proof leads to."""
    if old == new:
        if whole:
            need(not path, "the proof is too long")
            return old_root, old_root
        need(len(path) == 1, "the proof has another length")
        return path[0], path[0]
    need(path, "the proof is too short")
    middle = split(new)
    if old <= middle:
        left, right = roots_from_consistency(old, middle, path[:-1], old_root, whole)
        return left, node_hash(right, path[-1])
    left, right = roots_from_consistency(old - middle, new - middle, path[:-1], old_root, False)
    return node_hash(path[-1], left), node_hash(path[-1], right)


def ed25519(key, message, signature):
    """Whether openssl accepts the signature."""
    with tempfile.TemporaryDirectory() as folder:
        files = {"key": SPKI + key, "message": message, "signature": signature}
        paths = {name: os.path.join(folder, name) for name in files}
        for name, data in files.items():
            with open(paths[name], "wb") as file:
                file.write(data)
        command = ["openssl", "pkeyutl", "-verify", "-rawin", "-pubin", "-keyform", "DER"]
        command += ["-inkey", paths["key"], "-in", paths["message"]]
        command += ["-sigfile", paths["signature"]]
        return subprocess.run(command, stdout=subprocess.DEVNULL).returncode == 0


def decode(text):
    data = base64.b64decode(text, validate=True)
    need(base64.b64encode(data).decode() == text, "base64 in another spelling")
    return data


class Key:
    """A C2SP vkey: NAME+HEX+BASE64."""

    def __init__(self, text):
        self.name, key_id, data = text.strip().split("+", 2)
        data = decode(data)
        need(data[0] == ED25519 and len(data) == 33, "not an Ed25519 key")
        self.key = data[1:]
        self.id = sha256(self.name.encode() + b"\n" + data)[:4]
        need(self.id.hex() == key_id, "the key id is not that of the key")

    def open(self, note):
        """The text of a signed note."""
        text, mark, signatures = note.rpartition("\n\n")
        need(mark and signatures.endswith("\n"), "not a signed note")
        text += "\n"
        found = False
        for line in signatures[:-1].split("\n"):
            dash, name, data = line.split(" ")
            need(dash == "\u2014", "not a signature line")
            data = decode(data)
            if (name, data[:4]) == (self.name, self.id):
                need(ed25519(self.key, text.encode(), data[4:]), "the signature does not fit")
                found = True
        need(found, "no signature by this key")
        return text

    def checkpoint(self, note):
        """Size and root that a checkpoint states."""
        origin, size, root, *extensions, end = self.open(note).split("\n")
        need(origin == self.name, "the checkpoint of another log")
        need(size == str(int(size)) and int(size) >= 0, "a size in another spelling")
        need(all(extensions) and end == "", "an empty extension line")
        root = decode(root)
        need(len(root) == 32, "a root of another length")
        return int(size), root


def read(*path):
    with open(os.path.join(*path), "rb") as file:
        return file.read()


def read_text(*path):
    return read(*path).decode("utf-8")


def tile_name(number, width):
    name = "%03d" % (number % 1000)
    while number >= 1000:
        number //= 1000
        name = "x%03d/" % (number % 1000) + name
    return name if width == WIDTH else "%s.p/%d" % (name, width)


def tiles(count):
    """Number and width of each tile that holds so many items."""
    for number in range(-(-count // WIDTH)):
        yield number, min(WIDTH, count - number * WIDTH)


def read_entries(log, size):
    entries = []
    for number, width in tiles(size):
        name = tile_name(number, width)
        data = read(log, "tile", "entries", name)
        for _ in range(width):
            need(len(data) >= 2, "a bundle is too short")
            length = int.from_bytes(data[:2], "big")
            need(len(data) >= 2 + length, "a bundle ends inside an entry")
            entries.append(data[2:2 + length])
            data = data[2 + length:]
        need(not data, "tile/entries/%s has more than its entries" % name)
    return entries


def check_tiles(log, leaves):
    """Every tile of every level holds the hashes that the leaves below it have."""
    level, hashes = 0, leaves
    while hashes:
        for number, width in tiles(len(hashes)):
            name = "tile/%d/%s" % (level, tile_name(number, width))
            found = b"".join(hashes[number * WIDTH:number * WIDTH + width])
            need(read(log, name) == found, "%s does not fit what is below it" % name)
        whole = len(hashes) // WIDTH
        hashes = [root_of(hashes[at * WIDTH:(at + 1) * WIDTH]) for at in range(whole)]
        level += 1


def check_entry(entry):
    """Canonical JSON with the fields that every entry has."""
    value = json.loads(entry)
    # Our entries hold integers and texts alone, and ASCII names: sorted keys are canonical then.
    again = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    need(again.encode("utf-8") == entry, "an entry is not canonical")
    for name in ("v", "id", "ts", "type", "outcome", "actor", "req", "policy"):
        need(name in value, "an entry without %s" % name)


def check_proof(text, key, entries):
    """A C2SP tlog-proof of one of the entries."""
    head, mark, checkpoint = text.partition("\n\n")
    need(mark, "not a proof")
    header, *lines = head.split("\n")
    need(header == "c2sp.org/tlog-proof@v1", "not a proof")
    if lines[0].startswith("extra "):
        lines.pop(0)
    index = int(lines.pop(0).split("index ")[1])
    size, root = key.checkpoint(checkpoint)
    need(0 <= index < min(size, len(entries)), "the proof is of no entry")
    path = [decode(line) for line in lines]
    found = root_from_inclusion(leaf_hash(entries[index]), index, size, path)
    need(found == root, "the proof does not lead to its checkpoint")


def check_revealed(shown, entries):
    """Contents that the payload of an entry commits to: HMAC-SHA256 with a salt as the key."""
    found = [entry for entry in entries if leaf_hash(entry).hex() == shown["leaf_hash"]]
    need(found, "the log does not have the entry whose contents are revealed")
    committed = shown.get("committed")
    need(committed, "nothing is revealed: the contents are " + shown["state"])
    salt, contents = bytes.fromhex(committed["salt"]), decode(committed["bytes"])
    need(len(salt) == 32, "a salt of another length")
    commit = hmac.new(salt, contents, hashlib.sha256).hexdigest()
    need(commit == json.loads(found[0])["payload"]["commit"], "other contents than committed to")


def older_checkpoint(keys, note):
    """Size and root that an earlier checkpoint states, by the first key that has signed it."""
    wrong = Wrong("no key")
    for key in keys:
        try:
            return key.checkpoint(note)
        except Wrong as error:
            wrong = error
    raise wrong


def check(log, vkeys, older, proofs):
    keys = [Key(line) for line in read_text(vkeys).splitlines()]
    need(keys, "no verifier key")
    key = keys[0]
    need(all(other.name == key.name for other in keys), "keys of several logs")
    size, root = key.checkpoint(read_text(log, "checkpoint"))
    old_size, old_root = older_checkpoint(keys, read_text(older))
    entries = read_entries(log, size)
    leaves = [leaf_hash(entry) for entry in entries]
    check_tiles(log, leaves)
    need(root_of(leaves) == root, "the root is not that of the entries")
    for entry in entries:
        check_entry(entry)
    # A proof takes as long as the tree is large: a sample of them, whatever the size.
    for index in range(0, size, max(1, size // 16)):
        path = inclusion(index, leaves)
        found = root_from_inclusion(leaves[index], index, size, path)
        need(found == root, "entry %d is not included" % index)
    need(old_size <= size, "the log has become shorter")
    need(root_of(leaves[:old_size]) == old_root, "the older checkpoint is of another history")
    if 0 < old_size:
        path = consistency(old_size, leaves)
        found = roots_from_consistency(old_size, size, path, old_root)
        need(found == (old_root, root), "not consistent with the older checkpoint")
    for proof in map(read_text, proofs):
        if proof.startswith("{"):
            check_revealed(json.loads(proof), entries)
        else:
            check_proof(proof, key, entries)
    return "OK %d entries, %d -> %d and %d proofs" % (size, old_size, size, len(proofs))


def main(arguments):
    try:
        log, vkeys, older, *proofs = arguments
        print(check(log, vkeys, older, proofs))
    except (Wrong, OSError, ValueError, LookupError, TypeError) as error:
        print("FAIL", error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
