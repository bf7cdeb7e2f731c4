//! What the watcher can be told.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use muster_bus::Subject;
use serde::{Deserialize, Serialize};

/// A feed is a task, a connection and up to 64 MiB while a document is read: 32 of them stay below 2 GiB at the worst.
const FEEDS_MAX: usize = 32;
/// A week: what is asked more rarely than the longest break of a publisher is better fetched by hand.
const EVERY_MAX_S: u64 = 7 * 24 * 3_600;

/// Section `watcher` and what every service has.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Logging, health, shutdown.
    pub kit: muster_kit::KitConfig,
    /// Where the bus is.
    pub bus: muster_connect::BusConfig,
    /// The watcher's own.
    pub watcher: WatcherConfig,
}

/// Section `watcher`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WatcherConfig {
    /// The feeds, each a `[[watcher.feed]]`.
    pub feed: Vec<FeedConfig>,
}

/// One feed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeedConfig {
    /// Its name on the bus and in the store: 1 to 63 of a-z, 0-9 and '-'. Another name is another feed.
    pub name: String,
    /// What its documents are.
    pub kind: FeedKind,
    /// Where it is, `https://…`. One of `url` and `file`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The file that something else puts it into.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
    /// How often it is looked at, s.
    #[serde(default = "hourly")]
    pub every_s: u64,
    /// PEM file of the authorities to trust for `url`, and no others. None: the system's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
}

/// What the documents of a feed are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FeedKind {
    /// CISA's catalogue of known exploited vulnerabilities, JSON.
    CisaKev,
}

/// The catalogue changes a few times a week, and an entry gives days to react.
const fn hourly() -> u64 {
    3_600
}

impl FeedKind {
    /// Who answers for what a feed of this kind says.
    pub(crate) const fn publisher(self) -> &'static str {
        match self {
            Self::CisaKev => "CISA",
        }
    }
}

impl WatcherConfig {
    /// Compares the values with each other.
    ///
    /// # Errors
    /// What does not go together, and which feed it is.
    pub fn check(&self) -> Result<(), String> {
        if self.feed.len() > FEEDS_MAX {
            return Err(format!("watcher.feed: {} feeds, at most {FEEDS_MAX}", self.feed.len()));
        }
        let mut names = BTreeSet::new();
        for (index, feed) in self.feed.iter().enumerate() {
            feed.check().map_err(|reason| format!("watcher.feed {index} ({:?}): {reason}", feed.name))?;
            if !names.insert(&feed.name) {
                return Err(format!("watcher.feed {index}: there are two feeds named {:?}", feed.name));
            }
        }
        Ok(())
    }
}

impl FeedConfig {
    pub(crate) const fn every(&self) -> Duration {
        Duration::from_secs(self.every_s)
    }

    fn check(&self) -> Result<(), String> {
        Subject::bulletin(&self.name).map_err(|error| error.to_string())?;
        if !(1..=EVERY_MAX_S).contains(&self.every_s) {
            return Err(format!("every_s is {}, it must be from 1 to {EVERY_MAX_S}", self.every_s));
        }
        let secure = match (&self.url, &self.file) {
            (Some(url), None) => check_url(url)?,
            (None, Some(_)) => false,
            (Some(_), Some(_)) => return Err("it has a url and a file: leave one out".to_owned()),
            (None, None) => return Err("it has neither a url nor a file".to_owned()),
        };
        if self.ca_file.is_some() && !secure {
            return Err("ca_file is for an https url".to_owned());
        }
        Ok(())
    }
}

/// Whether it is one of TLS.
fn check_url(text: &str) -> Result<bool, String> {
    let url = reqwest::Url::parse(text).map_err(|error| format!("url: {error}"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("url: it has a user or a password in it, and would be printed".to_owned());
    }
    match url.scheme() {
        "https" => Ok(true),
        "http" => Ok(false),
        other => Err(format!("url: {other} is neither http nor https")),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use muster_kit::ConfigSources;
    use muster_kit::config::load_with;

    use super::Config;

    fn loaded(text: &str) -> Result<Config, String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("muster.toml");
        std::fs::write(&file, text).unwrap();
        let sources = ConfigSources { file: Some(file), overrides: Vec::new() };
        let config: Config = load_with(sources, []).map_err(|error| error.to_string())?;
        config.watcher.check().map(|()| config)
    }

    fn feed(lines: &str) -> Result<Config, String> {
        loaded(&format!("[[watcher.feed]]\nname = \"kev\"\nkind = \"cisa-kev\"\n{lines}"))
    }

    #[test]
    fn a_feed_is_looked_at_hourly_unless_it_says_otherwise() {
        let config = feed("url = \"https://example.org/kev.json\"").unwrap();
        assert_eq!(config.watcher.feed[0].every_s, 3_600);
        let printed = muster_kit::config::print_config(&config).unwrap();
        assert!(printed.contains("[[watcher.feed]]"), "{printed}");
    }

    #[test]
    fn what_does_not_go_together_is_named() {
        for (lines, said) in [
            ("", "neither a url nor a file"),
            ("url = \"https://example.org/\"\nfile = \"kev.json\"", "leave one out"),
            ("url = \"ftp://example.org/\"", "neither http nor https"),
            ("url = \"https://me:secret@example.org/\"", "would be printed"),
            ("url = \"http://example.org/\"\nca_file = \"ca.pem\"", "https"),
            ("file = \"kev.json\"\nevery_s = 0", "every_s"),
            ("file = \"kev.json\"\nevery = 5", "every"),
        ] {
            let error = feed(lines).unwrap_err();
            assert!(error.contains(said) && !error.contains("me:secret"), "{lines}: {error}");
        }
        let twice = "[[watcher.feed]]\nname = \"kev\"\nkind = \"cisa-kev\"\nfile = \"a\"\n".repeat(2);
        assert!(loaded(&twice).unwrap_err().contains("two feeds"));
        assert!(loaded(&twice.replace("\"kev\"", "\"a.b\"")).unwrap_err().contains("is not a name"));
    }
}
