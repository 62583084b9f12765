#!/usr/bin/env python3
"""Reads and verifies hivelog's logs, written from docs/format.md alone; the steps named here are those of that page.
Python 3.9 or newer, standard library only; signatures are checked where the package `cryptography` is installed.
    hivelog_read.py verify LOG [--key public.pem]    a line for each finding, then the verdict
    hivelog_read.py cat LOG                          every event, as it is in the file
Exit code 0: fine, 1: found something, 2: bad use, or the log cannot be read. A segment at a time is held in memory."""
import base64, hashlib, json, os, re, sys, zlib  # noqa: E401
from os.path import basename, dirname, exists, getsize, isfile, join
from types import SimpleNamespace as Record
try:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
except ImportError:
    Ed25519PublicKey = None

SEGMENT, LIKE_SEGMENT = r"(.*)\.(\d{12}|[1-9]\d{12,14})\.jsonl(\.gz)?", r"\d{12,}\.jsonl(\.gz)?"
SPKI, MIB, MAX_SEQ = bytes.fromhex("302a300506032b6570032100"), 1 << 20, 999_999_999_999_999

def sha256(data):
    return hashlib.sha256(data).hexdigest()

def no_json(word):
    raise ValueError(word)

def decode(line):
    """The event in a line without its newline; None if it is malformed. All numbers are floats."""
    try:
        text = line.decode("utf-8").removesuffix("\r").removeprefix("\ufeff")
        event = json.loads(text, parse_int=float, parse_constant=no_json) if len(line) <= 64 * MIB else None
    except (ValueError, RecursionError):
        return None
    is_event = isinstance(event, dict) and isinstance(event.get("ts"), float) and abs(event["ts"]) <= 8.64e15
    return event if is_event and member(event, "kind", str) else None

def member(event, name, kind=dict):
    return event[name] if isinstance(event.get(name), kind) else kind()

def whole(value, least=0, most=2**53 - 1):
    return int(value) if isinstance(value, float) and value.is_integer() and least <= value <= most else None

def is_users(event):
    return not event["kind"].startswith("log.")

def number_in(name):
    match = re.fullmatch(SEGMENT, basename(name), re.S | re.A)
    return int(match[2]) if match else 0

def segments(log):
    """Paths of each segment and its twin, oldest first, the live one last; and files that only look like segments."""
    stem, found, strays = basename(log).removesuffix(".jsonl") + ".", {}, []
    for name in sorted(os.listdir(dirname(log) or ".")):
        if name.startswith(stem) and re.fullmatch(LIKE_SEGMENT, name[len(stem):], re.A):
            path, number = join(dirname(log), name), number_in(name)
            found.setdefault(number, []).append(path) if number and isfile(path) else strays.append(path)
    return [found[number] for number in sorted(found)] + ([[log]] if exists(log) or not found else []), strays

def read(path):
    """The uncompressed bytes, and whether these are all."""
    with open(path, "rb") as file:
        data, pieces, inflater = file.read(), [], zlib.decompressobj(31)
    try:
        for at in range(0, len(data), 4096) if path.endswith(".gz") else ():
            pieces.append(inflater.decompress(data[at:at + 4096]))
    except zlib.error:
        return b"".join(pieces), False
    return (b"".join(pieces), inflater.eof) if path.endswith(".gz") else (data, True)

def lines_of(data):
    *lines, tail = data.split(b"\n")
    return lines + [tail] if decode(tail) else lines

class Verifier:
    def __init__(self, log, key):
        self.log, self.key, self.findings, self.gaps, self.seen, self.before = log, key, [], [], set(), None
        self.due, self.numbered, self.id, self.policy, self.users, self.sigs = 1, False, None, (4 * MIB, 60_000), 0, 0
        self.artifacts = re.sub(SEGMENT + r"\Z", r"\1.jsonl", log, flags=re.S) + ".artifacts"

    def find(self, file, what, line=None, to=None, missing=None):
        self.findings.append((file, line, to, what, missing))

    def run(self):
        parts, strays = segments(self.log)
        for path, *twins in parts:
            self.segment(path)
            for twin in twins:
                if sha256(read(twin)[0]) != self.before.sha256:
                    self.find(twin, "it has other bytes than the segment without .gz")
        self.findings += self.before.end
        if path != self.log:
            self.find(self.log, "the live file is not there")
        for stray in strays:
            self.find(stray, "it is called like a segment, and can be none")
        if self.key and self.users and not self.sigs:
            self.find(self.log, "nothing in the log is signed")
        return [each for each in self.findings if not each[4] or not self.is_explained(*each[4])]

    def is_explained(self, start, end):
        for low, high in sorted(self.gaps):
            start = high + 1 if low <= start <= high else start
        return start > end

    def segment(self, path):
        known, due, is_first = len(self.findings), self.due, self.before is None
        s = self.scan(path)
        if is_first and s.first_seq == 1 and s.wrong != 1:
            self.id = s.id
        self.id = self.id or next((o.log for o in s.opens if o.log), s.id if is_first and s.first_seq == 1 else None)
        for other in [o for o in s.opens if o.log and o.log != self.id][:1]:
            self.find(path, f"this line is of the log {other.log}, not of {self.id}", other.line)
        signed = [seal for seal in s.seals if self.is_signed(s, seal)] if self.key else []
        s.own = len(self.findings) > known
        self.link(s, due)
        self.adopted(s, signed)
        self.before = s

    def scan(self, path):
        """Steps 2, 3 and 4."""
        data, is_all = read(path)
        s = Record(path=path, data=data, number=number_in(path), opens=[], seals=[], first={}, end=[], wrong=0, changed=None,
                   gaps=[], users=0, sigs=0, sha256=sha256(data), id=sha256(data.split(b"\n")[0])[:16])
        s.first_seq, digest, offset, trusted, with_id, bad, kind = s.number, hashlib.sha256(), 0, True, False, None, None
        self.due = s.number or self.due
        for n, line in enumerate(lines_of(data), 1):
            event, at, before = decode(line), offset, digest.copy()
            offset += len(line) + 1
            digest.update(data[at:offset])
            seq = whole(event.get("seq"), 1, MAX_SEQ) if event else None
            self.numbered = self.numbered or seq is not None
            if not event or (self.numbered and not seq):
                bad, kind = bad or Record(line=n, size=0, counted=0), None
                bad.size, bad.counted = bad.size + len(line), bad.counted + (not self.numbered)
                self.due += not self.numbered
                continue
            kind, seq = event["kind"], seq or self.due
            if not s.first_seq:
                s.first_seq, self.due = seq, max(seq, self.due) if bad and bad.counted else seq
            missing = (self.due, seq - 1) if seq > self.due else None
            is_told = bad and kind == "log.torn" and event.get("bytes") == bad.size
            if bad and not is_told:
                self.find(path, "malformed, and no log.torn accounts for it", bad.line, n - 1, missing)
            elif missing:
                self.find(path, f"seq {missing[0]} to {missing[1]} are missing before it", n, None, missing)
            if seq < self.due - (bad.counted if bad else 0):
                self.find(path, f"seq {seq} stands where seq {self.due} should", n)
            if kind == "log.torn" and not bad:
                self.find(path, "no malformed line is before this log.torn", n)
            self.due, bad = max(self.due, seq + 1), None
            s.first, s.users = event if n == 1 else s.first, s.users + is_users(event)
            self.check_artifacts(event, line, path, n)
            if kind == "log.seal":
                s.sigs += "sig" in event
                if trusted and event.get("sha256") != before.hexdigest():
                    trusted, s.wrong = False, s.seals[-1].line if s.seals else 1
                    self.find(path, "something was changed in these lines", s.wrong, n)
                elif trusted:
                    s.seals.append(Record(line=n, end=offset, event=event, with_id=with_id))
                    if event.get("bytes") != at:
                        self.find(path, f"the seal has another number of bytes than the {at} before it", n)
            elif kind == "log.gap" and whole(event.get("from"), 1) and whole(event.get("to"), event["from"]):
                s.gaps.append((int(event["from"]), int(event["to"])))
            elif kind == "log.changed" and n <= 8:
                s.changed = event
            elif kind == "log.open":
                found, with_id = member(event, "adopted"), isinstance(event.get("signs"), dict)
                s.opens.append(Record(line=n, at=at, log=member(event, "log", str), found=found, signs=event.get("signs")))
                trusted = trusted or (bool(found) and "file" not in found)
        if bad:
            self.find(path, "malformed, and no log.torn accounts for it", bad.line)
        if not is_all:
            s.end = [(path, None, None, "its compressed data is damaged", None)]
        elif s.number and self.numbered and (kind != "log.seal" or not data.endswith(b"\n")):
            s.end = [(path, data.count(b"\n") + (data[-1:] not in (b"", b"\n")) or None, None, "no seal at its end", None)]
        s.first_seq = s.first_seq or self.due
        self.gaps, self.users, self.sigs = self.gaps + s.gaps, self.users + s.users, self.sigs + s.sigs
        return s

    def link(self, s, due):
        """Step 5."""
        before, name = self.before, None
        if s.first.get("kind") == "log.open":
            name = basename(member(member(s.first, "prev"), "file", str))
        missing = (due, s.first_seq - 1) if s.first_seq > due else None
        if s.path == self.log and s.number:
            return
        if s.changed:
            file = basename(member(s.changed, "file", str)) or name or basename(s.path)
            return self.find(join(dirname(self.log), file), "its writer found it changed by somebody else")
        if not before:
            if name or s.first_seq != 1:
                self.find(join(dirname(self.log), name) if name else s.path, "what comes before is not there", 1 if not name else None)
            return
        is_unsure = any(low < s.first_seq <= high + 1 for low, high in s.gaps)
        is_fenced = name and any(o.found.get("file") == name for o in s.opens)
        end = [] if (is_unsure or is_fenced) and "no seal" in str(before.end) else before.end
        is_named = not name or number_in(name) == before.first_seq
        self.findings += [(*each[:4], missing if is_named else None) for each in end]
        if (s.wrong == 1 and s.first_seq == due) or (end and is_named):
            return
        if not is_named:
            self.find(join(dirname(self.log), name), "this segment is not there", missing=missing)
        elif name and s.first["prev"].get("sha256") != before.sha256 and not before.own and (missing or not is_unsure):
            self.find(before.path, f"it is not as {basename(s.path)} says", missing=missing)
        elif s.first_seq != due:
            self.find(s.path, f"it begins with seq {s.first_seq} instead of {due}", 1, None, missing)
        elif not name and s.first.get("seq"):
            self.find(s.path, "it does not name the segment before it", 1)

    def is_signed(self, s, seal):
        """Step 7."""
        stem, sig = basename(s.path).removesuffix(".jsonl"), seal.event.get("sig")
        name = basename(s.path).removesuffix(".gz") if s.number else f"{stem}.{s.first_seq:012d}.jsonl"
        text = f"{seal.event['sha256']} {name}" + (f" {self.id}" if seal.with_id else "")
        try:
            self.key.verify(base64.b64decode(sig + "==="), text.encode())
            return True
        except (TypeError, ValueError, InvalidSignature):
            self.find(s.path, "unsigned" if sig is None else "not signed by this key, for this place", seal.line)
            return False

    def adopted(self, s, signed):
        """Steps 8 and 9."""
        rest = signed[-1].end if signed else 0
        vouched = rest
        for o in s.opens:
            start, size, file = whole(o.found.get("from")), whole(o.found.get("bytes")), o.found.get("file")
            if o.found:
                data = s.data if not isinstance(file, str) else self.before.data if self.before and basename(file) == \
                    basename(self.before.path).removesuffix(".gz") else b""
                part = data[start or 0:(start or 0) + (size or 0)]
                fits = len(part) == size and sha256(part) == o.found.get("sha256") and (file or start + size <= o.at)
                why = not fits and "other bytes than its writer found" or self.key and self.too_long(part, start == 0)
                if why:
                    self.find(s.path if not file else self.before.path if self.before else file, why, o.line if not file else None)
                end = 0 if file else (start or 0) + (size or 0)
                rest = o.at if o.at > rest and (start or 0) <= rest and o.at - end < 4096 else rest
            if isinstance(o.signs, dict) and o.at < vouched:
                self.policy = tuple(o.signs.get(name, float("inf")) for name in ("everyBytes", "everyMs"))
        if self.key and not s.wrong:
            if not signed and not s.sigs and s.users and s.opens and s.opens[0].line == 1 and s.opens[0].signs:
                self.find(s.path, "its writer signs, and no seal is signed", 1)
            elif not s.end and self.too_long(s.data[rest:], False):
                self.find(s.path, self.too_long(s.data[rest:], False), s.data[:rest].count(b"\n") + 1, s.data.count(b"\n"))

    def too_long(self, part, is_all):
        users = [event for event in map(decode, part.split(b"\n")[:-1]) if not event or is_users(event)]
        times = [event["ts"] for event in users if event] or [0]
        if users and (is_all or len(part) > 2 * self.policy[0] + MIB or abs(times[-1] - times[0]) > 2 * self.policy[1] + 300_000):
            return "more bytes than its writer leaves without a signed seal"

    def check_artifacts(self, event, line, path, n):
        """Step 10."""
        values = [v for v in event.values() if isinstance(v, dict) and list(v) == ["ref", "bytes"] and b'{"ref"' in line]
        for value in values + ([event] if event["kind"] == "snapshot" else []):
            ref, size = member(value, "ref", str), whole(value.get("bytes"))
            if re.fullmatch("[0-9a-f]{64}", ref) and size is not None and (ref, size) not in self.seen:
                self.seen.add((ref, size))
                file = join(self.artifacts, ref[:2], ref)
                if not isfile(file) or getsize(file) != size or sha256(read(file)[0]) != ref:
                    self.find(path, f"the artifact {file} is not there, or not what it was", n)

def main(command=None, log=None, *rest):
    if command not in ("verify", "cat") or log is None or (rest and (command == "cat" or len(rest) != 2 or rest[0] != "--key")):
        raise ValueError(__doc__)
    if command == "cat":
        for path, *_ in segments(log)[0]:
            for line in lines_of(read(path)[0]):
                if decode(line):
                    sys.stdout.buffer.write(line.removesuffix(b"\r").removeprefix(b"\xef\xbb\xbf") + b"\n")
        return 0
    key = None
    if rest:
        with open(rest[1]) as file:
            der = base64.b64decode("".join(line for line in file.read().splitlines() if "-----" not in line))
        if len(der) != 44 or not der.startswith(SPKI):
            raise ValueError(f"{rest[1]} is no Ed25519 public key in PEM")
        if Ed25519PublicKey is None:
            print("signatures were not checked: the package `cryptography` is not installed")
        key = Ed25519PublicKey and Ed25519PublicKey.from_public_bytes(der[12:])
    findings = Verifier(log, key).run()
    for file, line, to, what, _ in findings:
        print(f"{file}:{line or ''}{f'-{to}' if to and to != line else ''}: {what}")
    print(f"DAMAGED: {log}: {len(findings)} places" if findings else f"ok: {log}")
    return 1 if findings else 0

if __name__ == "__main__":
    try:
        sys.exit(main(*sys.argv[1:]))
    except (OSError, ValueError, TypeError) as error:
        sys.exit(print(error, file=sys.stderr) or 2)
