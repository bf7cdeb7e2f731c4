//! A service that reaches both engines over a network that fails on command.

use anyhow::Result;
use muster::process::{Otherwise, ServiceName};
use muster_engines::faults::Proxy;

use crate::rig::Rig;

/// One proxy in front of each engine.
#[derive(Debug)]
pub struct Proxies {
    /// In front of NATS.
    pub bus: Proxy,
    /// In front of ClickHouse over HTTP.
    pub store: Proxy,
}

impl Proxies {
    /// From now on the processes of a service reach the engines through them; nobody else does.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn in_front_of(rig: &mut Rig, service: ServiceName, more: &[&str]) -> Result<Self> {
        let bus = Proxy::start(rig.stack.engines().nats_address()).await?;
        let store = Proxy::start(rig.stack.engines().clickhouse_http_address()).await?;
        let mut set =
            vec![format!("bus.url=nats://{}", bus.address()), format!("store.url=http://{}", store.address())];
        set.extend(more.iter().map(|&setting| setting.to_owned()));
        rig.stack.otherwise(service, Otherwise { program: None, set });
        Ok(Self { bus, store })
    }
}
