//! How much of Recog is understood, and how fast: every example of the real files, each against its own file, on one
//! core. `MUSTER_TEST_DATA=DIR cargo bench -p muster-identify --bench recog`; without the files it does nothing.
//!
//! The reference is the same search without needles: each fingerprint of the file in turn.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::cast_precision_loss,
    reason = "a measurement for people"
)]

use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use muster_identify::recog::{Content, Database, Match, Table};

/// What the published suite has.
const EXAMPLES: usize = 7_525;
const ATTRIBUTES: usize = 7_852;

const ROUNDS: usize = 5;

/// A round goes on for at least this long.
const ROUND_MIN: Duration = Duration::from_secs(2);

fn main() {
    let Some(directory) = std::env::var_os("MUSTER_TEST_DATA") else { return };
    let began = Instant::now();
    let database = load(&Path::new(&directory).join("recog"));
    eprintln!("loaded {} files in {:.1} s", database.tables().len(), began.elapsed().as_secs_f64());

    let verified = database.verify(|_| None);
    for failure in &verified.failures {
        eprintln!("{failure}");
    }
    println!("bench recog_examples {} examples; suite {EXAMPLES} examples", verified.examples);
    println!("bench recog_attributes {} attributes; suite {ATTRIBUTES} attributes", verified.attributes);

    let banners = banners(&database);
    // Each search makes its working memory once.
    rate(&banners, Duration::ZERO, Table::matches);
    rate(&banners, Duration::ZERO, Table::matches_in_turn);
    let (mut ours, mut in_turn) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        ours.push(rate(&banners, ROUND_MIN, Table::matches));
        in_turn.push(rate(&banners, ROUND_MIN, Table::matches_in_turn));
        eprintln!("round {round}: {:.0} banners/s; in turn {:.0} banners/s", ours[round], in_turn[round]);
    }
    let (ours, in_turn) = (median(ours), median(in_turn));
    println!("bench recog_rate {ours:.0} banners/s; in turn {in_turn:.0} banners/s; ratio {:.1}", ours / in_turn);
}

fn load(directory: &Path) -> Database {
    let mut names: Vec<String> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".xml"))
        .collect();
    names.sort();
    let files = names.iter().map(|name| (name, std::fs::read(directory.join(name)).unwrap()));
    Database::load(files).unwrap()
}

/// Every example with its file.
fn banners(database: &Database) -> Vec<(&Table, &[u8])> {
    let mut banners = Vec::new();
    for table in database.tables() {
        for example in table.fingerprints().iter().flat_map(|fingerprint| fingerprint.examples()) {
            if let Content::Bytes(bytes) = example.content() {
                banners.push((table, bytes.as_slice()));
            }
        }
    }
    banners
}

/// Banners a second, over whole passes.
fn rate<'a>(
    banners: &[(&'a Table, &'a [u8])],
    at_least: Duration,
    matches: fn(&'a Table, &'a [u8]) -> Option<Match<'a>>,
) -> f64 {
    let began = Instant::now();
    let mut searched = 0_usize;
    while searched == 0 || began.elapsed() < at_least {
        for (table, text) in banners {
            assert!(black_box(matches(table, black_box(text))).is_some(), "an example that nothing matches");
        }
        searched += banners.len();
    }
    searched as f64 / began.elapsed().as_secs_f64()
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}
