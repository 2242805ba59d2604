"""Measures Holdfast beside OpenBao in one run; prints one table and writes JSON. run.sh calls it."""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from types import FrameType
from typing import Any

from lab import FULL, QUICK, Lab, Plan, say
from measure import BenchError, reason
from process import end_all
from rows import Result, Row, rows

DEADLINE_SECONDS = 600


class Stopped(BaseException):
    """A signal or the deadline: everything ends, and what was started is ended first."""


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", type=Path, required=True, help="holdfast, a release build")
    parser.add_argument("--openbao", type=Path, required=True, help="OpenBao's bao")
    parser.add_argument("--work", type=Path, required=True, help="a folder on the disk to measure")
    parser.add_argument("--json", type=Path, required=True, help="where the results go")
    parser.add_argument("--quick", action="store_true", help="one short round: does it work, not how fast is it")
    parser.add_argument("--only", action="append", metavar="ROW", help="only this row (may be repeated)")
    parser.add_argument("--list", action="store_true", help="list the rows and stop")
    return parser.parse_args()


def chosen(plan: Plan, only: list[str] | None) -> list[Row]:
    """The rows to measure."""
    every = rows(plan.large, plan.reads, plan.imported)
    unknown = set(only or ()) - {row.key for row in every}
    if unknown:
        raise BenchError(f"no row {', '.join(sorted(unknown))}; there are {', '.join(row.key for row in every)}")
    return [row for row in every if not only or row.key in only]


def measure(lab: Lab, wanted: list[Row]) -> dict[str, Result | str]:
    """Each row's result, or in words why there is none: one that fails leaves the others."""
    lab.run_rounds(name for row in wanted for name in row.loads)
    results: dict[str, Result | str] = {}
    for row in wanted:
        try:
            results[row.key] = row.measure(lab)
        except (BenchError, OSError, KeyError) as error:
            results[row.key] = reason(error)
    return results


def number(value: float | None, unit: str) -> str:
    """A number as the table shows it."""
    if value is None:
        return "-"
    digits = 0 if unit == "/s" or value >= 1_000 else 1 if value >= 10 else 2
    return f"{value:,.{digits}f} {unit}".replace(" /s", "/s")


def cells(row: Row, result: Result | str) -> list[str]:
    """One line of the table."""
    if isinstance(result, str):
        return [row.what, "not measured", "-", "-", "-", "no"]
    ratio = f"{result.ratio:.2f}x" if result.ratio is not None and result.ratio >= 0.01 else "-"
    target = f"{result.target} ({result.note})" if result.note else result.target
    met = "yes" if result.met else "NO"
    return [row.what, number(result.measured, row.unit), number(result.openbao, row.unit), ratio, target, met]


def table(wanted: list[Row], results: dict[str, Result | str]) -> str:
    """The whole table, columns aligned."""
    lines = [["what", "Holdfast", "OpenBao", "ratio", "must reach", "met"]]
    lines += [cells(row, results[row.key]) for row in wanted]
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    lines.insert(1, ["-" * width for width in widths])
    numeric = {1, 2, 3}
    return "\n".join(
        "  ".join(
            cell.rjust(widths[column]) if column in numeric else cell.ljust(widths[column])
            for column, cell in enumerate(line)
        ).rstrip()
        for line in lines
    )


def document(lab: Lab, wanted: list[Row], results: dict[str, Result | str], quick: bool) -> dict[str, Any]:
    """The same as JSON, with every single load."""
    lines = []
    for row in wanted:
        result = results[row.key]
        found = {"error": result} if isinstance(result, str) else asdict(result)
        lines.append({"row": row.key, "what": row.what, "unit": row.unit, **found})
    samples = {name: [asdict(load) for load in loads] for name, loads in lab.samples.items()}
    return {**lab.facts(), "quick": quick, "rows": lines, "samples": samples}


def stop(number_: int, _: FrameType | None) -> None:
    """Turns a signal into an exception, so that servers end with us."""
    raise Stopped(f"not done after {DEADLINE_SECONDS} s" if number_ == signal.SIGALRM else "stopped")


def bench(options: argparse.Namespace, folder: Path) -> int:
    """Measures, prints and writes; the number of rows that could not be measured."""
    plan = QUICK if options.quick else FULL
    wanted = chosen(plan, options.only)
    lab = Lab(options.binary.resolve(), options.openbao.resolve(), folder, plan)
    results = measure(lab, wanted)
    print(table(wanted, results))
    remark = "; a quick run: no numbers to keep" if options.quick else ""
    print(f"\nfdatasync of this disk: {lab.sync:.0f} us (p50){remark}")
    options.json.write_text(json.dumps(document(lab, wanted, results, options.quick), indent=2) + "\n")
    print(f"written to {options.json}")
    failures = [f"{key}: {result}" for key, result in results.items() if isinstance(result, str)]
    for failure in failures:
        say(failure)
    return len(failures)


def main() -> int:
    """Runs under the deadline and leaves no process and no folder behind."""
    options = arguments()
    if options.list:
        for row in rows(FULL.large, FULL.reads, FULL.imported):
            print(f"{row.key:12} {row.what}")
        return 0
    for kind in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM):
        signal.signal(kind, stop)
    signal.alarm(DEADLINE_SECONDS)
    # Resolved: the servers get absolute paths. Short: a socket's path has 107 bytes.
    folder = Path(tempfile.mkdtemp(prefix="bench-", dir=options.work.resolve()))
    try:
        return 1 if bench(options, folder) else 0
    except (BenchError, Stopped) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    finally:
        signal.alarm(0)
        end_all()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
