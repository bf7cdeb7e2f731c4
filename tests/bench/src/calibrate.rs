//! What the machine can do in the minutes of a figure: without it an absolute number says nothing about another machine.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::time::Instant;

use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::output::{Value, calibration, median};

/// 64 MiB of hashing is about a third of a second of one core without SHA instructions.
const HASHED_MIB: u32 = 64;
/// At a millisecond each, a fifth of a second.
const SYNCS: u32 = 200;
/// At 50 µs each, a tenth of a second.
const ROUND_TRIPS: u32 = 2_000;

/// Measures one core, the disk below `directory` and the loopback, and prints them.
pub(crate) async fn print(directory: &Path) -> anyhow::Result<()> {
    calibration(Value { name: "cpu", value: cpu_mib_per_s(), unit: "MiB/s of SHA-256, one core" });
    calibration(Value { name: "fsync", value: fsyncs_per_s(directory)?, unit: "fsync/s of 4 KiB" });
    calibration(Value { name: "loopback", value: loopback_us().await?, unit: "µs a TCP round trip" });
    Ok(())
}

fn cpu_mib_per_s() -> f64 {
    let block = vec![0x5a_u8; 1 << 20];
    let started = Instant::now();
    let mut hash = Sha256::new();
    for _ in 0..HASHED_MIB {
        hash.update(&block);
    }
    std::hint::black_box(hash.finalize());
    f64::from(HASHED_MIB) / started.elapsed().as_secs_f64()
}

fn fsyncs_per_s(directory: &Path) -> anyhow::Result<f64> {
    let path = directory.join("calibrate");
    let mut file = File::create(&path)?;
    let started = Instant::now();
    for _ in 0..SYNCS {
        file.write_all(&[0; 4096])?;
        file.sync_data()?;
    }
    let rate = f64::from(SYNCS) / started.elapsed().as_secs_f64();
    std::fs::remove_file(path)?;
    Ok(rate)
}

async fn loopback_us() -> anyhow::Result<f64> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let echo = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let mut byte = [0];
        while stream.read(&mut byte).await? == 1 {
            stream.write_all(&byte).await?;
        }
        Ok::<_, std::io::Error>(())
    });
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let mut taken = Vec::new();
    let mut byte = [0];
    for _ in 0..ROUND_TRIPS {
        let started = Instant::now();
        stream.write_all(&byte).await?;
        stream.read_exact(&mut byte).await?;
        taken.push(started.elapsed().as_secs_f64() * 1e6);
    }
    drop(stream);
    echo.await??;
    Ok(median(&taken))
}
