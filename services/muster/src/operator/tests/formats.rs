//! Each noun in each form: goldens.

use super::gateway::Canned;
use super::{FORMS, Format, run, run_at};

macro_rules! goldens {
    ($($name:ident: $line:expr;)+) => { $(
        #[tokio::test]
        async fn $name() {
            for (form, _) in FORMS {
                let mut line: Vec<&str> = $line.to_vec();
                line.extend(["-o", form]);
                let ran = run(Canned::default(), &line).await;
                insta::assert_snapshot!(format!("{}_{form}", stringify!($name)), ran.golden());
            }
        }
    )+ };
}

goldens! {
    findings: ["finding", "list"];
    a_finding: ["finding", "show", "0123456789abcdef0123456789abcdef"];
    hosts: ["host", "list"];
    a_host: ["host", "show", "dublin/127.20.0.7"];
    verdicts: ["verdict", "list"];
    sweeps: ["sweep", "list"];
    a_sweep: ["sweep", "show", "0123456789abcdef0123456789abcdef"];
    audits: ["audit", "list"];
    a_draw: ["audit", "show", "0123456789abcdef0123456789abcdef", "--check"];
    sites: ["site", "list"];
    a_site: ["site", "show", "dublin"];
    figures: ["site", "summary"];
    assets: ["inventory", "list"];
    bulletins: ["bulletin", "list"];
    books: ["verify"];
    a_halt: ["halt", "--site", "dublin", "--reason", "switch upgrade"];
}

#[tokio::test]
async fn a_table_fits_the_terminal() {
    for width in [60, 80, 120] {
        let ran = run_at(Some(width), Canned::default(), &["finding", "list"]).await;
        for line in ran.data.lines() {
            assert!(line.chars().count() <= usize::from(width), "{width}: {line}");
        }
    }
    insta::assert_snapshot!(run_at(Some(80), Canned::default(), &["finding", "list"]).await.data);
}

#[tokio::test]
async fn no_form_lets_a_banner_reach_the_terminal() {
    for (form, kind) in FORMS {
        for line in [["finding", "list"], ["host", "show"]] {
            let mut line = line.to_vec();
            if line[0] == "host" {
                line.push("127.20.0.7");
            }
            line.extend(["-o", form]);
            let ran = run(Canned::default(), &line).await;
            assert!(!ran.data.contains('\u{1b}'), "{form}: {}", ran.data);
            if kind == Format::Json {
                let value: serde_json::Value = serde_json::from_str(&ran.data).unwrap();
                assert!(value.is_array() || value.is_object());
            }
        }
    }
}
