//! What was published: the store's rows up to the recorder's position, and every message after it on top.

use std::collections::HashMap;
use std::net::IpAddr;

use jiff::Timestamp;
use muster_bus::convert::{network, time};
use muster_ids::{FindingId, HostId};
use muster_proto::v1;
use muster_store::Store;
use muster_verdict::{Finding, HostChange, Published, RestoredHost, Subject, Verdict};

use super::ask;
use crate::convert::published as read;
use crate::error::EvaluatorError;

/// The evidence of a `seen` verdict that says when the host answered last.
const LAST_SEEN: &str = "host.last_seen";

/// How the site's verdicts, findings and hosts stand.
#[derive(Debug, Default)]
pub(super) struct Told {
    verdicts: HashMap<(HostId, Subject), (Verdict, IpAddr)>,
    findings: HashMap<FindingId, Finding>,
    hosts: HashMap<HostId, HostChange>,
    pub(super) as_of: Option<Timestamp>,
}

impl Told {
    /// Reads the store.
    pub(super) async fn load(store: &Store, site: &str, cut: u64) -> Result<Self, EvaluatorError> {
        let mut told = Self::default();
        if cut == 0 {
            return Ok(told);
        }
        let (mut failed, ask) = (None, ask());
        let each = |row: &muster_store::rows::VerdictRow<'_>| match read::verdict_of_row(row) {
            Ok(verdict) => told.put(verdict, read::address(row.address)),
            Err(error) => failed = Some(error),
        };
        store.snapshot_verdicts(site, cut, &ask, each).await?;
        let each = |row: &muster_store::rows::FindingRow<'_>| match read::finding_of_row(row) {
            Ok(finding) => {
                told.findings.insert(finding.id, finding);
            }
            Err(error) => failed = Some(error),
        };
        store.snapshot_findings(site, cut, &ask, each).await?;
        let each = |row: &muster_store::rows::HostRow<'_>| {
            let host = read::host_of_row(row);
            told.hosts.insert(host.host, host);
        };
        store.snapshot_hosts(site, cut, &ask, each).await?;
        match failed {
            Some(error) => Err(error),
            None => Ok(told),
        }
    }

    /// Takes a message that was published after what is known.
    pub(super) fn fold(&mut self, batch: &v1::VerdictBatch) -> Result<(), EvaluatorError> {
        for host in &batch.hosts {
            let host = read::host(host)?;
            self.hosts.insert(host.host, host);
        }
        for change in &batch.changes {
            let Some(verdict) = &change.verdict else { continue };
            let address = network::address_from_proto("change.address", &change.address)?;
            self.put(read::verdict(verdict)?, address);
            if let Some(finding) = &change.finding {
                let finding = read::finding(finding)?;
                self.findings.insert(finding.id, finding);
            }
        }
        self.told_until(batch)
    }

    /// Takes the time of a message.
    pub(super) fn told_until(&mut self, batch: &v1::VerdictBatch) -> Result<(), EvaluatorError> {
        self.as_of = self.as_of.max(time::optional("verdicts.as_of", batch.as_of.as_ref())?);
        Ok(())
    }

    fn put(&mut self, verdict: Verdict, address: IpAddr) {
        self.as_of = self.as_of.max(Some(verdict.as_of));
        self.verdicts.insert((verdict.host, verdict.subject), (verdict, address));
    }

    /// Everything, as a state is restored from it, in an order that follows from it.
    pub(super) fn into_parts(mut self) -> (Vec<RestoredHost>, Vec<Published>) {
        let mut hosts: Vec<_> = self.hosts.into_values().collect();
        hosts.sort_unstable_by_key(|host| host.address);
        let seen_at = |host: &HostChange| {
            let (verdict, _) = self.verdicts.get(&(host.host, Subject::Seen))?;
            verdict.evidence.iter().find(|evidence| evidence.path.as_str() == LAST_SEEN)?.at
        };
        let hosts = hosts.into_iter().map(|change| RestoredHost { last_seen: seen_at(&change), change }).collect();
        let mut verdicts: Vec<_> = self.verdicts.into_values().collect();
        verdicts.sort_unstable_by_key(|(verdict, address)| (*address, verdict.subject));
        let published = verdicts
            .into_iter()
            .map(|(verdict, address)| {
                let id = FindingId::of(verdict.host, &verdict.subject.to_string());
                Published { finding: self.findings.remove(&id), verdict, address }
            })
            .collect();
        (hosts, published)
    }
}
