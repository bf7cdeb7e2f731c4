//! Which role may call what, as data. A call that is not in the list is refused; a test holds the list and the
//! descriptor of `muster.v1` together.

use crate::identity::Role;
use crate::identity::Role::{Auditor, Operator, Viewer};

/// How a call is limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// Answers within its deadline.
    Call,
    /// Holds an import in memory.
    Import,
    /// Stays open.
    Watch,
}

/// A line of the matrix.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// Path of the call.
    pub path: &'static str,
    /// One of these is needed on the site it is about; an admin may everything.
    pub roles: &'static [Role],
    /// How it is limited.
    pub class: Class,
}

const READ: &[Role] = &[Viewer, Auditor, Operator];
const RUN: &[Role] = &[Operator];
const AUDIT: &[Role] = &[Auditor];
const BOOKS: &[Role] = &[Auditor, Operator];
const ADMIN: &[Role] = &[];

const fn call(path: &'static str, roles: &'static [Role]) -> Rule {
    Rule { path, roles, class: Class::Call }
}

/// Every call. A draw is for auditors: whoever runs the drawn hosts shall not read their names before the audit does.
pub const MATRIX: &[Rule] = &[
    call("/muster.v1.EstateService/ListSites", READ),
    call("/muster.v1.EstateService/GetSite", READ),
    call("/muster.v1.EstateService/ApplyEstate", ADMIN),
    call("/muster.v1.EstateService/SetHalt", RUN),
    Rule { path: "/muster.v1.InventoryService/ImportInventory", roles: RUN, class: Class::Import },
    call("/muster.v1.InventoryService/UpdateAssets", RUN),
    call("/muster.v1.InventoryService/ListAssets", READ),
    call("/muster.v1.SweepService/RequestSweep", RUN),
    call("/muster.v1.SweepService/GetSweep", READ),
    call("/muster.v1.SweepService/ListSweeps", READ),
    call("/muster.v1.AuditService/RequestAudit", AUDIT),
    call("/muster.v1.AuditService/GetDraw", AUDIT),
    call("/muster.v1.AuditService/ListAudits", READ),
    call("/muster.v1.HostService/GetHost", READ),
    call("/muster.v1.HostService/ListHosts", READ),
    call("/muster.v1.HostService/SummarizeSites", READ),
    call("/muster.v1.VerdictService/ListVerdicts", READ),
    call("/muster.v1.FindingService/GetFinding", READ),
    call("/muster.v1.FindingService/ListFindings", READ),
    call("/muster.v1.FindingService/GroupFindings", READ),
    call("/muster.v1.FindingService/SetDisposition", RUN),
    Rule { path: "/muster.v1.FindingService/WatchFindings", roles: READ, class: Class::Watch },
    call("/muster.v1.GateService/RequestGate", RUN),
    call("/muster.v1.GateService/GetGate", READ),
    call("/muster.v1.BulletinService/ListBulletins", READ),
    call("/muster.v1.LedgerService/Verify", BOOKS),
];

/// The line of a call.
#[must_use]
pub fn rule(path: &str) -> Option<&'static Rule> {
    MATRIX.iter().find(|rule| rule.path == path)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use prost::Message;
    use std::collections::BTreeSet;

    #[test]
    fn every_call_of_the_contract_stands_in_the_matrix_and_no_other() {
        let set = prost_types::FileDescriptorSet::decode(muster_proto::FILE_DESCRIPTOR_SET).unwrap();
        let declared: BTreeSet<String> = set
            .file
            .iter()
            .flat_map(|file| file.service.iter().map(move |service| (file.package(), service)))
            .flat_map(|(package, service)| {
                service.method.iter().map(move |method| format!("/{package}.{}/{}", service.name(), method.name()))
            })
            .collect();
        let listed: BTreeSet<String> = MATRIX.iter().map(|rule| rule.path.to_owned()).collect();
        assert_eq!(declared, listed);
        assert_eq!(listed.len(), MATRIX.len(), "a call stands twice");
    }

    #[test]
    fn a_viewer_changes_nothing() {
        for rule in MATRIX.iter().filter(|rule| rule.roles.contains(&Role::Viewer)) {
            let verb = rule.path.rsplit('/').next().unwrap();
            assert!(["List", "Get", "Group", "Summarize", "Watch"].iter().any(|read| verb.starts_with(read)), "{verb}");
        }
    }
}
