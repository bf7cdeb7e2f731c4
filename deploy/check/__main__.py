"""`make deploy-check`: what is deployed, checked by the tools that will read it, without an engine or a cluster."""

import sys
import time

import chart
import compose
import dashboard
import engines
import scripts
import settings
from report import Report


def main() -> int:
    report, start = Report(), time.monotonic()
    for part in (scripts, compose, chart, engines, dashboard, settings):
        part.check(report)
    print(f"deploy-check: {report.passed} passed, {report.failed} failed, {time.monotonic() - start:.0f} s")
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
