"""Adds a run to the table of what has been fuzzed: times.py FILE TARGET ENGINE SECONDS INPUTS OPEN"""
import os, sys

HEAD = """# How long each target has been fuzzed

Added up by `tests/fuzz/run.sh`, from every run; with address and undefined behaviour sanitizers.

| target | engine | minutes | inputs | open failures |
|---|---|---|---|---|
"""


def main(path, target, engine, seconds, inputs, failures):
    rows = {}
    if os.path.exists(path):
        for line in open(path):
            cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
            if len(cells) == 5 and cells[2].replace(".", "").isdigit():
                rows[cells[0], cells[1]] = (float(cells[2]), int(cells[3].replace(",", "")), cells[4])
    minutes, before, _ = rows.get((target, engine), (0.0, 0, ""))
    rows[target, engine] = (minutes + float(seconds) / 60, before + int(inputs), failures)
    with open(path + ".new", "w") as out:
        out.write(HEAD)
        for (name, by), (m, n, left) in sorted(rows.items(), key=lambda row: (row[0][1], row[0][0])):
            out.write(f"| {name} | {by} | {m:.1f} | {n:,} | {left} |\n")
    os.rename(path + ".new", path)


main(*sys.argv[1:])
