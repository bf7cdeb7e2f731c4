//! Files and what is said about them. `MUSTER_UPDATE=1` writes the expectations anew.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use muster_estate::files::{read_estate, read_site, to_yaml};
use muster_estate::inventory::read_csv;

fn data(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(folder)
}

fn sorted(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_string_lossy().into_owned()
}

/// What differs from the expectation, unless it is written anew.
fn compare(expected: &Path, found: &str) -> Option<String> {
    if std::env::var_os("MUSTER_UPDATE").is_some() {
        fs::write(expected, found).unwrap();
    }
    let wanted = fs::read_to_string(expected).unwrap_or_default();
    (wanted != found).then(|| format!("{}\nexpected:\n{wanted}\nfound:\n{found}", expected.display()))
}

#[test]
fn each_unsound_estate_is_refused_with_file_and_line() {
    let mut wrong = Vec::new();
    for case in sorted(&data("estate")) {
        let files: BTreeMap<String, String> = sorted(&case)
            .iter()
            .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
            .map(|path| (name(path), fs::read_to_string(path).unwrap()))
            .collect();
        let files = files.iter().map(|(name, text)| (name.as_str(), text.as_str()));
        let problems = read_estate(files).expect_err(&name(&case));
        for problem in problems.list() {
            assert!(problem.place.is_some(), "{}: {problem} names no place", case.display());
        }
        wrong.extend(compare(&case.join("expected.txt"), &format!("{problems}\n")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn everything_a_file_may_say_is_read_and_written_back() {
    let text = fs::read_to_string(data("accepted/estate.yaml")).unwrap();
    let site = read_estate([("estate.yaml", text.as_str())]).unwrap().into_sites().pop().unwrap();
    let written = to_yaml(&site).unwrap();
    let wrong = compare(&data("accepted/written.txt"), &written);
    assert!(wrong.is_none(), "{}", wrong.unwrap());
    assert_eq!(read_site("written", &written).unwrap(), site);
}

#[test]
fn each_inventory_file_gives_its_assets_or_its_errors() {
    let mut wrong = Vec::new();
    for path in sorted(&data("inventory")) {
        if path.extension().is_none_or(|extension| extension != "csv") {
            continue;
        }
        let found = match read_csv(&name(&path), &fs::read(&path).unwrap()) {
            Ok(assets) => format!("{assets:#?}\n"),
            Err(problems) => format!("{problems}\n"),
        };
        wrong.extend(compare(&path.with_extension("txt"), &found));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
