//! Waiting for an event: looked for often, and not for ever.

use std::time::Duration;

use anyhow::bail;

/// Waits until something is so.
///
/// # Errors
/// When it is not after two minutes, with its name.
pub async fn until<F, R>(what: &str, mut is_so: F) -> anyhow::Result<()>
where
    F: FnMut() -> R,
    R: Future<Output = anyhow::Result<bool>>,
{
    let deadline = tokio::time::Instant::now() + Duration::from_secs(120);
    let mut tick = tokio::time::interval(Duration::from_millis(25));
    while !is_so().await? {
        if tokio::time::Instant::now() > deadline {
            bail!("two minutes passed and {what} did not happen");
        }
        tick.tick().await;
    }
    Ok(())
}
