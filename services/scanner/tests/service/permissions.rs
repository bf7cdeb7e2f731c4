//! A captured scanner (I-8): the other tests show that its user can do its work; this one, that it can do no more.

use std::time::Duration;

use async_nats::jetstream::{self, consumer};
use muster_bus::inbox_prefix;
use muster_engines::testing::TEST_PASSWORD;

use super::bench::{Bench, Wanted, site};

/// The server answers nothing to what is forbidden: a second is a thousand times what an answer takes.
const NO_ANSWER: Duration = Duration::from_secs(1);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_scanner_of_a_site_can_do_nothing_else() {
    let bench = Bench::start().await;
    bench.declare(&site("here", "127.47.1.0/30", 1_000)).await;
    bench.declare(&site("there", "127.47.2.0/30", 1_000)).await;
    let there = Wanted { site: "there", ..Wanted::new("127.47.2.0/30", (27_000, 27_000), 2) };
    bench.order(&there).await;
    let told = super::process::Told {
        user: "scanner-there".to_owned(),
        sites: vec!["there".to_owned()],
        ..bench.told("there")
    };
    let _there = super::process::Scanner::start(&told);
    bench.outcome(&there).await;
    bench.order(&there).await;

    let client = async_nats::ConnectOptions::new()
        .user_and_password("scanner-here".to_owned(), TEST_PASSWORD.to_owned())
        .custom_inbox_prefix(inbox_prefix("scanner-here"))
        .request_timeout(Some(NO_ANSWER))
        .connect(bench.engines.nats_url())
        .await
        .unwrap();
    let jetstream = jetstream::ContextBuilder::new().timeout(NO_ANSWER).build(client.clone());
    let order = there.order_id();
    for subject in [
        format!("muster.v1.event.there.lease.{order}"),
        "muster.v1.event.here.command.sweep".to_owned(),
        "muster.v1.event.here.estate.document".to_owned(),
        "muster.v1.event.here.inventory.revision".to_owned(),
        "muster.v1.event.all.bulletin.kev".to_owned(),
        "muster.v1.plan.here.sweep".to_owned(),
        "muster.v1.plan.all.clock".to_owned(),
        "muster.v1.verdict.here".to_owned(),
        "muster.v1.order.here.lease".to_owned(),
        "muster.v1.dead.events".to_owned(),
        "$KV.halt.here".to_owned(),
        "$KV.estate.here".to_owned(),
        "$JS.ACK.ORDERS.scanner-there.1.1.1.1.0".to_owned(),
    ] {
        let answer = jetstream.publish(subject.clone(), "x".into()).await.unwrap().await;
        assert!(answer.is_err(), "{subject}");
    }
    for subject in [
        format!("$JS.API.DIRECT.GET.EVENTS.muster.v1.event.there.lease.{order}"),
        "$JS.API.DIRECT.GET.KV_estate.$KV.estate.there".to_owned(),
        "$JS.API.DIRECT.GET.KV_halt.$KV.halt.there".to_owned(),
        "$JS.API.DIRECT.GET.EVENTS".to_owned(),
        "$JS.API.STREAM.MSG.GET.EVENTS".to_owned(),
        "$JS.API.STREAM.MSG.GET.ORDERS".to_owned(),
        "$JS.API.STREAM.INFO.EVENTS".to_owned(),
        "$JS.API.STREAM.PURGE.ORDERS".to_owned(),
        "$JS.API.CONSUMER.MSG.NEXT.ORDERS.scanner-there".to_owned(),
        "$JS.API.CONSUMER.DELETE.ORDERS.scanner-here".to_owned(),
    ] {
        assert!(client.request(subject.clone(), "".into()).await.is_err(), "{subject}");
    }
    for (stream, filter) in [
        ("EVENTS", "muster.v1.event.here.lease.*"),
        ("ORDERS", "muster.v1.order.there.lease"),
        ("KV_estate", "$KV.estate.>"),
    ] {
        for name in [None, Some("scanner-here".to_owned())] {
            let config = consumer::pull::Config { name, filter_subject: filter.to_owned(), ..Default::default() };
            assert!(jetstream.create_consumer_on_stream(config, stream).await.is_err(), "{stream} {filter}");
        }
    }
    // What it may, so that silence above is the refusal and not a broken connection.
    let own = client.request("$JS.API.DIRECT.GET.KV_estate.$KV.estate.here", "".into()).await.unwrap();
    assert!(!own.payload.is_empty());
}
