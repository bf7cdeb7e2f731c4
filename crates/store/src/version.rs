//! The oldest ClickHouse that Muster is tried with.

use crate::error::StoreError;

/// 26.3, the long-term release: tokens of deduplication as the recorder uses them.
const OLDEST: (u32, u32) = (26, 3);

/// Compares what `SELECT version()` answered with what is needed.
pub(crate) fn check(found: &str, url: &str) -> Result<(), StoreError> {
    let mut numbers = found.split('.').map(str::parse::<u32>);
    // What is no version is none that we know.
    if let (Some(Ok(year)), Some(Ok(release))) = (numbers.next(), numbers.next())
        && (year, release) >= OLDEST
    {
        return Ok(());
    }
    let wanted = format!("{}.{}", OLDEST.0, OLDEST.1);
    Err(StoreError::TooOld { url: url.to_owned(), found: found.to_owned(), wanted })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_older_or_no_version_is_refused_in_one_line() {
        for found in ["26.3.1.1", "26.7.3.1", "27.1", "26.10.1.1-stable"] {
            assert!(check(found, "").is_ok(), "{found}");
        }
        for found in ["26.2.9.9", "25.12.1.1", "", "26", "new"] {
            let line = check(found, "http://clickhouse:8123").map_err(|error| error.to_string());
            assert!(line.is_err_and(|line| line.contains("26.3 or newer") && line.contains("clickhouse:8123")));
        }
    }
}
