//! Comma-separated values (RFC 4180): all columns, their names in the first row.

use muster_kit::Failure;

use crate::operator::columns::Noun;
use crate::operator::datum::Datum;
use crate::operator::text::visible;

/// Items, one row each; the names also when there is no item.
pub(super) fn rows(noun: &Noun, items: &[Datum]) -> Result<String, Failure> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(noun.columns.iter().map(|column| column.name))?;
    for item in items {
        writer.write_record(noun.columns.iter().map(|column| harmless(&column.text(item))))?;
    }
    Ok(String::from_utf8(writer.into_inner().map_err(|error| anyhow::anyhow!("{error}"))?)?)
}

/// A text that a spreadsheet would take for a formula gets an apostrophe before it, as OWASP advises against CSV
/// injection: a banner must not run in the auditor's Excel.
fn harmless(text: &str) -> String {
    let shown = visible(text);
    if shown.starts_with(['=', '+', '-', '@']) { format!("'{shown}") } else { shown }
}

#[cfg(test)]
mod tests {
    use super::harmless;

    #[test]
    fn a_formula_stays_text() {
        assert_eq!(harmless("=cmd|' /C calc'!A0"), "'=cmd|' /C calc'!A0");
        assert_eq!(harmless("10.0.0.1"), "10.0.0.1");
    }
}
