//! What stands in the estate now.

use std::collections::BTreeSet;

use muster_bus::convert::estate::site_from_proto;
use muster_bus::{Kv, KvError};
use muster_estate::model::Site;
use muster_proto::v1;
use prost::Message;

/// The sites that are scheduled.
#[derive(Debug, Default)]
pub(crate) struct Estate {
    pub(crate) sites: Vec<Site>,
    /// Sites whose record could not be read: they may stand.
    pub(crate) unread: BTreeSet<String>,
}

impl Estate {
    /// Reads all records. One that is broken keeps no other site from being scheduled.
    pub(crate) async fn read(kv: &Kv) -> Result<Self, KvError> {
        let mut estate = Self::default();
        for entry in kv.all().await? {
            let document = v1::EstateDocument::decode(entry.value).map_err(|error| error.to_string());
            match document.and_then(|document| site_from_proto(&document).map_err(|error| error.to_string())) {
                Ok(site) if !site.removed => estate.sites.push(site),
                Ok(_) => {}
                Err(error) => {
                    tracing::error!(site = entry.key, error, "the estate's record of this site cannot be read");
                    estate.unread.insert(entry.key);
                }
            }
        }
        Ok(estate)
    }

    /// Whether a site may stand.
    pub(crate) fn names(&self, site: &str) -> bool {
        self.unread.contains(site) || self.sites.iter().any(|standing| standing.name == site)
    }
}
