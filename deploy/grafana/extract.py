#!/usr/bin/env python3
"""Every SQL statement of a dashboard, one JSON object a line: {"place", "format", "sql"}.

    extract.py [--raw] [--site SITE]... [DASHBOARD.json]

Without --raw, macros and variables are replaced as the data source would replace them: the time range is all of time,
an interval is an hour, `site` is the given sites. So each line can be sent to ClickHouse as it is.
"""

import argparse
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

OVERVIEW = Path(__file__).resolve().parent / "dashboards" / "overview.json"

# 1970-01-01 to 2100-01-01.
FROM, TO = "toDateTime(0)", "toDateTime(4102444800)"
MACROS = [
    (re.compile(r"\$__timeFilter\(([^()]+)\)"), rf"(\1 >= {FROM} AND \1 <= {TO})"),
    (re.compile(r"\$__timeInterval\(([^()]+)\)"), r"toStartOfInterval(toDateTime(\1), INTERVAL 3600 second)"),
    (re.compile(r"\$__fromTime\b"), FROM),
    (re.compile(r"\$__toTime\b"), TO),
]


def targets(dashboard: dict) -> Iterator[tuple[str, dict]]:
    """Place and query of every panel (rows inside rows too), variable and annotation."""
    pending = list(dashboard["panels"])
    while pending:
        panel = pending.pop(0)
        pending.extend(panel.get("panels", []))
        for target in panel.get("targets", []):
            yield f"panel {panel['title']!r} {target['refId']}", target
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            yield f"variable {variable['name']!r}", {"rawSql": variable["query"], "queryType": "table"}
    for annotation in dashboard["annotations"]["list"]:
        if "target" in annotation:
            yield f"annotation {annotation['name']!r}", annotation["target"]


def quoted(values: list[str]) -> str:
    return ",".join("'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'" for value in values)


def expand(sql: str, sites: list[str]) -> str:
    for pattern, replacement in MACROS:
        sql = pattern.sub(replacement, sql)
    return sql.replace("${site:singlequote}", quoted(sites))


def main() -> int:
    parser = argparse.ArgumentParser(description="every SQL statement of a dashboard, one JSON object a line")
    parser.add_argument("--raw", action="store_true", help="leave macros and variables as they are")
    parser.add_argument("--site", action="append", default=[], help="a value of the variable `site`")
    parser.add_argument("dashboard", nargs="?", type=Path, default=OVERVIEW)
    arguments = parser.parse_args()
    for place, target in targets(json.loads(arguments.dashboard.read_text())):
        sql = target["rawSql"]
        if not arguments.raw:
            sql = expand(sql, arguments.site or ["none"])
        print(json.dumps({"place": place, "format": target["queryType"], "sql": sql}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
