//! Ruby's regular expressions, in `data/recog/patterns.toml`.

use muster_identify::recog::{Database, Problem};
use serde::Deserialize;

use crate::escaped;

#[derive(Deserialize)]
struct File {
    case: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: Option<String>,
    pattern: String,
    #[serde(default)]
    flags: String,
    text: Option<String>,
    hex: Option<String>,
    groups: Option<Vec<String>>,
    refused: Option<String>,
}

impl Case {
    fn text(&self) -> Vec<u8> {
        let Some(hex) = &self.hex else { return self.text.clone().unwrap().into_bytes() };
        (0..hex.len() / 2).map(|at| u8::from_str_radix(&hex[at * 2..at * 2 + 2], 16).unwrap()).collect()
    }

    /// A file with this one pattern, each group a parameter.
    fn file(&self) -> String {
        let params: String = (1..=self.groups.as_ref().map_or(0, Vec::len))
            .map(|group| format!("<param pos=\"{group}\" name=\"{group}\"/>"))
            .collect();
        let (pattern, flags) = (escaped(&self.pattern), &self.flags);
        format!(
            "<fingerprints><fingerprint pattern=\"{pattern}\" flags=\"{flags}\">{params}</fingerprint></fingerprints>"
        )
    }
}

#[test]
fn every_pattern_captures_what_the_file_says() {
    let file: File = toml::from_str(include_str!("../data/recog/patterns.toml")).unwrap();
    for case in file.case {
        let name = case.name.as_deref().unwrap_or(&case.pattern);
        let text = case.text();
        match (Database::load([("own.xml", case.file())]), &case.refused) {
            (Ok(database), None) => {
                let found = database.matches("own", &text).map(|found| {
                    let value = |group: usize| found.params.get(group.to_string().as_str());
                    let count = case.groups.as_ref().map_or(0, Vec::len);
                    (1..=count).map(|group| value(group).map_or("-".to_owned(), ToString::to_string)).collect()
                });
                assert_eq!(found, case.groups, "{name}");
            }
            (Err(error), Some(refused)) => {
                assert!(
                    matches!(error.problem, Problem::Pattern { problem, .. } if problem == refused),
                    "{name}: {error}"
                );
            }
            (Ok(_), Some(refused)) => panic!("{name} should be refused: {refused}"),
            (Err(error), None) => panic!("{name}: {error}"),
        }
    }
}
