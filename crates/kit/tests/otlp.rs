//! Traces, metrics and logs reach an OTLP collector before the process ends.

#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

use std::sync::{Arc, Mutex};

use muster_kit::telemetry::metrics::Counter;
use muster_kit::{Exit, Failure, KitConfig, launch};
use opentelemetry_proto::tonic::collector::logs::v1::logs_service_server::{LogsService, LogsServiceServer};
use opentelemetry_proto::tonic::collector::logs::v1::{ExportLogsServiceRequest, ExportLogsServiceResponse};
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::{
    MetricsService, MetricsServiceServer,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{ExportMetricsServiceRequest, ExportMetricsServiceResponse};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{TraceService, TraceServiceServer};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use tonic::{Request, Response, Status};

/// A collector that keeps the text of what it got.
#[derive(Clone, Default)]
struct Collector {
    got: Arc<Mutex<String>>,
}

impl Collector {
    fn keep(&self, what: &impl std::fmt::Debug) {
        self.got.lock().unwrap().push_str(&format!("{what:?}\n"));
    }
}

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        self.keep(request.get_ref());
        Ok(Response::new(Default::default()))
    }
}

#[tonic::async_trait]
impl LogsService for Collector {
    async fn export(
        &self,
        request: Request<ExportLogsServiceRequest>,
    ) -> Result<Response<ExportLogsServiceResponse>, Status> {
        self.keep(request.get_ref());
        Ok(Response::new(Default::default()))
    }
}

#[tonic::async_trait]
impl MetricsService for Collector {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        self.keep(request.get_ref());
        Ok(Response::new(Default::default()))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_three_signals_leave_before_the_end() {
    static THINGS: Counter = Counter::new("muster.test.otlp.things", "Things");
    let collector = Collector::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let server = tonic::transport::Server::builder()
        .add_service(TraceServiceServer::new(collector.clone()))
        .add_service(LogsServiceServer::new(collector.clone()))
        .add_service(MetricsServiceServer::new(collector.clone()));
    let serving = tokio::spawn(server.serve_with_incoming(tokio_stream::wrappers::TcpListenerStream::new(listener)));

    let config = KitConfig { otlp_endpoint: Some(endpoint), ..KitConfig::default() };
    let exit = launch::run("otlp-test", "1", &config, |_| async {
        let span = tracing::info_span!("the-span-of-this-test");
        span.in_scope(|| tracing::info!("the-line-of-this-test"));
        THINGS.add(7, &[]);
        Ok::<_, Failure>(())
    });
    assert_eq!(exit.await, Exit::Ok);
    let got = collector.got.lock().unwrap().clone();
    for text in ["the-span-of-this-test", "the-line-of-this-test", "muster.test.otlp.things", "otlp-test"] {
        assert!(got.contains(text), "{text} is not in\n{got}");
    }
    serving.abort();
}
