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
from os.path import basename, dirname, exists, isdir, isfile, join

SEGMENT = r"(.*)\.(\d{12}|[1-9]\d{12,14})\.jsonl(\.gz)?"
LIKE_SEGMENT = r"\d{12,}\.jsonl(\.gz)?"
MAX_LINE = 64 << 20
MAX_SEQ = 999_999_999_999_999


def member(event, name, kind=dict):
    """A member of that type, or an empty value of it."""
    return event[name] if isinstance(event.get(name), kind) else kind()


def whole(value, least=0, most=2**53 - 1):
    """The integer in that range; None for all else."""
    return int(value) if isinstance(value, float) and value.is_integer() and least <= value <= most else None


def decode(line):
    """The event in a line without its newline; None if it is malformed. All numbers are floats."""
    if len(line) > MAX_LINE:
        return None
    try:
        text = line.decode("utf-8").removesuffix("\r").removeprefix("\ufeff")
        # Python would take NaN and Infinity; looking them up in an empty list is a ValueError.
        event = json.loads(text, parse_int=float, parse_constant=[].index)
    except (ValueError, RecursionError):
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
    """The uncompressed bytes of a segment, and whether these are all."""
    with open(path, "rb") as file:
        data = file.read()
    if not path.endswith(".gz"):
        return data, True
    pieces, inflater = [], zlib.decompressobj(31)
    try:
        for at in range(0, len(data), 4096):
            pieces.append(inflater.decompress(data[at:at + 4096]))
    except zlib.error:
        pass
    return b"".join(pieces), inflater.eof


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
    found = [log]
    for each in found:
        folder = each + ".agents"
        names = os.listdir(folder) if isdir(folder) else []
        children = {name.removesuffix(".agents") for name in names if re.search(r"\.jsonl(\.agents)?\Z", name)}
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
