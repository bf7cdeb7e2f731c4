//! The real files: Recog as a suite of conformance.

use muster_identify::recog::{Content, Database, Table};

/// The real files, if there are any here.
fn database() -> Option<Database> {
    let directory = std::path::Path::new(&std::env::var_os("MUSTER_TEST_DATA")?).join("recog");
    let mut names: Vec<String> = std::fs::read_dir(&directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".xml"))
        .collect();
    names.sort();
    let files = names.iter().map(|name| (name, std::fs::read(directory.join(name)).unwrap()));
    Some(Database::load(files).unwrap())
}

fn examples(table: &Table) -> impl Iterator<Item = &[u8]> {
    table.fingerprints().iter().flat_map(|fingerprint| fingerprint.examples()).filter_map(|example| {
        match example.content() {
            Content::Bytes(bytes) => Some(bytes.as_slice()),
            Content::File(_) => None,
        }
    })
}

/// Counted with another tool: 50 files, 4,657 fingerprints, 7,525 examples, 7,852 attributes.
#[test]
fn data_every_real_example_is_as_its_fingerprint_says() {
    let Some(database) = database() else { return };
    let verified = database.verify(|_| None);
    for failure in &verified.failures {
        eprintln!("{failure}");
    }
    assert_eq!(database.tables().len(), 50);
    assert_eq!(database.tables().iter().map(|table| table.fingerprints().len()).sum::<usize>(), 4_657);
    assert_eq!((verified.examples, verified.attributes, verified.failures.len()), (7_525, 7_852, 0));
}

/// Each example as it is, changed, and together with its neighbour: found by needles and found in turn.
#[test]
fn data_the_search_by_needles_is_the_search_in_turn() {
    let Some(database) = database() else { return };
    let first = |table: &Table, text: &[u8]| {
        let (found, in_turn) = (table.matches(text), table.matches_in_turn(text));
        let both = [&found, &in_turn]
            .map(|found| found.as_ref().map(|found| (found.fingerprint.line(), found.params.clone())));
        assert_eq!(both[0], both[1], "{}: {:?}", table.file(), String::from_utf8_lossy(text));
    };
    for table in database.tables() {
        // Every seventh, which takes seconds without optimisation, and all kinds of files.
        let texts: Vec<&[u8]> = examples(table).step_by(7).collect();
        for (at, text) in texts.iter().enumerate() {
            let other = texts[(at + 1) % texts.len()];
            first(table, text);
            first(table, &text.to_ascii_uppercase());
            first(table, &text[..text.len() / 2]);
            first(table, &[other, b"\r\n", text].concat());
            first(table, &[text, "é".as_bytes(), other].concat());
            first(table, &[text, b"\xff".as_slice()].concat());
        }
    }
}
