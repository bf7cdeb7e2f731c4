#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;
use std::path::PathBuf;

use proptest::prelude::*;
use serde::{Deserialize, Serialize};

use super::*;
use crate::settings::KitConfig;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Whole {
    kit: KitConfig,
    recorder: Recorder,
    labels: BTreeMap<String, String>,
    mode: Mode,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Recorder {
    batch_rows: u64,
    name: String,
    streams: Vec<String>,
    ratio: f64,
    password: Option<Secret>,
    sites: Vec<Site>,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Site {
    rate_pps: u32,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Mode {
    Fast,
    Slow { wait_ms: u64 },
}

impl Default for Whole {
    fn default() -> Self {
        let recorder = Recorder { batch_rows: 100, name: "main".into(), ..Recorder::default() };
        Self { kit: KitConfig::default(), recorder, labels: BTreeMap::new(), mode: Mode::Slow { wait_ms: 5 } }
    }
}

struct Layers {
    directory: tempfile::TempDir,
    file: Option<PathBuf>,
    environment: Vec<(String, String)>,
    overrides: Vec<(String, String)>,
}

impl Layers {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        Self { directory, file: None, environment: Vec::new(), overrides: Vec::new() }
    }

    fn file(mut self, text: &str) -> Self {
        let file = self.directory.path().join("muster.toml");
        std::fs::write(&file, text).unwrap();
        self.file = Some(file);
        self
    }

    fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    fn flag(mut self, text: &str) -> Self {
        self.overrides.push(parse_override(text).unwrap());
        self
    }

    fn load(&self) -> Result<Whole, ConfigError> {
        let sources = ConfigSources { file: self.file.clone(), overrides: self.overrides.clone() };
        load_with(sources, self.environment.clone())
    }

    /// The error, with the directory of this run cut off.
    fn error(&self) -> String {
        let text = self.load().unwrap_err().to_string();
        assert!(!text.contains('\n'), "one line: {text}");
        text.replace(&format!("{}/", self.directory.path().display()), "")
    }
}

#[test]
fn nothing_is_the_default() {
    assert_eq!(Layers::new().load().unwrap(), Whole::default());
}

#[test]
fn later_layers_win_key_by_key() {
    let layers = Layers::new()
        .file("[recorder]\nbatch_rows = 1\nratio = 1.5\nstreams = ['a']\n[kit.log]\nfilter = 'debug'")
        .env("MUSTER__RECORDER__BATCH_ROWS", "2")
        .env("MUSTER__KIT__GRACE_S", "7")
        .env("MUSTER_CRASH_AT", "not ours")
        .env("HOME", "/root");
    let whole = layers.load().unwrap();
    assert_eq!(whole.recorder.batch_rows, 2);
    let whole = layers.flag("recorder.batch_rows=3").load().unwrap();
    assert_eq!(whole.recorder.batch_rows, 3);
    assert_eq!((whole.recorder.ratio, whole.recorder.streams), (1.5, vec!["a".to_owned()]));
    assert_eq!((whole.kit.log.filter.as_str(), whole.kit.grace_s), ("debug", 7));
    // The default of the whole, though the section is in the file and its own type's default is empty.
    assert_eq!(whole.recorder.name, "main");
}

#[test]
fn text_takes_the_type_of_its_key() {
    let whole = Layers::new()
        .env("MUSTER__RECORDER__NAME", "123")
        .env("MUSTER__RECORDER__STREAMS", "events, plans")
        .env("MUSTER__LABELS__TEAM", "true")
        .env("MUSTER__KIT__OTLP_ENDPOINT", "http://collector:4317")
        .env("MUSTER__KIT__LOG__FORMAT", "json")
        .flag("kit.admin_listen=127.0.0.1:9000")
        .flag("recorder.sites=[{ rate_pps = 3 }]")
        .flag("mode=fast")
        .load()
        .unwrap();
    assert_eq!(whole.recorder.name, "123");
    assert_eq!(whole.recorder.streams, ["events", "plans"]);
    assert_eq!(whole.labels["team"], "true");
    assert_eq!(whole.kit.otlp_endpoint.as_deref(), Some("http://collector:4317"));
    assert_eq!(whole.kit.admin_listen.port(), 9000);
    assert_eq!(whole.recorder.sites, [Site { rate_pps: 3 }]);
    assert_eq!(whole.mode, Mode::Fast);
    let unset = Layers::new().file("[kit]\notlp_endpoint = 'http://a'").flag("kit.otlp_endpoint=").load().unwrap();
    assert_eq!(unset.kit.otlp_endpoint, None);
}

#[test]
fn an_unknown_key_names_its_place_and_the_nearest() {
    assert_eq!(
        Layers::new().file("[recorder]\nratio = 1.0\nbatch_row = 1").error(),
        "failed to load the configuration: unknown key \"recorder.batch_row\" (muster.toml line 3); \
         did you mean \"recorder.batch_rows\"?"
    );
    assert_eq!(
        Layers::new().env("MUSTER__KIT__GRACES", "1").error(),
        "failed to load the configuration: unknown key \"kit.graces\" (environment variable MUSTER__KIT__GRACES); \
         did you mean MUSTER__KIT__GRACE_S?"
    );
    assert_eq!(
        Layers::new().flag("recoder.batch_rows=1").error(),
        "failed to load the configuration: unknown key \"recoder\" (flag --set recoder.batch_rows); \
         did you mean \"recorder\"?"
    );
    assert_eq!(
        Layers::new().file("batch_rows = 1").error(),
        "failed to load the configuration: unknown key \"batch_rows\" (muster.toml line 1); \
         did you mean \"recorder.batch_rows\"?"
    );
    assert!(Layers::new().file("zebra = 1").error().ends_with("; --print-config shows all keys"));
}

#[test]
fn an_unknown_key_in_a_list_is_found_too() {
    assert_eq!(
        Layers::new().file("[[recorder.sites]]\nrate_pps = 1\n[[recorder.sites]]\nrate_pp = 2").error(),
        "failed to load the configuration: unknown key \"recorder.sites[1].rate_pp\" (muster.toml line 4); \
         did you mean \"rate_pps\"?"
    );
}

#[test]
fn a_wrong_type_names_key_and_place() {
    assert_eq!(
        Layers::new().file("\n[recorder]\nbatch_rows = 'many'").error(),
        "failed to load the configuration: recorder.batch_rows (muster.toml line 3): \
         invalid type: string \"many\", expected u64"
    );
    assert_eq!(
        Layers::new().env("MUSTER__RECORDER__BATCH_ROWS", "-1").error(),
        "failed to load the configuration: recorder.batch_rows (environment variable MUSTER__RECORDER__BATCH_ROWS): \
         \"-1\" is not a whole number from 0"
    );
    let error = Layers::new().flag("kit.admin_listen=localhost").error();
    assert!(error.contains("kit.admin_listen (flag --set kit.admin_listen)"), "{error}");
    let error = Layers::new().flag("kit.log=loud").error();
    assert!(error.contains("kit.log (flag --set kit.log)"), "{error}");
    let error = Layers::new().flag("mode=medium").error();
    assert!(error.contains("mode (flag --set mode)") && error.contains("`fast`"), "{error}");
}

#[test]
fn a_broken_or_missing_file_is_named() {
    let error = Layers::new().file("[recorder]\nbatch_rows = = 1").error();
    assert!(error.starts_with("failed to read the configuration muster.toml line 2: "), "{error}");
    let sources = ConfigSources { file: Some("/nowhere/muster.toml".into()), overrides: Vec::new() };
    let error = load_with::<Whole>(sources, []).unwrap_err().to_string();
    assert!(error.starts_with("failed to read the configuration /nowhere/muster.toml: "), "{error}");
    assert!(parse_override("no-equals").is_err() && parse_override("=1").is_err());
}

#[test]
fn a_secret_is_read_and_never_printed() {
    let layers = Layers::new();
    let file = layers.directory.path().join("password");
    std::fs::write(&file, "hunter2\n").unwrap();
    let layers = layers.env("MUSTER__RECORDER__PASSWORD__FILE", &file.to_string_lossy());
    let whole = layers.load().unwrap();
    let secret = whole.recorder.password.as_ref().unwrap();
    assert_eq!(secret.expose(), "hunter2");
    let printed = print_config(&whole).unwrap();
    assert!(printed.contains("password = \"***\""), "{printed}");
    let shown = format!("{printed}{whole:?}{secret:#?}{}", serde_json::to_string(&whole).unwrap());
    assert!(!shown.contains("hunter2"), "{shown}");

    std::fs::write(&file, "rotated").unwrap();
    assert_eq!(secret.reread().unwrap().expose(), "rotated");
}

#[test]
fn a_secret_in_the_configuration_is_refused_without_repeating_it() {
    for layers in [
        Layers::new().file("[recorder]\npassword = 'hunter2'"),
        Layers::new().flag("recorder.password=hunter2"),
        Layers::new().file("[recorder.password]\nfile = 'a'\nenv = 'hunter2'"),
        Layers::new().file("[recorder]\npassword = 'hunter2"),
    ] {
        let error = layers.error();
        assert!(!error.contains("hunter2"), "{error}");
    }
    let error = Layers::new().file("[recorder.password]\nfile = '/nowhere/password'").error();
    assert!(error.contains("recorder.password (muster.toml line 1)") && error.contains("/nowhere/password"), "{error}");
}

#[test]
fn what_is_printed_can_be_loaded() {
    let whole = Layers::new().flag("recorder.batch_rows=9").flag("mode=fast").load().unwrap();
    let printed = print_config(&whole).unwrap();
    assert_eq!(Layers::new().file(&printed).load().unwrap(), whole);
}

#[test]
fn a_check_has_the_last_word() {
    let refuse = |whole: &Whole| Err(format!("recorder.batch_rows is {}", whole.recorder.batch_rows));
    let error = check_config::<Whole, _>(ConfigSources::default(), refuse).unwrap_err();
    assert_eq!(error.to_string(), "failed to check the configuration: recorder.batch_rows is 100");
}

proptest! {
    #[test]
    fn any_file_is_a_configuration_or_an_error_of_one_line(text in "\\PC{0,60}|[a-z\\[\\]=.'\" \n0-9{}]{0,60}") {
        if let Err(error) = Layers::new().file(&text).load() {
            prop_assert!(!error.to_string().contains('\n'));
        }
    }

    #[test]
    fn any_text_is_a_value_or_an_error(
        key in "(recorder|kit|labels|mode)(\\.[a-z_]{1,8}){0,3}|\\PC{1,20}",
        value in "\\PC{0,40}",
    ) {
        let sources = ConfigSources { file: None, overrides: vec![(key, value)] };
        let _ = load_with::<Whole>(sources, []);
    }
}
