"""The dashboards: each statement can be taken out, asks the stable views alone, and stands where it can be seen.

That they run is a test against ClickHouse; `deploy/grafana/extract.py` gives it the statements."""

import json
import re
import sys
from collections.abc import Iterator

import yaml

from report import Report
from tools import ROOT

GRAFANA = ROOT / "deploy" / "grafana"
sys.path.insert(0, str(GRAFANA))
import extract  # noqa: E402  (it lies beside the dashboards)

VIEW = re.compile(r"CREATE OR REPLACE VIEW (v_[a-z_]+)")
SOURCE = re.compile(r"\b(?:FROM|JOIN)\s+(?!\()([A-Za-z_.]+)", re.IGNORECASE)


def views() -> set[str]:
    migrations = (ROOT / "crates" / "store" / "migrations").glob("*.sql")
    return {name for file in migrations for name in VIEW.findall(file.read_text())}


def statement_problems(dashboard: dict, known: set[str]) -> Iterator[str]:
    for place, target in extract.targets(dashboard):
        sql = target["rawSql"]
        left = extract.expand(sql, ["dublin", "it's"])
        if "$" in left:
            yield f"{place}: a macro or variable that extract.py does not know: {left[left.index('$'):][:40]}"
        if re.search(r"SELECT\s+\*", sql, re.IGNORECASE):
            yield f"{place}: SELECT *"
        for table in SOURCE.findall(sql):
            if table not in known:
                yield f"{place}: {table} is not one of the stable views"


def layout_problems(dashboard: dict) -> Iterator[str]:
    panels = dashboard["panels"]
    for key in ("id", "title"):
        values = [panel[key] for panel in panels]
        yield from (f"{key} {value!r} twice" for value in sorted({v for v in values if values.count(v) > 1}, key=str))
    yield from (f"{panel['title']}: no description" for panel in panels if not panel.get("description"))
    taken: dict[tuple[int, int], str] = {}
    for panel in panels:
        grid = panel["gridPos"]
        if grid["x"] + grid["w"] > 24:
            yield f"{panel['title']}: wider than the page"
        for cell in ((x, y) for x in range(grid["x"], grid["x"] + grid["w"]) for y in range(grid["y"], grid["y"] + grid["h"])):
            if taken.setdefault(cell, panel["title"]) != panel["title"]:
                yield f"{panel['title']} lies on {taken[cell]}"
                break


def source_problems(dashboard: dict, uids: set[str]) -> Iterator[str]:
    """Every data source that is named is provisioned."""
    text = json.dumps(dashboard)
    named = set(re.findall(r'"type": "grafana-clickhouse-datasource", "uid": "([^"]*)"', text))
    yield from (f"data source {uid!r} is not provisioned" for uid in sorted(named - uids))
    if not named:
        yield "no panel names a data source"


def check(report: Report) -> None:
    report.section("deploy/grafana")
    known = views()
    provisioned = yaml.safe_load((GRAFANA / "provisioning" / "datasources" / "clickhouse.yaml").read_text())
    uids = {source["uid"] for source in provisioned["datasources"]}
    boards = {path: json.loads(path.read_text()) for path in sorted((GRAFANA / "dashboards").glob("*.json"))}
    for path, board in boards.items():
        count = len(list(extract.targets(board)))
        report.check(f"{path.name}: {count} statements over {len(known)} views", statement_problems(board, known))
        report.check(f"{path.name}: layout", layout_problems(board))
        report.check(f"{path.name}: data source", source_problems(board, uids))
    names = [board["uid"] for board in boards.values()]
    report.check("dashboards have ids of their own", [] if len(set(names)) == len(names) else [str(names)])

    board = next(iter(boards.values()))
    board["panels"][0]["targets"][0]["rawSql"] = "SELECT * FROM findings WHERE $__unknown(x)"
    found = len(list(statement_problems(board, known)))
    report.check("the rules refuse a table, a star and an unknown macro", [] if found == 3 else [f"found {found} of 3"])
