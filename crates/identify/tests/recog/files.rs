//! Files: what is read of ours, what is refused, and the bounds.

use muster_identify::recog::{Cause, Content, Database, Problem, Verified};
use proptest::prelude::*;
use serde::Deserialize;

const OWN: &str = include_str!("../data/recog/own_banners.xml");
/// What means something in XML or in a pattern.
const SPECIAL: &[u8] = b"<>&;\"'()[]{}\\?*+^$|.0a\xff";
const REPLY: &[u8] = include_bytes!("../data/recog/own_banners/reply.bin");

fn load(file: &str) -> Database {
    Database::load([("folder/own_banners.xml", file)]).unwrap()
}

fn verify(file: &str) -> Verified {
    load(file).verify(|name| (name == "own_banners/reply.bin").then(|| REPLY.to_vec()))
}

#[test]
fn our_examples_are_as_they_say() {
    let expected = Verified { examples: 8, attributes: 7, failures: Vec::new() };
    assert_eq!(verify(OWN), expected);
}

#[test]
fn a_file_says_what_it_is_for() {
    let database = load(OWN);
    let [table] = database.tables() else { panic!("one table") };
    assert_eq!((table.file(), table.key()), ("folder/own_banners.xml", "own.banner"));
    assert_eq!((table.protocol(), table.database_type()), (Some("own"), Some("service")));
    assert!((table.preference() - 0.9).abs() < f64::EPSILON);
    let first = &table.fingerprints()[0];
    assert_eq!((first.line(), first.pattern()), (4, "^PlainServer$"));
    assert_eq!(first.description(), "Plain server, described in two lines");
    assert_eq!(first.examples()[0].content(), &Content::Bytes(b"PlainServer".to_vec()));
    assert_eq!(table.fingerprints()[4].description(), "Either <word>");
}

#[test]
fn parameters_are_filled_in() {
    let database = load(OWN);
    let says = |text: &[u8]| -> Vec<String> {
        let found = database.matches("own.banner", text).unwrap();
        found.params.iter().map(|(name, value)| format!("{name}={value}")).collect()
    };
    assert_eq!(says(b"PlainServer"), ["service.protocol=own", "service.vendor=Plain & Sons"]);
    // What refers to nothing is left out; only a version in a CPE name becomes "-".
    assert_eq!(says(b"numbered"), ["service.cpe23=cpe:/a:numbers:numbered:-", "service.protocol=own"]);
    assert_eq!(
        says(b"Numbered/1.2"),
        [
            "os.product=NumberOS 2",
            "os.version=1",
            "service.cpe23=cpe:/a:numbers:numbered:1",
            "service.protocol=own",
            "service.version=1",
            "service.version.minor=2",
        ]
    );
    assert_eq!(says(b"\x00\x01a\nb\r\n"), ["host.name=a\nb", "service.protocol=binary"]);
}

#[test]
fn values_that_contain_one_another_stay_short() {
    let mut params = "<param pos='0' name='p0' value='0123456789'/>".to_owned();
    for n in 1..60 {
        let before = n - 1;
        params += &format!("<param pos='0' name='p{n}' value='{{p{before}}}{{p{before}}}'/>");
    }
    let file = format!("<fingerprints><fingerprint pattern='a'>{params}</fingerprint></fingerprints>");
    let database = load(&file);
    let found = database.matches("own_banners", b"a").unwrap();
    assert_eq!(found.params["p8"].len(), 2_560);
    assert!(!found.params.contains_key("p9"), "5,120 bytes are more than a value has");
    assert!(found.params.values().all(|value| value.len() <= 4_096));
}

#[test]
fn an_example_that_is_wrong_is_found() {
    let cause = |from: &str, to: &str| {
        assert!(OWN.contains(from));
        verify(&OWN.replacen(from, to, 1)).failures.into_iter().map(|failure| failure.cause).collect::<Vec<_>>()
    };
    assert_eq!(cause(">PlainServer<", ">PlaneServer<"), [Cause::NoMatch]);
    assert_eq!(cause("\"reply.bin\"", "\"other.bin\""), [Cause::Missing("own_banners/other.bin".to_owned())]);
    let shadowed = Cause::Shadowed { line: 4, fingerprint: "Plain server, described in two lines".to_owned() };
    assert_eq!(cause("^PlainServer$", "Server"), [shadowed]);
    let attribute =
        Cause::Attribute { name: "service.version".to_owned(), expected: "5".to_owned(), found: Some("4".to_owned()) };
    assert_eq!(cause("service.version=\"4\"", "service.version=\"5\""), [attribute]);
}

#[test]
fn of_two_files_for_the_same_texts_the_better_is_asked_first() {
    let file = |preference: &str, product: &str| {
        format!(
            "<fingerprints matches='it' {preference}><fingerprint pattern='a'>\
             <param pos='0' name='product' value='{product}'/></fingerprint></fingerprints>"
        )
    };
    let files =
        [("1", file("", "unsaid")), ("2", file("preference='.8'", "good")), ("3", file("preference='.2'", "poor"))];
    let database = Database::load(files).unwrap();
    assert_eq!(database.matches("it", b"a").unwrap().params["product"], "good");
    assert_eq!(database.tables_of("it").map(|table| table.file()).collect::<Vec<_>>(), ["2", "3", "1"]);
    assert!(database.matches("other", b"a").is_none());
}

#[derive(Deserialize)]
struct Refused {
    case: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    file: String,
    error: Option<String>,
    starts: Option<String>,
}

#[test]
fn a_file_that_is_refused_is_refused_by_its_line() {
    let refused: Refused = toml::from_str(include_str!("../data/recog/refused.toml")).unwrap();
    for case in refused.case {
        let error = Database::load([("broken.xml", &case.file)]).expect_err(&case.file).to_string();
        if let Some(expected) = case.error {
            assert_eq!(error, expected, "{}", case.file);
        }
        if let Some(expected) = case.starts {
            assert!(error.starts_with(&expected), "{error}");
        }
    }
}

fn limit(file: &[u8]) -> Option<&'static str> {
    match Database::load([("large.xml", file)]).map_err(|error| error.problem) {
        Err(Problem::Limit { what, .. }) => Some(what),
        Ok(_) | Err(_) => None,
    }
}

#[test]
fn everything_has_a_bound() {
    let with = |inside: &str| format!("<fingerprints>{inside}</fingerprints>").into_bytes();
    let one = |inside: &str| with(&format!("<fingerprint pattern='a'>{inside}</fingerprint>"));
    let param = |n: usize| format!("<param pos='0' name='{n}' value='1'/>");
    let attributes: String = (0..40).map(|n| format!(" a{n}='1'")).collect();
    assert_eq!(limit(&vec![b' '; (8 << 20) + 1]), Some("bytes of a file"));
    assert_eq!(limit(&with(&"<fingerprint pattern='a'/>".repeat(8_193))), Some("fingerprints of a file"));
    assert_eq!(limit(&with(&format!("<fingerprint pattern='{}'/>", "a".repeat(4_097)))), Some("bytes of a pattern"));
    assert_eq!(limit(&one(&(0..65).map(param).collect::<String>())), Some("parameters of a fingerprint"));
    assert_eq!(limit(&one(&"<example/>".repeat(513))), Some("examples of a fingerprint"));
    assert_eq!(limit(&one(&format!("<example>{}</example>", "a".repeat((64 << 10) + 1)))), Some("bytes of a text"));
    assert_eq!(limit(&one(&format!("<example{attributes}/>"))), Some("attributes of an element"));
    assert_eq!(
        limit(&one(&format!("<param pos='0' name='n' value='{}'/>", "a".repeat(1_025)))),
        Some("bytes of a value")
    );
    let many = (0..513).map(|n| (format!("{n}.xml"), "<fingerprints/>"));
    assert!(matches!(Database::load(many).unwrap_err().problem, Problem::Limit { what: "files", .. }));
}

#[test]
fn depth_is_refused_and_not_followed() {
    let deep = "<fingerprints>".repeat(100_000);
    assert!(Database::load([("deep.xml", &deep)]).is_err());
    for (open, close) in [("(", ")"), ("(?i)", ""), ("[", "]"), ("(?:a|", ")")] {
        let pattern = format!("{}a{}", open.repeat(600), close.repeat(600));
        let file = format!("<fingerprints><fingerprint pattern='{pattern}'/></fingerprints>");
        let problem = Database::load([("deep.xml", file)]).unwrap_err().problem;
        assert!(
            matches!(problem, Problem::Pattern { problem: "more than 48 groups within one another", .. }),
            "{open}"
        );
    }
}

#[test]
fn bytes_that_are_not_utf8_are_refused() {
    let error = Database::load([("latin1.xml", b"<fingerprints>\xe9</fingerprints>")]).unwrap_err();
    assert_eq!(error.problem, Problem::NotUtf8 { at: 14 });
}

#[test]
fn line_ends_of_other_systems_are_the_same() {
    assert_eq!(verify(&OWN.replace('\n', "\r\n")).failures, []);
}

proptest! {
    #[test]
    fn any_bytes_are_a_file_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _either = Database::load([("any.xml", bytes)]);
    }

    #[test]
    fn a_file_that_is_cut_or_changed_never_panics(
        cut: prop::sample::Index,
        changes in prop::collection::vec((any::<prop::sample::Index>(), prop::sample::select(SPECIAL.to_vec())), 0..6),
    ) {
        let mut bytes = OWN.as_bytes()[..=cut.index(OWN.len())].to_vec();
        for (at, to) in changes {
            let at = at.index(bytes.len());
            bytes[at] = to;
        }
        if let Ok(database) = Database::load([("changed.xml", bytes)]) {
            let _verified = database.verify(|_| None);
        }
    }
}
