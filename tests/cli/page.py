#!/usr/bin/env python3
"""Runs the commands of a documentation page in the current folder, in order.

    page.py PAGE...

A block ```sh holds commands that have to succeed. A block ```console holds commands behind "$ "
(continued behind "> ") and what each prints, on stdout and stderr together; "..." there stands for
anything, a line of it for any number of lines. Real numbers are compared to 12 digits; of plans
(--dry-run), which depend on the machine, the words. A command that prints "slab: ..." may fail.
With GOLDEN=write, what is printed is written into the page where it differs.
"""
import os
import re
import subprocess
import sys


def blocks(lines):
    """(kind, first line, line behind the last) of every fenced block."""
    kind, start = None, 0
    for i, line in enumerate(lines):
        if line.startswith("```"):
            if kind is None:
                kind, start = line[3:].strip(), i + 1
            else:
                yield kind, start, i
                kind = None


def commands(lines):
    """(command, what it should print as lines) of a console block."""
    out = []
    for line in lines:
        if line.startswith("$ "):
            out.append([line[2:], []])
        elif line.startswith("> ") and out and not out[-1][1]:
            out[-1][0] += "\n" + line[2:]
        elif out:
            out[-1][1].append(line)
        else:
            raise SystemExit(f"output without a command: {line}")
    return out


def is_close(expected, got):
    """The same words and lines, real numbers to 12 digits: libraries of mathematics differ."""
    if [len(line.split()) for line in expected] != [len(line.split()) for line in got]:
        return False
    for a, b in zip(" ".join(expected).split(), " ".join(got).split()):
        try:
            if a != b and not abs(float(a) - float(b)) <= 1e-12 * abs(float(a)):
                return False
        except ValueError:
            return False
    return True


def words_of_plan(lines):
    return [re.sub(r"\d[\d.]*( ?([KMGT]i)?B| s)?|\s+", " ", line).split() for line in lines]


def matches(command, expected, got):
    if "--dry-run" in command and words_of_plan(expected) == words_of_plan(got.split("\n")[:-1]):
        return True
    if is_close(expected, got.split("\n")[:-1]):
        return True
    pattern = ""
    for line in expected:
        if line == "...":
            pattern += r"(?:.*\n)*?"
        else:
            pattern += ".*".join(re.escape(part) for part in line.split("...")) + r"\n"
    return re.fullmatch(pattern, got) is not None


def show(command, got):
    lines = command.split("\n")
    return ["$ " + lines[0]] + ["> " + line for line in lines[1:]] + got.rstrip("\n").split("\n") * bool(got)


def run_console(lines):
    """What the block should look like, and the messages of what is wrong."""
    fresh, wrong = [], []
    for command, expected in commands(lines):
        ran = subprocess.run(["bash", "-c", command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, text=True)
        may_fail = ran.stdout.split("\n")[-2:-1] and re.search(r"^slab: ", ran.stdout, re.M)
        if ran.returncode != 0 and not may_fail and not expected:
            wrong.append(f"$ {command}\nexit code {ran.returncode}")
        if matches(command, expected, ran.stdout):
            fresh += show(command, "") + expected
            continue
        wrong.append(f"$ {command}\nprints\n{ran.stdout}not\n" + "\n".join(expected))
        fresh += show(command, ran.stdout)
    return fresh, wrong


def run_page(path):
    lines = open(path, encoding="utf-8").read().split("\n")
    fresh, wrong, done = [], [], 0
    for kind, start, end in blocks(lines):
        body = lines[start:end]
        if kind == "console":
            body, bad = run_console(body)
            wrong += bad
        elif kind == "sh":
            script = "\n".join(line for line in body if not line.startswith("#skip"))
            ran = subprocess.run(["bash", "-euo", "pipefail", "-c", script], stdin=subprocess.DEVNULL,
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            if ran.returncode != 0:
                wrong.append(f"{script}\nexit code {ran.returncode}\n{ran.stdout}")
        fresh += lines[done:start] + body
        done = end
    fresh += lines[done:]
    if os.environ.get("GOLDEN") == "write" and fresh != lines:
        open(path, "w", encoding="utf-8").write("\n".join(fresh))
    return wrong


bad = [f"{path}: {message}" for path in sys.argv[1:] for message in run_page(path)]
print("\n".join(bad))
sys.exit(bool(bad))
