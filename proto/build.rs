//! Generates `muster.v1` with `protox`: no `protoc` to install.

use std::error::Error;
use std::path::{Path, PathBuf};

use prost::Message;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=muster");
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    let files = sources(Path::new("muster/v1"))?;
    let set = protox::compile(&files, ["."])?;
    std::fs::write(out.join("muster.v1.binpb"), set.encode_to_vec())?;
    tonic_prost_build::configure()
        .bytes(".muster.v1.Observation.banner")
        .bytes(".muster.v1.Observation.address")
        .bytes(".muster.v1.Observation.certificate_sha256")
        .bytes(".muster.v1.Slice.closed")
        .bytes(".muster.v1.Slice.skipped")
        .bytes(".muster.v1.Certificate")
        .bytes(".muster.v1.DeadLetter.payload")
        .compile_fds(set)?;
    Ok(())
}

fn sources(directory: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut files: Vec<_> =
        std::fs::read_dir(directory)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == "proto"));
    files.sort();
    Ok(files)
}
