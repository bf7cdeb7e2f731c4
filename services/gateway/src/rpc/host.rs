//! HostService: what is seen on the network, and the figures of each site.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use jiff::Timestamp;
use muster_proto::v1::host_service_server::HostService;
use muster_proto::v1::{
    Asset, GetHostRequest, GetHostResponse, ListHostsRequest, ListHostsResponse, SummarizeSitesRequest,
    SummarizeSitesResponse, get_host_request::Key,
};
use muster_store::query::{Compare, Filter, HOST_COLUMNS, HostKey, HostListKey, List, ListedHost, Value};
use tonic::{Request, Response, Status};

use super::id;
use crate::answer;
use crate::core::{Core, site_name};
use crate::error::{Answer, ApiError, Reason};
use crate::filter::mapped;
use crate::guard::Access;
use crate::lists::{Asked, Listing, ask, sites};

/// The service.
#[derive(Debug, Clone)]
pub(crate) struct HostRpc(pub(crate) Arc<Core>);

/// Candidates that an ambiguous address lists.
const CANDIDATES_MAX: usize = 10;

#[tonic::async_trait]
impl HostService for HostRpc {
    async fn get_host(&self, request: Request<GetHostRequest>) -> Result<Response<GetHostResponse>, Status> {
        let access = Access::of(&request)?;
        Ok(Response::new(self.get(&access, request.into_inner()).await?))
    }

    async fn list_hosts(&self, request: Request<ListHostsRequest>) -> Result<Response<ListHostsResponse>, Status> {
        let access = Access::of(&request)?;
        Ok(Response::new(self.list(&access, &request.into_inner()).await?))
    }

    async fn summarize_sites(
        &self,
        request: Request<SummarizeSitesRequest>,
    ) -> Result<Response<SummarizeSitesResponse>, Status> {
        let access = Access::of(&request)?;
        self.0.judged(request.into_inner().at_least_sequence, access.deadline()).await?;
        let allowed = sites(&access);
        let rows =
            self.0.store.site_summaries(allowed.as_deref(), &ask(access.deadline())).await.map_err(ApiError::from)?;
        Ok(Response::new(SummarizeSitesResponse { sites: rows.into_iter().map(answer::summary).collect() }))
    }
}

impl HostRpc {
    async fn get(&self, access: &Access, request: GetHostRequest) -> Answer<GetHostResponse> {
        let (key, name) = read_key(request.key)?;
        self.0.judged(request.at_least_sequence, access.deadline()).await?;
        let allowed = sites(access);
        let mut found = self.0.store.find_hosts(&key, allowed.as_deref(), &ask(access.deadline())).await?;
        if found.len() > 1 {
            found = self.standing(found).await?;
        }
        let Some(host) = found.pop() else { return Err(ApiError::not_found("host", name)) };
        if !found.is_empty() {
            found.push(host);
            return Err(ambiguous(&name, &found));
        }
        let asset = self.asset(access, &host).await?;
        let now = Timestamp::now().as_millisecond();
        let detail = self.0.store.get_host(host, now, &ask(access.deadline())).await?;
        let realm = detail.host.realm.clone();
        Ok(GetHostResponse {
            services: detail.services.into_iter().map(answer::service).collect(),
            verdicts: detail.verdicts.into_iter().map(|row| answer::verdict(row, realm.clone())).collect(),
            asset,
            host: Some(answer::host(detail.host)),
        })
    }

    /// Without the hosts of sites that were removed, which nobody means; of removed sites alone, what there is.
    async fn standing(&self, found: Vec<ListedHost>) -> Answer<Vec<ListedHost>> {
        let mut removed = BTreeSet::new();
        for site in found.iter().map(|host| host.site.as_str()).collect::<BTreeSet<_>>() {
            if self.0.estate.get(site).await?.is_none_or(|standing| standing.document.removed) {
                removed.insert(site.to_owned());
            }
        }
        let (gone, stand): (Vec<_>, Vec<_>) = found.into_iter().partition(|host| removed.contains(&host.site));
        Ok(if stand.is_empty() { gone } else { stand })
    }

    async fn asset(&self, access: &Access, host: &ListedHost) -> Answer<Option<Asset>> {
        if host.asset_key.is_empty() {
            return Ok(None);
        }
        let key = Filter::Compare { column: "key", op: Compare::Equal, value: Value::Text(host.asset_key.clone()) };
        let list = List {
            filter: Some(key),
            sites: Some(vec![host.site.clone()]),
            after: None,
            limit: 1,
            as_of: None,
            now: Timestamp::now().as_millisecond(),
            ask: ask(access.deadline()),
        };
        let rows = self.0.store.list_assets(&list).await?;
        Ok(rows.into_iter().next().and_then(|row| answer::asset(row).asset))
    }

    async fn list(&self, access: &Access, request: &ListHostsRequest) -> Answer<ListHostsResponse> {
        let asked = Asked {
            call: "ListHosts",
            filter: &request.filter,
            page_size: request.page_size,
            page_token: &request.page_token,
            as_of: None,
            columns: HOST_COLUMNS,
        };
        let listing = Listing::<HostListKey>::new(&self.0, access, asked)?;
        self.0.judged(request.at_least_sequence, access.deadline()).await?;
        let rows = self.0.store.list_hosts(&listing.list).await?;
        let (rows, next_page_token) = listing.page(&self.0, rows, |row| (row.site.clone(), row.host_id));
        Ok(ListHostsResponse { hosts: rows.into_iter().map(answer::host).collect(), next_page_token })
    }
}

/// The key for the store, and the name for an error.
fn read_key(key: Option<Key>) -> Answer<(HostKey, String)> {
    match key {
        Some(Key::HostId(bytes)) => {
            let host = id("host_id", &bytes)?;
            Ok((HostKey::Id(host), hex::encode(host)))
        }
        Some(Key::SiteAddress(named)) => {
            if !named.site.is_empty() {
                site_name("site_address.site", &named.site)?;
            }
            let address: IpAddr = named.address.parse().map_err(|_| {
                ApiError::field("site_address.address", format!("{:?} is no IP address", named.address))
            })?;
            let name = if named.site.is_empty() { address.to_string() } else { format!("{}/{address}", named.site) };
            let site = (!named.site.is_empty()).then_some(named.site);
            Ok((HostKey::Address { site, address: mapped(address) }, name))
        }
        None => Err(ApiError::field("key", "name a host by host_id or site_address")),
    }
}

/// Names each host as `SITE/ADDRESS`, or by its id where a site has more than one at the address: what is named can be
/// typed as it stands.
fn ambiguous(name: &str, found: &[ListedHost]) -> ApiError {
    let place = |host: &ListedHost| format!("{}/{}", host.site, host.address.to_canonical());
    let alone = |host: &ListedHost| found.iter().filter(|other| place(other) == place(host)).count() == 1;
    let candidate = |host: &ListedHost| if alone(host) { place(host) } else { hex::encode(host.host_id) };
    let mut candidates: Vec<String> = found.iter().map(candidate).collect();
    candidates.sort();
    candidates.dedup();
    let more = candidates.len().saturating_sub(CANDIDATES_MAX);
    candidates.truncate(CANDIDATES_MAX);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    ApiError::new(Reason::Ambiguous, format!("{name:?} is more than one host: {}{more}", candidates.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::{ApiError, ListedHost, ambiguous};

    fn host(number: u8, site: &str, address: &str) -> ListedHost {
        let address: std::net::IpAddr = address.parse().unwrap();
        ListedHost {
            site: site.to_owned(),
            host_id: [number; 16],
            realm: "test".to_owned(),
            address: crate::filter::mapped(address),
            zone: String::new(),
            asset_key: String::new(),
            name: String::new(),
            owner: String::new(),
            first_seen: 1,
            last_seen: 1,
            open_ports: 0,
            open_findings: 0,
        }
    }

    #[test]
    fn every_candidate_can_be_typed_as_it_stands() {
        let told = |error: ApiError| error.to_string();
        let found = [host(1, "dublin", "127.20.0.7"), host(2, "cork", "127.20.0.7")];
        let text = told(ambiguous("127.20.0.7", &found));
        assert!(text.contains("is more than one host: cork/127.20.0.7, dublin/127.20.0.7"), "{text}");
        // One site, two realms in time: SITE/ADDRESS is what was typed, and would be ambiguous again.
        let found = [host(1, "dublin", "127.20.0.7"), host(2, "dublin", "127.20.0.7")];
        let text = told(ambiguous("dublin/127.20.0.7", &found));
        let (one, two) = (hex::encode([1; 16]), hex::encode([2; 16]));
        assert!(text.contains(&format!("is more than one host: {one}, {two}")), "{text}");
        // A host that moved with its site's name: the id is what was typed.
        let found = [host(1, "dublin", "2001:db8::7"), host(1, "cork", "2001:db8::7")];
        let text = told(ambiguous(&hex::encode([1; 16]), &found));
        assert!(text.contains("is more than one host: cork/2001:db8::7, dublin/2001:db8::7"), "{text}");
    }
}
