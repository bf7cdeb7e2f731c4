//! Reading never panics, and what was written is read back.

use muster_estate::check::check_sites;
use muster_estate::files::{read_estate, read_site, to_yaml};
use muster_estate::inventory::read_csv;
use muster_estate::limits::{FILE_BYTES_MAX, NODES_MAX};
use muster_estate::words::{format_duration, format_ports, parse_duration, parse_ports};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::strategy;

const ACCEPTED: &str = include_str!("../data/accepted/estate.yaml");

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "\\PC*") {
        let _ = read_estate([("any", text.as_str())]);
    }

    #[test]
    fn any_yaml_like_text_is_read_or_refused(text in "([a-z]{0,3}[-:?\\[\\]{},&*!|>'\"%@ \\n\\t#~]{1,4}){0,40}") {
        let _ = read_estate([("any", text.as_str())]);
    }

    #[test]
    fn a_damaged_file_is_read_or_refused(at in 0..ACCEPTED.len(), cut in 0..40_usize, put in "[-:\\[\\]{}&*!|>'\"\\n\\t #a1]{0,6}") {
        let (Some(head), Some(tail)) = (ACCEPTED.get(..at), ACCEPTED.get((at + cut).min(ACCEPTED.len())..)) else {
            return Ok(());
        };
        if let Ok(estate) = read_estate([("damaged", format!("{head}{put}{tail}").as_str())]) {
            prop_assert!(check_sites(&estate.into_sites()).is_ok());
        }
    }

    #[test]
    fn a_site_is_read_as_it_was_written(site in strategy::site()) {
        prop_assert_eq!(check_sites([&site]).map_err(|problems| problems.to_string()), Ok(()));
        let text = to_yaml(&site).unwrap();
        let read = read_site("site.yaml", &text);
        prop_assert_eq!(read.map_err(|problems| format!("{problems}\n{text}")), Ok(site));
    }

    #[test]
    fn durations_and_ports_round_trip(ns in 0..315_000_000_000_000_000_i64, ports in vec(strategy::ports(), 0..9)) {
        let span = jiff::SignedDuration::from_nanos(ns);
        prop_assert_eq!(parse_duration(&format_duration(span)), Ok(span));
        prop_assert_eq!(parse_ports(&format_ports(&ports)), Ok(ports));
    }

    #[test]
    fn any_bytes_are_an_inventory_or_refused(bytes in vec(any::<u8>(), 0..400)) {
        let _ = read_csv("any", &bytes);
        let _ = read_csv("any", &[b"key,name,address,valid_from\n".as_slice(), &bytes].concat());
    }
}

#[test]
fn a_daily_schedule_is_written_in_hours_and_a_weekly_one_in_days() {
    for text in ["24h", "36h", "7d", "2d1h", "1h30m", "500ms", "1s", "0s"] {
        assert_eq!(format_duration(parse_duration(text).unwrap()), text);
    }
    for text in ["", "24", "h", "1.5h", "-1h", "1m2h", "1h1h", "99999999999999999999h", "4000d", "1 h"] {
        assert!(parse_duration(text).is_err(), "{text:?}");
    }
}

#[test]
fn a_file_is_bounded_in_size_and_values() {
    let large = format!("site: x\n#{}\n", "x".repeat(FILE_BYTES_MAX));
    assert!(read_estate([("large", large.as_str())]).unwrap_err().to_string().contains("split it"));
    let many = format!("site: x\nranges: [{}]\n", "a,".repeat(NODES_MAX + 10));
    assert!(read_estate([("many", many.as_str())]).unwrap_err().to_string().contains("values in one file"));
}

/// A reader whose time grows with the square of the size would need hours for some of these.
#[test]
fn a_hostile_file_of_full_size_is_refused_at_once() {
    for unit in [
        "[", "{", "- ", "? ", "a: ", "{a: ", "[[],", "\"", "'", "|\n", "&a ", "*a ", "!t ", "%T\n", "---\n", "#",
        "a\n ", "? a\n", "a:\n", "\t", "x", "a,", "- a\n", "\r", "\u{feff}", "\u{85}",
    ] {
        for head in ["", "a: [", "\""] {
            let text = format!("{head}{}", unit.repeat((FILE_BYTES_MAX - head.len()) / unit.len()));
            let started = std::time::Instant::now();
            let refused = read_estate([("hostile", text.as_str())]);
            // Unoptimized and on a busy machine, linear reading takes about a second.
            assert!(
                started.elapsed() < std::time::Duration::from_secs(20),
                "{head:?} {unit:?} took {:?}",
                started.elapsed()
            );
            assert!(refused.is_err() || refused.unwrap().sites.is_empty(), "{head:?} {unit:?}");
        }
    }
}

#[test]
fn at_most_a_hundred_problems_are_named() {
    let sites: Vec<String> =
        (0..300).map(|index| format!("site: UPPER-{index}\nranges: [127.0.0.{}]\n", index % 250)).collect();
    assert_eq!(read_estate([("many", sites.join("---\n").as_str())]).unwrap_err().list().len(), 100);
}

#[test]
fn sites_of_two_realms_may_overlap() {
    let mut other = strategy::small();
    other.name = "redmond".to_owned();
    let problem = check_sites([&strategy::small(), &other]).unwrap_err().to_string();
    assert!(problem.contains("site redmond, ranges[0]") && problem.contains("site dublin, ranges[0]"), "{problem}");
    other.realm = "lab".to_owned();
    assert!(check_sites([&strategy::small(), &other]).is_ok());
}

/// It was once written and came back with six blanks behind the separator.
#[test]
fn a_text_that_two_versions_of_yaml_read_differently_is_refused() {
    let text = "site: x\nranges: [127.0.0.1]\nrealm: \"a\\u2028b\"\n";
    assert!(read_estate([("x", text)]).unwrap_err().to_string().starts_with("x:3:8: "));
}
