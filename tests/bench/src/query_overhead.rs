//! `query_overhead_p50`, `_p99`: what a list of 100 findings over gRPC takes beyond the very SQL that it runs, sent by
//! HTTP; `query_latency_p50`, `_p99`: the two themselves.

use std::time::Instant;

use anyhow::{Context as _, ensure};
use muster::process::ServiceName;
use muster_gateway::filter;
use muster_proto::v1::ListFindingsRequest;
use muster_proto::v1::finding_service_client::FindingServiceClient;
use muster_store::query::{Ask, FINDING_COLUMNS, FindingKey, List};
use tonic::transport::{Channel, Endpoint};

use crate::bed::Bed;
use crate::corpus::Sweep;
use crate::output::{Value, figure, percentile, talk};
use crate::pipeline_rows::through_pipeline;
use crate::{Effort, calibrate, publish, site};

/// What an operator asks most.
const FILTER: &str = "site = \"bench\" AND state = \"open\"";
const PAGE: i32 = 100;
/// The figure asks for 2,000 pairs; a tenth of a round warms up.
const PAIRS: usize = 2_000;
const PAIRS_QUICK: usize = 100;
const P50_LIMIT_MS: f64 = 1.0;
const P99_LIMIT_MS: f64 = 5.0;

/// Measures.
pub(crate) async fn measure(effort: Effort) -> anyhow::Result<()> {
    let bed = Bed::start(&[ServiceName::Recorder, ServiceName::Evaluator, ServiceName::Gateway]).await?;
    site::declare(&bed).await?;
    publish::warm_up(&bed, 0).await?;
    let sweep = Sweep::numbered(0, 0);
    through_pipeline(&bed, &sweep, &site::name()?).await?;
    let gateway = bed.stack.addresses().gateway.clone().context("the gateway says no address")?;
    let mut rpc = FindingServiceClient::new(Endpoint::from_shared(gateway)?.connect().await?);
    let sql = Sql::new(&bed)?;
    let pairs = if effort.quick { PAIRS_QUICK } else { PAIRS };
    let (mut over_grpc, mut over_http) = (Vec::new(), Vec::new());
    for pair in 0..pairs + pairs / 10 {
        // Each goes first as often as the other.
        let (grpc, http) = if pair % 2 == 0 {
            let grpc = ask_gateway(&mut rpc).await?;
            (grpc, sql.ask().await?)
        } else {
            let http = sql.ask().await?;
            (ask_gateway(&mut rpc).await?, http)
        };
        if pair >= pairs / 10 {
            over_grpc.push(grpc);
            over_http.push(http);
        }
    }
    for (name, taken) in [("gRPC", &over_grpc), ("SQL over HTTP", &over_http)] {
        let at = |percent| percentile(taken, percent);
        talk(&format!(
            "query_overhead {name}: {pairs} times, p50 {:.2} ms, p90 {:.2} ms, p99 {:.2} ms",
            at(50),
            at(90),
            at(99)
        ));
    }
    let differences: Vec<f64> = over_grpc.iter().zip(&over_http).map(|(grpc, http)| grpc - http).collect();
    for (percent, limit) in [(50, P50_LIMIT_MS), (99, P99_LIMIT_MS)] {
        let (grpc, http) = (percentile(&over_grpc, percent), percentile(&over_http, percent));
        let name = |what: &str| format!("query_{what}_p{percent}");
        figure(
            Value { name: &name("overhead"), value: grpc - http, unit: "ms" },
            Value { name: "limit", value: limit, unit: "ms" },
        );
        figure(
            Value { name: &name("latency"), value: grpc, unit: "ms" },
            Value { name: "sql-over-http", value: http, unit: "ms" },
        );
        talk(&format!("  within a pair: p{percent} of the difference {:+.2} ms", percentile(&differences, percent)));
    }
    calibrate::print(bed.directory()).await?;
    bed.stop().await
}

async fn ask_gateway(rpc: &mut FindingServiceClient<Channel>) -> anyhow::Result<f64> {
    let request = ListFindingsRequest { filter: FILTER.to_owned(), page_size: PAGE, ..ListFindingsRequest::default() };
    let started = Instant::now();
    let answer = rpc.list_findings(request).await?.into_inner();
    let taken = started.elapsed();
    ensure!(answer.findings.len() == 100, "{} findings", answer.findings.len());
    Ok(taken.as_secs_f64() * 1e3)
}

/// The statement of the gateway, asked by HTTP with its parameters and settings.
struct Sql {
    client: reqwest::Client,
    url: reqwest::Url,
    statement: String,
    user: String,
    password: String,
}

impl Sql {
    fn new(bed: &Bed) -> anyhow::Result<Self> {
        let options = bed.store_options();
        let list = List::<FindingKey> {
            filter: filter::parse(FILTER, FINDING_COLUMNS)?,
            sites: None,
            after: None,
            // One more than the page, as the gateway asks, to know whether there is another.
            limit: 101,
            as_of: None,
            now: jiff::Timestamp::now().as_millisecond(),
            ask: Ask::default(),
        };
        let statement = list.statement()?;
        let mut url = reqwest::Url::parse(&options.url)?;
        url.query_pairs_mut()
            .append_pair("database", &options.database)
            .append_pair("default_format", "RowBinaryWithNamesAndTypes")
            .extend_pairs(statement.parameters.iter().chain(&statement.settings));
        let client = reqwest::Client::new();
        Ok(Self { client, url, statement: statement.text, user: options.user, password: options.password })
    }

    async fn ask(&self) -> anyhow::Result<f64> {
        let started = Instant::now();
        let request = self.client.post(self.url.clone()).body(self.statement.clone());
        let request = request.header("X-ClickHouse-User", &self.user).header("X-ClickHouse-Key", &self.password);
        let answer = request.send().await?.error_for_status()?.bytes().await?;
        let taken = started.elapsed();
        ensure!(answer.len() > 10_000, "the answer has {} bytes", answer.len());
        Ok(taken.as_secs_f64() * 1e3)
    }
}
