"""What a check says: a line each, and at the end how many failed."""

from collections.abc import Callable, Iterable


class Report:
    def __init__(self) -> None:
        self.passed = 0
        self.failed = 0

    def section(self, name: str) -> None:
        print(f"{name}")

    def check(self, name: str, problems: Iterable[str]) -> None:
        """Passed when there are no problems."""
        found = list(problems)
        if found:
            self.failed += 1
            print(f"  FAIL {name}")
            for problem in found[:20]:
                print(f"       {problem}")
            if len(found) > 20:
                print(f"       and {len(found) - 20} more")
        else:
            self.passed += 1
            print(f"  ok   {name}")

    def refused(self, name: str, attempt: Callable[[], object], because: str) -> None:
        """A negative control: the attempt has to fail, and to say this."""
        try:
            attempt()
        except Exception as error:  # whatever the tool raises is its refusal
            text = str(error)
            self.check(name, [] if because in text else [f"refused, but without {because!r}: {text[:300]}"])
        else:
            self.check(name, ["was accepted: the check that should refuse it does not work"])

    def skipped(self, name: str, reason: str) -> None:
        print(f"  skip {name}: {reason}")
