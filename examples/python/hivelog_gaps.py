"""What `log.gap` lines explain, of docs/format.md, How to verify, step 11: for hivelog_verify.py."""
from hivelog_read import member, whole


class Gaps:
    def __init__(self):
        self.ranges, self.artifacts = [], []

    def add(self, s, vouching, due):
        """Takes the gaps of the segment s, of which the vouching seals are given. Returns whether the link to the one before is unsure."""
        found = [(whole(o.found.get("from")) or 0, whole(o.found.get("bytes")) or 0) for o in s.opens if o.found and "file" not in o.found]
        is_unsure = False
        for gap in s.gaps:
            is_found = any(start <= gap.at < start + size for start, size in found)
            is_bound = not is_found and any(seal.line > gap.line for seal in vouching)
            before = [seal for seal in vouching if seal.line < gap.line]
            low, high = whole(gap.event.get("from"), 1), whole(gap.event.get("to"), 1)
            if "artifact" in gap.event:
                place = (None, 0) if is_bound else (s.path, before[-1].line if before else 0)
                self.artifacts.append((member(gap.event, "artifact", str), *place))
            elif low and high and low <= high:
                least = 1 if is_bound else before[-1].seq + 1 if before else due
                self.ranges.append((max(low, least), high))
                is_unsure = is_unsure or ((is_bound or not before) and low < s.first_seq <= high + 1)
        return is_unsure

    def explain(self, file, line, missing):
        """Whether they explain that an artifact (its name) or lines (the first and the last) are missing, by a finding there."""
        if isinstance(missing, str):
            return any(ref == missing and path in (None, file) and line > least for ref, path, least in self.artifacts)
        start, end = missing
        for low, high in sorted(self.ranges):
            start = high + 1 if low <= start <= high else start
        return start > end
