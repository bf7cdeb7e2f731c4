//! Drives a dialogue with one service: connections, TLS, reading and writing, each behind the gate.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use muster_identify::Tls;
use muster_identify::dialogue::{Action, Dialogue, Event, NotSecured, Wait};
use muster_sweep::Transport;
use rustls::ClientConfig;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::ProbeOptions;
use super::certificate::Recorder;
use super::stream::{self, Read, read_reply, write};
use crate::gate::{Gate, Permit};

/// A connection, in TLS or not.
enum Line {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// What one service is asked through.
pub(super) struct Asking<'a> {
    pub(super) gate: &'a Gate,
    pub(super) options: &'a ProbeOptions,
    pub(super) crypto: &'a Arc<CryptoProvider>,
    pub(super) at: SocketAddr,
    /// Connections that were begun.
    pub(super) connections: u8,
}

impl Asking<'_> {
    /// Until there is nothing more to ask, or nothing more may be sent.
    pub(super) async fn run(&mut self, dialogue: &mut Dialogue) {
        let mut line = None;
        loop {
            match dialogue.next_action() {
                Action::Stop => return,
                Action::Connect { tls, wait } => {
                    drop(line.take());
                    line = self.connect().await.map(Line::Plain);
                    if line.is_none() {
                        dialogue.handle(Event::Refused);
                    } else if tls {
                        self.secure(&mut line, wait, dialogue).await;
                    } else {
                        dialogue.handle(Event::Connected);
                    }
                }
                Action::Secure => self.secure(&mut line, Wait::Long, dialogue).await,
                Action::Ask { send, wait } => {
                    let Some(line) = &mut line else { return };
                    let Some(read) = self.ask(line, &send, self.wait(wait)).await else { return };
                    dialogue.handle(Event::Reply { bytes: &read.bytes, closed: read.closed });
                }
            }
        }
    }

    fn wait(&self, wait: Wait) -> Duration {
        match wait {
            Wait::Short => self.options.greeting_wait,
            Wait::Long => self.options.reply_wait,
        }
    }

    /// One more connection: rates first, the scope last.
    async fn connect(&mut self) -> Option<TcpStream> {
        if self.gate.permit(self.at.ip(), Transport::Tcp, self.at.port()) != Ok(Permit::Payload)
            || !self.gate.pace.wait(self.at.ip()).await
        {
            return None;
        }
        let connecting = stream::connect(self.gate, self.at)?;
        self.connections += 1;
        tokio::time::timeout(self.options.connect_timeout, connecting).await.ok()?.ok()
    }

    /// `None`: nothing may be sent any more.
    async fn ask(&self, line: &mut Line, send: &[u8], wait: Duration) -> Option<Read> {
        let (gate, at) = (self.gate, self.at);
        if !send.is_empty() {
            let written = match line {
                Line::Plain(stream) => write(gate, at, stream, send).await?,
                Line::Tls(stream) => write(gate, at, stream, send).await?,
            };
            if !written {
                return Some(Read { bytes: Vec::new(), closed: true });
            }
        }
        Some(match line {
            Line::Plain(stream) => read_reply(stream, wait).await,
            Line::Tls(stream) => read_reply(stream, wait).await,
        })
    }

    /// Begins TLS on the connection that there is, and tells the dialogue what came of it.
    async fn secure(&self, line: &mut Option<Line>, wait: Wait, dialogue: &mut Dialogue) {
        let Some(Line::Plain(stream)) = line.take() else {
            return dialogue.handle(Event::NotSecured { why: NotSecured::Other, certificate: Vec::new() });
        };
        // The hello is a payload.
        if self.gate.permit(self.at.ip(), Transport::Tcp, self.at.port()) != Ok(Permit::Payload) {
            return dialogue.handle(Event::Refused);
        }
        let recorder = Arc::new(Recorder::new(Arc::clone(self.crypto)));
        let handshake = tokio::time::timeout(self.wait(wait), self.handshake(stream, &recorder)).await;
        let certificate = recorder.take().unwrap_or_default();
        match handshake.unwrap_or(Err(NotSecured::Silent)) {
            Ok(stream) => {
                let session = stream.get_ref().1;
                let version = session.protocol_version().map(u16::from).unwrap_or_default();
                let suite = session.negotiated_cipher_suite().map(|suite| u16::from(suite.suite())).unwrap_or_default();
                *line = Some(Line::Tls(Box::new(stream)));
                dialogue.handle(Event::Secured(Tls { version, suite, certificate }));
            }
            Err(why) => dialogue.handle(Event::NotSecured { why, certificate }),
        }
    }

    async fn handshake(&self, stream: TcpStream, recorder: &Arc<Recorder>) -> Result<TlsStream<TcpStream>, NotSecured> {
        let config = ClientConfig::builder_with_provider(Arc::clone(self.crypto))
            .with_safe_default_protocol_versions()
            .map_err(|_| NotSecured::Other)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::clone(recorder) as _)
            .with_no_client_auth();
        // An address as the name: no server name is sent, and the server answers with its default certificate.
        let connecting = TlsConnector::from(Arc::new(config)).connect(ServerName::from(self.at.ip()), stream);
        connecting.await.map_err(|error| match error.get_ref().and_then(|e| e.downcast_ref()) {
            // An alert is an answer in TLS: it only does not speak a version or a suite of today.
            Some(rustls::Error::AlertReceived(alert)) => NotSecured::Alert(format!("{alert:?}")),
            Some(rustls::Error::PeerIncompatible(_)) => NotSecured::Old,
            Some(_) | None => NotSecured::Other,
        })
    }
}
