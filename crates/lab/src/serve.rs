//! One connection.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::persona::{Persona, Script};

/// Longer than any scanner waits.
pub(crate) const CONNECTION_MAX: Duration = Duration::from_secs(20);

const REQUEST_MAX_BYTES: usize = 8 * 1_024;

/// Lines that a greeting persona answers before it hangs up.
const LINES_MAX: usize = 16;

pub(crate) async fn serve(persona: Persona, mut stream: impl AsyncRead + AsyncWrite + Unpin) -> std::io::Result<()> {
    match persona.script() {
        Script::Http { head, page } => {
            read_until(&mut stream, b"\r\n\r\n").await?;
            let length = page.len();
            let response = format!("{head}Content-Length: {length}\r\nConnection: close\r\n\r\n{page}");
            stream.write_all(response.as_bytes()).await?;
            stream.shutdown().await
        }
        Script::Greeting { greeting, answer } => {
            stream.write_all(greeting.as_bytes()).await?;
            for _ in 0..LINES_MAX {
                if !read_until(&mut stream, b"\n").await? || answer.is_empty() {
                    break;
                }
                stream.write_all(answer.as_bytes()).await?;
            }
            stream.shutdown().await
        }
        Script::Mute => tokio::io::copy(&mut stream, &mut tokio::io::sink()).await.map(|_| ()),
    }
}

/// Reads up to the end of a line or a head; `false` when the other side has hung up.
async fn read_until(stream: &mut (impl AsyncRead + Unpin), end: &[u8]) -> std::io::Result<bool> {
    let mut request = Vec::new();
    while request.len() < REQUEST_MAX_BYTES {
        let Ok(byte) = stream.read_u8().await else { return Ok(false) };
        request.push(byte);
        if request.ends_with(end) {
            return Ok(true);
        }
    }
    Ok(false)
}
