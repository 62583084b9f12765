#!/usr/bin/env python3
"""Verifies hivelog's logs, written from docs/format.md alone; the steps named here are those of that page.
Python 3.9 or newer, standard library only; signatures are checked where the package `cryptography` is installed.

    hivelog_verify.py LOG [--key public.pem]    a line for each finding, then the verdict

Exit code 0: fine, 1: found something, 2: bad use, or the log cannot be read. A segment at a time is held in memory.
"""
import base64
import hashlib
import json
import re
import sys
from os.path import basename, dirname, exists, getsize, isfile, join
from pathlib import Path
from types import SimpleNamespace as Record

from hivelog_gaps import Gaps
from hivelog_read import MAX_SEQ, artifact, decode, hashed, lines, member, number_in, read, segments, whole

try:
    from cryptography.hazmat.primitives.serialization import load_pem_public_key
except ImportError:
    load_pem_public_key = None

MIB, NO_SEAL = 1 << 20, "no seal at its end"


class Verifier:
    def __init__(self, log, key):
        self.log, self.folder, self.key, self.policy, self.due, self.numbered = log, dirname(log), key, (4 * MIB, 6e4), 1, False
        self.findings, self.gaps, self.seen, self.before, self.id, self.users, self.sigs = [], Gaps(), set(), None, None, 0, 0

    def find(self, is_wrong, file, what, line=None, to=None, missing=None):
        self.findings += [(file, line, to, what, missing)] if is_wrong else []

    def run(self):
        parts, strays = segments(self.log)
        for path, *twins in parts:
            known, due, is_first, s = len(self.findings), self.due, self.before is None, self.scan(path)
            is_start = is_first and s.first_seq == 1
            self.id = s.id if is_start and s.wrong != 1 else self.id or next((o.log for o in s.opens if o.log), is_start and s.id)
            other = next((o.line for o in s.opens if o.log and o.log != self.id), None)
            self.find(other, path, f"a line of another log than {self.id}", other)
            signed = [seal for seal in s.seals if self.key and self.is_signed(s, seal)]
            s.own = len(self.findings) > known
            s.is_unsure = self.gaps.add(s, signed if self.key else s.seals, due)
            self.link(s, due)
            self.adopted(s, signed)
            self.findings, self.before = self.findings + s.artifacts, s
            for twin in twins:
                self.find(read(twin) != (s.data, True), twin, "it has other bytes than the segment without .gz")
        self.findings += self.before.end
        self.find(path != self.log, self.log, "the live file is not there")
        self.find(self.key and self.users and not self.sigs, self.log, "nothing in the log is signed")
        self.findings += [(stray, None, None, "it is called like a segment, and can be none", None) for stray in strays]
        return [each for each in self.findings if not each[4] or not self.gaps.explain(each[0], each[1], each[4])]

    def scan(self, path):  # steps 2, 3 and 4
        data, is_all = read(path)
        s = Record(path=path, data=data, number=number_in(path), opens=[], seals=[], first={}, end=[], wrong=0, changed=None,
                   gaps=[], users=0, sigs=0, artifacts=[], sha256=hashed(data), id=hashed(data.split(b"\n")[0])[:16] if lines(data) else None)
        s.first_seq, digest, offset, trusted, with_id, bad, kind = s.number, hashlib.sha256(), 0, True, False, None, None
        self.due = s.number or self.due
        for n, line in enumerate(lines(data), 1):
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
            kind, seq, counted = event["kind"], seq or self.due, bad.counted if bad else 0
            if not s.first_seq:
                s.first_seq, self.due = seq, max(seq, self.due) if counted else seq
            missing = (self.due, seq - 1) if seq > self.due else None
            is_torn = bad and (kind != "log.torn" or event.get("bytes") != bad.size)
            self.find(is_torn, path, "malformed, and no log.torn accounts for it", bad and bad.line, n - 1, missing)
            self.find(missing and not is_torn, path, f"lines are missing before seq {seq}", n, None, missing)
            self.find(seq < self.due - counted, path, f"seq {seq} stands where seq {self.due} should", n)
            self.find(kind == "log.torn" and not bad, path, "no malformed line is before this log.torn", n)
            self.due, bad = max(self.due, seq + 1), None
            s.first, s.users = event if n == 1 else s.first, s.users + (not kind.startswith("log."))
            self.check_artifacts(event, line, s, n)
            if kind == "log.seal" and trusted:
                trusted = event.get("sha256") == before.hexdigest()
                s.wrong = 0 if trusted else s.seals[-1].line if s.seals else 1
                s.seals += [Record(line=n, seq=seq, end=offset, event=event, with_id=with_id)] if trusted else []
                self.find(not trusted, path, "something was changed in these lines", s.wrong, n)
                self.find(trusted and event.get("bytes") != at, path, f"the seal counts other bytes than the {at} before it", n)
            elif kind == "log.gap":
                s.gaps.append(Record(line=n, at=at, event=event))
            elif kind == "log.open":
                found, with_id = member(event, "adopted"), isinstance(event.get("signs"), dict)
                s.opens.append(Record(line=n, at=at, log=member(event, "log", str), found=found, signs=event.get("signs")))
                trusted = trusted or (bool(found) and "file" not in found)
            s.sigs, s.changed = s.sigs + (kind == "log.seal" and "sig" in event), event if kind == "log.changed" and n <= 8 else s.changed
        self.find(bad, path, "malformed, and no log.torn accounts for it", bad and bad.line)
        if not is_all or (s.number and self.numbered and (kind != "log.seal" or not data.endswith(b"\n"))):
            last = data.count(b"\n") + (data[-1:] not in (b"", b"\n"))
            s.end = [(path, last or None, None, NO_SEAL if is_all and last else "its data is damaged or gone", None)]
        s.first_seq, self.users, self.sigs = s.first_seq or self.due, self.users + s.users, self.sigs + s.sigs
        return s

    def link(self, s, due):  # step 6
        before, prev = self.before, member(s.first, "prev") if s.first.get("kind") == "log.open" else {}
        name, F = basename(member(prev, "file", str)), s.first_seq
        missing = (due, F - 1) if F > due else None
        changed = join(self.folder, basename(member(s.changed or {}, "file", str)) or name or basename(s.path))
        self.find(s.changed, changed, "its writer found it changed by somebody else")
        is_headless = not before and (name or F != 1) and not (s.number and s.path == self.log)
        self.find(is_headless and not s.changed, join(self.folder, name or basename(s.path)), "what comes before is not there")
        if s.changed or not before:
            return
        is_doubtful = s.wrong == 1 and F == due
        is_excused = not is_doubtful and (s.is_unsure or (name and any(o.found.get("file") == name for o in s.opens)))
        end = [each for each in before.end if not (is_excused and each[3] == NO_SEAL)]
        is_named = not name or number_in(name) == before.first_seq
        self.findings += [(*each[:4], missing if is_named else None) for each in end]
        if is_doubtful or (end and is_named):
            return
        is_other = name and prev.get("sha256") != before.sha256 and not before.own and (missing or not s.is_unsure)
        self.find(not is_named, join(self.folder, name), "this segment is not there", None, None, missing)
        self.find(is_named and is_other, before.path, f"it is not as {basename(s.path)} says", None, None, missing)
        is_loose = is_named and not is_other and (F != due or (not name and s.first.get("seq")))
        self.find(is_loose, s.path, "it does not follow on the segment before it", 1, None, missing)

    def is_signed(self, s, seal):  # step 7
        stem, sig = basename(self.log).removesuffix(".jsonl"), seal.event.get("sig")
        stem = self.origin().removesuffix(".jsonl") if stem == self.id and self.origin() else stem
        name = f"{stem}.{s.number or s.first_seq:012d}.jsonl"
        text = f"{seal.event['sha256']} {name}" + (f" {self.id}" if seal.with_id else "")
        try:
            return self.key.verify(base64.b64decode(sig + "==="), text.encode()) is None
        except Exception:  # the package has its own for a wrong signature
            self.find(True, s.path, "unsigned" if sig is None else "not signed by this key, for this place", seal.line)

    def origin(self):
        """The name of the log that this is a copy of."""
        try:
            return basename(member(json.loads(Path(self.log + ".origin").read_bytes()[:4096]), "name", str))
        except (OSError, ValueError, AttributeError):
            return ""

    def adopted(self, s, signed):  # steps 8 and 9
        vouched = rest = signed[-1].end if signed else 0
        for o in s.opens:
            if o.found:
                start, size, file = whole(o.found.get("from")) or 0, whole(o.found.get("bytes")) or 0, member(o.found, "file", str)
                at = self.before if file and self.before and basename(file) == basename(self.before.path).removesuffix(".gz") else s
                part, line = at.data[start:start + size] if bool(file) == (at is not s) else b"", at.data[:start].count(b"\n") + 1
                is_other = len(part) != size or hashed(part) != o.found.get("sha256") or (not file and start + size > o.at)
                self.find(is_other, at.path, "other bytes than its writer found", line)
                is_long = self.key and self.is_long(part, start == 0)
                self.find(is_long, at.path, "its writer found too much without a signed seal", line)
                rest = o.at if o.at > rest >= start and o.at - (0 if file else start + size) < 4096 else rest
            if isinstance(o.signs, dict) and o.at < vouched:
                self.policy = tuple(o.signs.get(name, float("inf")) for name in ("everyBytes", "everyMs"))
        is_due = not signed and not s.sigs and s.users and s.opens and s.opens[0].line == 1 and s.opens[0].signs
        is_wrong = self.key and not s.wrong and (is_due or (not s.end and self.is_long(s.data[rest:], False)))
        self.find(is_wrong, s.path, "a signed seal should be here", s.data[:rest].count(b"\n") + 1, s.data.count(b"\n"))

    def is_long(self, part, is_all):
        users = [event for event in map(decode, part.split(b"\n")[:-1]) if not event or not event["kind"].startswith("log.")]
        times, (every_bytes, every_ms) = [event["ts"] for event in users if event] or [0], self.policy
        return users and (is_all or len(part) > 2 * every_bytes + MIB or abs(times[-1] - times[0]) > 2 * every_ms + 300_000)

    def check_artifacts(self, event, line, s, n):  # step 10
        values = [v for v in event.values() if isinstance(v, dict) and list(v) == ["ref", "bytes"] and b'{"ref"' in line]
        for value in values + ([event] if event["kind"] == "snapshot" else []):
            ref, size = member(value, "ref", str), whole(value.get("bytes"))
            if re.fullmatch("[0-9a-f]{64}", ref) and size is not None and (ref, size) not in self.seen:
                self.seen.add((ref, size))
                file = artifact(self.log, ref)
                if not isfile(file) or getsize(file) != size or hashed(read(file)[0]) != ref:
                    s.artifacts.append((s.path, n, None, f"{file} is not there, or not what it was", not exists(file) and ref))


def main(log=None, option=None, pem=None, *more):
    if not log or log.startswith("-") or more or option not in (None, "--key") or (option and not pem):
        raise ValueError(__doc__)
    key = load_pem_public_key(Path(pem).read_bytes()) if option and load_pem_public_key else None
    if option and not key:
        print("signatures were not checked: the package `cryptography` is not installed")
    findings = Verifier(log, key).run()
    for file, line, to, what, _ in findings:
        print(f"{file}:{line or ''}{f'-{to}' if to and to != line else ''}: {what}")
    print(f"DAMAGED: {log}: {len(findings)} places" if findings else f"ok: {log}")
    return 1 if findings else 0


if __name__ == "__main__":
    try:
        sys.exit(main(*sys.argv[1:]))
    except (OSError, ValueError) as error:
        sys.exit(print(error, file=sys.stderr) or 2)
