//! A finding of a message as the filter sees it: the columns that the store has for findings.

use muster_bus::convert::network::address_from_proto;
use muster_proto::v1::{Disposition, FindingState, ListedFinding, Outcome};

use crate::answer::millis;
use crate::filter::{Cell, Record, mapped};

impl Record for ListedFinding {
    fn cell(&self, column: &str) -> Option<Cell<'_>> {
        let (finding, verdict) = (self.finding.as_ref()?, self.verdict.as_ref()?);
        Some(match column {
            "site" => Cell::Text(&self.site),
            "title" => Cell::Text(&self.title),
            "address" => {
                let address = address_from_proto("address", &self.address).map(mapped);
                Cell::Address(address.unwrap_or(std::net::Ipv6Addr::UNSPECIFIED))
            }
            "finding_id" => Cell::Id(&finding.finding_id),
            "host_id" => Cell::Id(&verdict.host_id),
            "subject" => Cell::Text(&verdict.subject),
            "reason" => Cell::Text(&verdict.reason),
            "outcome" => Cell::Text(outcome(verdict.outcome())),
            "state" => Cell::Text(state(finding.state())),
            "owner" => Cell::Text(&finding.owner),
            "disposition" => Cell::Text(disposition(finding.disposition())),
            "first_seen" => Cell::Time(millis(finding.first_seen.as_ref())),
            "last_seen" => Cell::Time(millis(finding.last_seen.as_ref())),
            "resolved_at" => Cell::Time(millis(finding.resolved_at.as_ref())),
            "due_at" => Cell::Time(millis(finding.due_at.as_ref())),
            "reopened" => Cell::Number(finding.reopened.into()),
            _ => return None,
        })
    }
}

const fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Unspecified => "",
        Outcome::Pass => "pass",
        Outcome::Fail => "fail",
        Outcome::NotApplicable => "not-applicable",
        Outcome::Unknown => "unknown",
    }
}

const fn state(state: FindingState) -> &'static str {
    match state {
        FindingState::Unspecified => "",
        FindingState::Open => "open",
        FindingState::Resolved => "resolved",
        FindingState::Suppressed => "suppressed",
    }
}

const fn disposition(disposition: Disposition) -> &'static str {
    match disposition {
        Disposition::Unspecified => "unspecified",
        Disposition::Adopted => "adopted",
        Disposition::Accepted => "accepted",
        Disposition::Decommissioned => "decommissioned",
        Disposition::None => "none",
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::filter::{matches, parse};
    use muster_proto::v1::{Finding, Verdict};
    use muster_store::query::{FINDING_COLUMNS, Kind};

    fn listed() -> ListedFinding {
        ListedFinding {
            finding: Some(Finding {
                finding_id: vec![7; 16],
                state: FindingState::Open.into(),
                first_seen: Some(prost_types::Timestamp { seconds: 1_700_000_000, nanos: 0 }),
                ..Finding::default()
            }),
            verdict: Some(Verdict { reason: "rogue".to_owned(), subject: "known".to_owned(), ..Verdict::default() }),
            site: "dublin".to_owned(),
            address: vec![127, 20, 0, 7],
            ..ListedFinding::default()
        }
    }

    #[test]
    fn a_watch_filters_by_every_column_that_a_list_does() {
        let listed = listed();
        for column in FINDING_COLUMNS {
            let cell = listed.cell(column.name);
            let fits = match column.kind {
                Kind::Text | Kind::Names(_) => matches!(cell, Some(Cell::Text(_))),
                Kind::Number => matches!(cell, Some(Cell::Number(_))),
                Kind::Time => matches!(cell, Some(Cell::Time(_))),
                Kind::Id => matches!(cell, Some(Cell::Id(_))),
                Kind::Address => matches!(cell, Some(Cell::Address(_))),
                Kind::Bool | Kind::Texts => false,
            };
            assert!(fits, "{}", column.name);
        }
    }

    #[test]
    fn a_change_passes_as_its_row_would() {
        for (text, passes) in [
            ("site = dublin AND reason = rogue AND state = open", true),
            ("address:127.20.0.0/24", true),
            ("state = resolved", false),
            ("first_seen > 2023-01-01T00:00:00Z", true),
            ("due_at:*", false),
        ] {
            assert_eq!(matches(&parse(text, FINDING_COLUMNS).unwrap().unwrap(), &listed()), passes, "{text}");
        }
    }
}
