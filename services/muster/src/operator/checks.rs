//! What `muster doctor` found, in every form of output.

use muster_kit::Failure;

use super::columns::CHECK;
use super::datum::Datum;
use super::output::Output;
use super::text::visible;

/// One thing that Muster needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Check {
    /// What it is.
    pub(crate) what: String,
    /// Whether it is as it has to be.
    pub(crate) well: bool,
    /// What was found, or what is wrong and the next step.
    pub(crate) detail: String,
}

impl Check {
    fn datum(&self) -> Datum {
        let fields = [
            ("check", Datum::from(self.what.as_str())),
            ("well", Datum::Bool(self.well)),
            ("detail", Datum::from(self.detail.as_str())),
        ];
        Datum::Map(fields.map(|(name, value)| (name.to_owned(), value)).into())
    }
}

impl Output {
    /// A line as soon as it is known, for people.
    pub(crate) fn check(&mut self, check: &Check) -> Result<(), Failure> {
        let sign = if check.well { "ok   " } else { "WRONG" };
        self.line(&format!("{sign} {}: {}", visible(&check.what), visible(&check.detail)))
    }

    /// All of them, in the other forms.
    pub(crate) fn checks(&mut self, checks: &[Check]) -> Result<(), Failure> {
        if self.for_people() {
            return Ok(());
        }
        let checks: Vec<_> = checks.iter().map(Check::datum).collect();
        self.list(&CHECK, &checks)
    }
}

#[cfg(test)]
mod tests {
    use super::{Check, Output};
    use crate::operator::Format;

    fn printed(format: Format) -> String {
        let checks = [
            Check { what: "NATS".to_owned(), well: true, detail: "JetStream API level 5".to_owned() },
            Check { what: "recorder-1".to_owned(), well: false, detail: "not ready: \u{1b}[2J".to_owned() },
        ];
        let (mut output, data, _talk) = Output::captured(format, None);
        for check in &checks {
            assert!(output.check(check).is_ok());
        }
        assert!(output.checks(&checks).is_ok());
        data.text()
    }

    #[test]
    fn people_read_lines_and_programs_get_a_list() {
        let lines = printed(Format::Table);
        assert!(lines.starts_with("ok    NATS: JetStream API level 5\nWRONG recorder-1: not ready"), "{lines}");
        assert_eq!((lines.lines().count(), lines.contains('\u{1b}')), (2, false), "{lines}");
        let list: serde_json::Value = serde_json::from_str(&printed(Format::Json)).unwrap_or_default();
        assert_eq!(
            (&list[0]["well"], &list[1]["well"], &list[1]["check"]),
            (&true.into(), &false.into(), &"recorder-1".into())
        );
        assert!(printed(Format::Csv).starts_with("check,well,detail\n"));
    }
}
