//! A whole document as data: what has no rows, such as a report, a demo, or a try.

use muster_kit::{Exit, Failure};
use serde::Serialize;

use super::Format;

/// What is written in a form of data; `None`: the form is for people.
///
/// # Errors
/// A document is no table, so there is no CSV of it.
pub(crate) fn document(format: Format, what: &str, data: &impl Serialize) -> Result<Option<String>, Failure> {
    check_document(format, what)?;
    Ok(match format {
        Format::Table | Format::Wide | Format::Csv | Format::Sarif => None,
        Format::Json => Some(serde_json::to_string_pretty(data)? + "\n"),
        Format::Jsonl => Some(serde_json::to_string(data)? + "\n"),
        Format::Yaml => Some(serde_norway::to_string(data)?),
    })
}

/// Refuses a form that no document has, before anything is done for it.
///
/// # Errors
/// A document is no table, so there is no CSV of it.
pub(crate) fn check_document(format: Format, what: &str) -> Result<(), Failure> {
    match format {
        Format::Csv => {
            let text = format!("failed to write {what} as CSV: it is no table; use -o json, jsonl or yaml");
            Err(Failure::message(Exit::Usage, text))
        }
        Format::Sarif => Err(super::no_sarif(what)),
        Format::Table | Format::Wide | Format::Json | Format::Jsonl | Format::Yaml => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::{Format, document};
    use muster_kit::Exit;

    #[test]
    fn each_form_is_what_its_name_says() {
        let data = serde_json::json!({"sites": [{"site": "dublin"}, {"site": "cork"}]});
        let written = |format| document(format, "a report", &data).ok().flatten();
        assert_eq!(
            written(Format::Jsonl).as_deref(),
            Some("{\"sites\":[{\"site\":\"dublin\"},{\"site\":\"cork\"}]}\n")
        );
        assert_eq!(written(Format::Yaml).as_deref(), Some("sites:\n- site: dublin\n- site: cork\n"));
        assert!(written(Format::Json).is_some_and(|text| text.lines().count() > 1));
        assert_eq!((written(Format::Table), written(Format::Wide)), (None, None));
        let refused = document(Format::Csv, "a report", &data);
        assert_eq!(refused.map_err(|failure| failure.exit()), Err(Exit::Usage));
    }
}
