//! `muster health`: asks a service whether it is ready; for container health checks, where there is no other tool.

use std::net::ToSocketAddrs as _;
use std::time::Duration;

use clap::Args;
use muster_kit::{Exit, Failure};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// How long a service may take to say that it is well.
const WITHIN: Duration = Duration::from_secs(3);

/// Arguments of `muster health`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Example:\n  muster health --url http://127.0.0.1:9090/readyz")]
pub struct HealthArgs {
    /// http://HOST:PORT/PATH
    #[arg(long, default_value = "http://127.0.0.1:9090/readyz")]
    url: String,
}

/// What a service says.
#[derive(Debug)]
pub(super) struct Answer {
    /// Whether its status is 200.
    pub(super) well: bool,
    /// Its text.
    pub(super) body: String,
}

impl Answer {
    pub(super) fn first_line(&self) -> &str {
        self.body.lines().next().unwrap_or_default()
    }
}

/// Asks; 0 when the answer is 200, 1 when it is another.
///
/// # Errors
/// When nobody answers.
pub async fn health(args: &HealthArgs) -> Result<Exit, Failure> {
    let answer = ask(&args.url).await?;
    super::say(&answer.body);
    Ok(if answer.well { Exit::Ok } else { Exit::Negative })
}

/// Asks for http://HOST:PORT/PATH.
pub(super) async fn ask(url: &str) -> Result<Answer, Failure> {
    let usage = || Failure::message(Exit::Usage, format!("{url:?} is not of the form http://HOST:PORT/PATH"));
    let rest = url.strip_prefix("http://").ok_or_else(usage)?;
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let address = host.to_socket_addrs().ok().and_then(|mut found| found.next()).ok_or_else(usage)?;
    let asked = async {
        let mut stream = tokio::net::TcpStream::connect(address).await?;
        stream.write_all(format!("GET /{path} HTTP/1.0\r\nHost: {host}\r\n\r\n").as_bytes()).await?;
        let mut answer = Vec::new();
        stream.take(16 * 1024).read_to_end(&mut answer).await?;
        Ok::<_, std::io::Error>(String::from_utf8_lossy(&answer).into_owned())
    };
    let text = match tokio::time::timeout(WITHIN, asked).await {
        Ok(Ok(text)) => text,
        Ok(Err(error)) => {
            let what = format!("failed to ask {url}: {error}; name where kit.admin_listen is with --url");
            return Err(Failure::message(Exit::Unavailable, what));
        }
        Err(_) => {
            return Err(Failure::message(Exit::Unavailable, format!("{url} did not answer within {WITHIN:?}")));
        }
    };
    let well = text.lines().next().is_some_and(|status| status.contains(" 200"));
    let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body).to_owned();
    Ok(Answer { well, body })
}
