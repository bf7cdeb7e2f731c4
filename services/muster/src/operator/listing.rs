//! Lists: filters joined, pages followed, an end that is told.

use clap::Args;
use muster_kit::Failure;

use super::columns::Noun;
use super::datum::Datum;
use super::output::Output;
use super::text::quoted;

/// Largest page that the gateway gives.
const PAGE_MAX: u32 = 1000;
/// Most rows of `--all` in a form that is held in memory until its end: 2 KiB each make 2 GiB.
const HELD_MAX: u32 = 1_000_000;

/// What every list takes.
#[derive(Debug, Clone, Args)]
pub struct ListArgs {
    /// Only what fits, for example: reason = "rogue" AND first_seen > 2026-01-01T00:00:00Z
    #[arg(short, long, value_name = "FILTER", default_value = "", hide_default_value = true)]
    pub filter: String,
    /// At most so many
    #[arg(short = 'n', long, value_name = "ROWS", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=i64::from(HELD_MAX)))]
    pub limit: u32,
    /// All there are
    #[arg(long, conflicts_with = "limit")]
    pub all: bool,
    /// Wait until the effect of the command with this sequence is there
    #[arg(long, value_name = "SEQUENCE", default_value_t = 0, hide_default_value = true)]
    pub at_least_sequence: u64,
}

/// A page, and the token of the next; an empty token: there is none.
pub(super) type Page = (Vec<Datum>, String);

/// Conditions that all have to hold; what the user wrote is one of them.
pub(super) fn all_of(conditions: impl IntoIterator<Item = Option<String>>, written: &str) -> String {
    let mut parts: Vec<String> = conditions.into_iter().flatten().collect();
    if !written.trim().is_empty() {
        parts.push(if parts.is_empty() { written.to_owned() } else { format!("({written})") });
    }
    parts.join(" AND ")
}

/// One of the values.
pub(super) fn any_of(field: &str, values: &[String]) -> Option<String> {
    let parts: Vec<String> = values.iter().map(|value| format!("{field} = {}", quoted(value))).collect();
    match parts.len() {
        0 => None,
        1 => parts.into_iter().next(),
        _ => Some(format!("({})", parts.join(" OR "))),
    }
}

/// Follows the pages and prints the list.
///
/// # Errors
/// When a page cannot be had, or the output cannot be written.
pub(super) async fn print(
    args: &ListArgs,
    noun: &Noun,
    output: &mut Output,
    fetch: impl AsyncFnMut(i32, String) -> Result<Page, Failure>,
) -> Result<usize, Failure> {
    let wanted = if args.all { HELD_MAX } else { args.limit };
    let (items, more) = collect(wanted, fetch).await?;
    output.list(noun, &items)?;
    if more {
        output.say(&format!("there are more {}: --limit N or --all shows them, --filter narrows them", noun.plural));
    } else if items.is_empty() {
        output.say(&format!("no {}", noun.plural));
    }
    Ok(items.len())
}

/// At most so many items, and whether there are more.
pub(super) async fn collect(
    wanted: u32,
    mut fetch: impl AsyncFnMut(i32, String) -> Result<Page, Failure>,
) -> Result<(Vec<Datum>, bool), Failure> {
    let mut items: Vec<Datum> = Vec::new();
    let mut token = String::new();
    loop {
        let left = wanted.saturating_sub(u32::try_from(items.len()).unwrap_or(u32::MAX));
        let size = i32::try_from(left.min(PAGE_MAX)).unwrap_or(i32::MAX);
        let (page, next) = fetch(size, token).await?;
        items.extend(page);
        if next.is_empty() || items.len() >= wanted as usize {
            return Ok((items, !next.is_empty()));
        }
        token = next;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn what_was_written_cannot_escape_the_other_conditions() {
        let sites = any_of("site", &["a".to_owned(), "b\" OR x = \"".to_owned()]);
        let filter = all_of([sites, Some("state = \"open\"".to_owned())], "reason = \"rogue\" OR owner = \"x\"");
        assert_eq!(
            filter,
            r#"(site = "a" OR site = "b\" OR x = \"") AND state = "open" AND (reason = "rogue" OR owner = "x")"#
        );
    }

    #[tokio::test]
    async fn pages_are_followed_to_the_limit() {
        let mut sizes = Vec::new();
        let (items, more) = collect(2500, async |size, token: String| {
            sizes.push((size, token));
            Ok((vec![Datum::Null; usize::try_from(size).unwrap()], "next".to_owned()))
        })
        .await
        .unwrap();
        assert_eq!((items.len(), more), (2500, true));
        let next = "next".to_owned();
        assert_eq!(sizes, [(1000, String::new()), (1000, next.clone()), (500, next)]);
    }
}
