#!/usr/bin/env python3
"""Reads hivelog's logs, written from docs/format.md alone. Python 3.9 or newer, standard library only.

    hivelog_read.py HIVE               every event of a log and of its child processes' logs, in the order of time
    hivelog_read.py --this-file LOG    every event of this log alone

Each event is printed as it is in the file. Exit code 0: fine, 2: bad use, or a log cannot be read.
As a module: `events` of a log, `hive` of a hive, `logs` of it; `hivelog_verify.py` builds on `segments` and `read`.
"""
import hashlib
import heapq
import json
import os
import re
import sys
import zlib
from functools import partial
from os.path import basename, dirname, exists, isdir, isfile, join, realpath

SEGMENT = r"(.*)\.(\d{12}|[1-9]\d{12,14})\.jsonl(\.gz)?"
LIKE_SEGMENT = r"\d{12,}\.jsonl(\.gz)?"
MAX_LINE, MAX_PADDING = 64 << 20, 64 << 10
MAX_SEQ = 999_999_999_999_999


def member(event, name, kind=dict):
    """A member of that type, or an empty value of it."""
    return event[name] if isinstance(event.get(name), kind) else kind()


def whole(value, least=0, most=2**53 - 1):
    """The integer in that range; None for all else."""
    return int(value) if isinstance(value, float) and value.is_integer() and least <= value <= most else None


# Python would take NaN and Infinity; looking them up in an empty list is a ValueError.
loads = partial(json.loads, parse_int=float, parse_constant=[].index)


def parse(text):
    """The value of a JSON text, however deep it is; what lies deeper than Python goes is checked, and null."""
    try:
        return loads(text)
    except RecursionError:
        pass
    at, depth, pieces = 0, 0, [[]]
    for token in re.finditer(r'"(?:[^"\\]|\\.)*"|[][{}]', text):
        depth += (token[0] in "[{") - (token[0] in "]}")
        if token[0] in "[{" and depth % 100 == 0:
            pieces[-1].append(text[at:token.start()])
            pieces.append([])
            at = token.start()
        elif token[0] in "]}" and depth % 100 == 99 and len(pieces) > 1:
            loads("".join(pieces.pop()) + text[at:token.end()])
            pieces[-1].append("null")
            at = token.end()
    if len(pieces) > 1:
        raise ValueError("it is not closed")
    return loads("".join(pieces[0]) + text[at:])


def decode(line):
    """The event in a line without its newline; None if it is malformed. All numbers are floats."""
    if len(line) > MAX_LINE:
        return None
    try:
        text = line.decode("utf-8").removesuffix("\r").removeprefix("\ufeff")
        event = parse(text)
    except ValueError:
        return None
    if not isinstance(event, dict) or not isinstance(event.get("ts"), float) or abs(event["ts"]) > 8.64e15:
        return None
    return event if isinstance(event.get("kind"), str) and event["kind"] else None


def lines(data):
    """The lines of a segment, without newlines. An open tail is one only if it is a whole event."""
    *whole, tail = data.split(b"\n")
    return whole + [tail] if decode(tail) else whole


def number_in(name):
    """The seq of an archived segment's first line, as its name tells it; 0 for the name of a live file."""
    match = re.fullmatch(SEGMENT, basename(name), re.S | re.A)
    return int(match[2]) if match else 0


def segments(log):
    """Paths of each segment and its twin, oldest first, the live one last; and files that only look like segments."""
    stem = basename(log).removesuffix(".jsonl") + "."
    found, strays = {}, []
    for name in sorted(os.listdir(dirname(log) or ".")):
        if name.startswith(stem) and re.fullmatch(LIKE_SEGMENT, name[len(stem):], re.A):
            path, number = join(dirname(log), name), number_in(name)
            if number and isfile(path):
                found.setdefault(number, []).append(path)
            else:
                strays.append(path)
    archived = [found[number] for number in sorted(found)]
    return archived + ([[log]] if exists(log) or not found else []), strays


def read(path):
    """The uncompressed bytes of a segment up to where it is damaged, and whether these are all."""
    if exists(path) and not isfile(path):
        raise OSError(f"{path} is no regular file, and no log")
    with open(path, "rb") as file:
        data = file.read()
    return inflated(data) if path.endswith(".gz") else (data, True)


def inflated(data):
    """What the members of gzip data hold, as `read` gives it."""
    pieces, at, step, member = [], 0, 4096, zlib.decompressobj(31)
    while at < len(data):
        if member.eof and data[at] == 0:
            return b"".join(pieces), len(data) - at <= MAX_PADDING and not data[at:].strip(b"\0")
        member = zlib.decompressobj(31) if member.eof else member
        before = member.copy()
        try:
            pieces.append(member.decompress(data[at:at + step]))
            at += len(data[at:at + step]) - len(member.unused_data)
        except zlib.error:
            if step == 1:
                return b"".join(pieces), False
            # What it made of these bytes until it failed is lost: so each alone.
            step, member = 1, before
    return b"".join(pieces), member.eof


def hashed(data):
    return hashlib.sha256(data).hexdigest()


def artifact(log, ref):
    """Path of an artifact of a log, or of the log that an archived segment was of."""
    stem = re.sub(SEGMENT + r"\Z", r"\1", log, flags=re.S)
    folders = [each + ".artifacts" for each in (log, stem + ".jsonl", stem)]
    return join(next(filter(isdir, folders), folders[0]), ref[:2], ref)


def events(log):
    """Each event of a log with its line, a segment at a time in memory; what is malformed is left out."""
    for path, *_ in segments(log)[0]:
        for line in lines(read(path)[0]):
            event = decode(line)
            if event:
                yield event, line.removesuffix(b"\r").removeprefix(b"\xef\xbb\xbf")


def is_there(log):
    return exists(log) or segments(log)[0] != [[log]]


def logs(log):
    """A log, and the logs of its child processes, and of theirs; of a child that recorded nothing, its children's."""
    found, listed = [log], set()
    for each in found:
        folder = each + ".agents"
        # A link can lead back to where it is.
        if not isdir(folder) or realpath(folder) in listed:
            continue
        listed.add(realpath(folder))
        logs = [name for name in os.listdir(folder) if name.endswith(".jsonl") and isfile(join(folder, name))]
        above = [name for name in os.listdir(folder) if name.endswith(".jsonl.agents") and isdir(join(folder, name))]
        children = {name.removesuffix(".agents") for name in logs + above}
        found += [join(folder, name) for name in sorted(children) if not number_in(name)]
    return found


def hive(log):
    """The events of all logs of a hive. Of those that come next in their logs the earliest is given first."""
    found = [each for each in logs(log) if each == log or is_there(each)]
    return heapq.merge(*map(events, found), key=lambda pair: pair[0]["ts"])


def main(*args):
    given = hive
    if args[:1] == ("--this-file",):
        given, args = events, args[1:]
    if len(args) != 1 or args[0].startswith("-"):
        raise ValueError(__doc__)
    for _, line in given(args[0]):
        sys.stdout.buffer.write(line + b"\n")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(*sys.argv[1:]))
    except (OSError, ValueError) as error:
        sys.exit(print(error, file=sys.stderr) or 2)
