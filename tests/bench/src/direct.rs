//! The reference of `pipeline_rows`: the same observation and verdict rows, inserted by the `clickhouse` crate into
//! tables of the same definition in the same engine, in blocks as large as the recorder's largest and with its settings.

use std::time::Instant;

use anyhow::Context as _;
use clickhouse::{Client, Row};
use muster_bus::SiteName;
use muster_proto::v1;
use muster_store::rows::{FindingRow, Id, ObservationRow, VerdictChangeRow, VerdictRow};

use crate::bed::Bed;
use crate::corpus::{LEASES, Sweep};
use crate::verdicts::{Rows, address, millis};

/// Rows of a block: the recorder's `batch_rows_max`.
const BLOCK_ROWS: usize = 100_000;

/// The tables beside Muster's.
const TABLES: [(&str, &str); 4] = [
    ("bench_observations", "observations"),
    ("bench_verdict_log", "verdict_log"),
    ("bench_verdicts", "verdicts"),
    ("bench_findings", "findings"),
];

/// Inserts directly.
pub(crate) struct Direct {
    client: Client,
}

impl Direct {
    /// Makes the tables.
    pub(crate) async fn new(bed: &Bed) -> anyhow::Result<Self> {
        let options = bed.store_options();
        let client = Client::default()
            .with_url(&options.url)
            .with_user(&options.user)
            .with_password(&options.password)
            .with_database(&options.database)
            // The recorder's: not packed on loopback, and no question about the columns before each insert.
            .with_compression(clickhouse::Compression::None)
            .with_validation(false)
            .with_setting("async_insert", "0")
            .with_setting("wait_end_of_query", "1")
            .with_setting("deduplicate_insert", "enable")
            .with_setting("insert_deduplicate", "1")
            .with_setting("max_insert_threads", "1")
            .with_setting("max_insert_block_size", (BLOCK_ROWS + 1).to_string())
            .with_setting("min_insert_block_size_rows", (BLOCK_ROWS + 1).to_string())
            .with_setting("min_insert_block_size_bytes", "0")
            .with_setting("max_partitions_per_insert_block", "1");
        for (table, like) in TABLES {
            client.query(&format!("CREATE TABLE IF NOT EXISTS {table} AS {like}")).execute().await?;
        }
        Ok(Self { client })
    }

    /// Inserts all rows, the observations and the verdicts side by side as the recorder does; how long it took, in s.
    pub(crate) async fn insert(
        &self,
        round: u32,
        observations: &[ObservationRow<'_>],
        verdicts: &Rows<'_>,
    ) -> anyhow::Result<f64> {
        let started = Instant::now();
        let seen = async {
            for (n, block) in observations.chunks(BLOCK_ROWS).enumerate() {
                let mut insert = self.begin::<ObservationRow<'static>>(TABLES[0].0, round, n).await?;
                for row in block {
                    insert.write(row).await?;
                }
                insert.end().await?;
            }
            anyhow::Ok(())
        };
        let judged = async {
            for (n, block) in verdicts.log.chunks(BLOCK_ROWS).enumerate() {
                let mut insert = self.begin::<VerdictChangeRow<'static>>(TABLES[1].0, round, n).await?;
                for row in block {
                    insert.write(row).await?;
                }
                insert.end().await?;
            }
            for (n, block) in verdicts.standing.chunks(BLOCK_ROWS).enumerate() {
                let mut insert = self.begin::<VerdictRow<'static>>(TABLES[2].0, round, n).await?;
                for row in block {
                    insert.write(row).await?;
                }
                insert.end().await?;
            }
            for (n, block) in verdicts.findings.chunks(BLOCK_ROWS).enumerate() {
                let mut insert = self.begin::<FindingRow<'static>>(TABLES[3].0, round, n).await?;
                for row in block {
                    insert.write(row).await?;
                }
                insert.end().await?;
            }
            anyhow::Ok(())
        };
        tokio::try_join!(seen, judged)?;
        Ok(started.elapsed().as_secs_f64())
    }

    async fn begin<R: Row>(
        &self,
        table: &str,
        round: u32,
        block: usize,
    ) -> anyhow::Result<clickhouse::insert::Insert<R>> {
        let client = self.client.clone().with_setting("insert_deduplication_token", format!("{round}:{block}:{table}"));
        client.insert::<R>(table).await.with_context(|| format!("inserting into {table}"))
    }
}

/// The slices of a sweep with their orders.
pub(crate) fn slices(sweep: &Sweep, site: &SiteName) -> anyhow::Result<Vec<v1::Slice>> {
    let mut slices = Vec::new();
    for index in 0..LEASES {
        slices.extend(sweep.lease(site, index)?.slices);
    }
    Ok(slices)
}

/// The rows of slices, as the recorder makes them.
pub(crate) fn observation_rows<'a>(site: &'a str, slices: &'a [v1::Slice]) -> anyhow::Result<Vec<ObservationRow<'a>>> {
    static NONE: std::sync::LazyLock<v1::Fingerprint> = std::sync::LazyLock::new(v1::Fingerprint::default);
    let mut rows = Vec::new();
    for (sequence, slice) in slices.iter().enumerate() {
        let (order_id, sweep_id) = (id(&slice.order_id)?, id(&slice.sweep_id)?);
        let started_at = millis(slice.started_at.as_ref());
        for seen in &slice.observations {
            let print = seen.fingerprint.as_ref().unwrap_or(&NONE);
            rows.push(ObservationRow {
                order_id,
                unit: seen.unit,
                slice_index: slice.index,
                sweep_id,
                site,
                realm: &slice.realm,
                address: address(&seen.address)?,
                port: u16::try_from(seen.port)?,
                transport: i8::try_from(seen.transport)?,
                observed_at: started_at + i64::try_from(seen.observed_after_us / 1_000)?,
                rtt_us: seen.rtt_us,
                service: &print.service,
                vendor: &print.vendor,
                product: &print.product,
                version: &print.version,
                evidence: &print.evidence,
                tls: print.tls,
                banner: &seen.banner,
                certificate_sha256: &seen.certificate_sha256,
                os_product: &print.os_product,
                os_version: &print.os_version,
                tls_version: &print.tls_version,
                identifiers: seen.identifiers.iter().map(|i| (i.kind.as_str(), i.value.as_str())).collect(),
                stream_sequence: sequence as u64,
                broker_at: started_at,
            });
        }
    }
    Ok(rows)
}

fn id(bytes: &[u8]) -> anyhow::Result<Id> {
    bytes.try_into().context("an id has 16 bytes")
}
