//! `muster-bench-find lab`: a network with a known truth, to be tried by whoever likes.

use std::io::Write as _;
use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::ensure;
use clap::Args;
use ipnet::Ipv4Net;
use muster_netlab::{Lab, MILLION, Manner, Phantom, State, Truth, World};

use crate::output::talk;

/// Lines of the truth: a /16 and 16 ports, or a /20 and 256.
const PAIRS_MAX: u64 = 1 << 20;

/// What the network is like.
#[derive(Debug, Args)]
pub(crate) struct LabArgs {
    /// Everything that looks random follows from it
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The addresses behind the router 10.200.0.1
    #[arg(long, default_value = "10.10.0.0/24", value_name = "BLOCK")]
    block: Ipv4Net,
    /// Ports whose truth is told
    #[arg(long, default_value = "22,80,443,8080", value_delimiter = ',', value_name = "PORT")]
    ports: Vec<u16>,
    /// Hosts that are there, %
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(0..=100))]
    alive: u32,
    /// Of their ports, those that are open, %
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(0..=100))]
    open: u32,
    /// Probes lost on the way there, and answers on the way back, %
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=100))]
    loss: u32,
    /// Round trip, ms
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(0..=10_000))]
    round_trip_ms: u64,
    /// Where every port takes a connection and says nothing
    #[arg(long, value_name = "BLOCK")]
    tarpit: Vec<Ipv4Net>,
    /// Where every port is open
    #[arg(long, value_name = "BLOCK")]
    all_open: Vec<Ipv4Net>,
}

/// Runs until Ctrl-C.
pub(crate) async fn serve(args: &LabArgs) -> anyhow::Result<()> {
    let pairs = u64::from(u32::MAX >> args.block.prefix_len()) * args.ports.len() as u64;
    ensure!(pairs <= PAIRS_MAX, "{pairs} pairs, at most {PAIRS_MAX}: choose a smaller block or fewer ports");
    let per_cent = MILLION / 100;
    let banner = b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n".to_vec();
    let world = World {
        seed: args.seed,
        alive: args.alive * per_cent,
        open: args.open * per_cent,
        closed: (100 - args.open) * per_cent,
        tarpits: args.tarpit.clone(),
        all_open: args.all_open.clone(),
        banners: vec![(22, banner)],
        ..World::sparse(args.seed, args.block)
    };
    let manner = Manner {
        loss_in: args.loss * per_cent,
        loss_out: args.loss * per_cent,
        round_trip: Duration::from_millis(args.round_trip_ms),
        ..Manner::default()
    };
    let lab = Lab::build()?;
    let phantom = Phantom::start(&lab, Truth::new(world), manner, None)?;
    tell(phantom.truth(), &args.ports)?;
    talk(&format!(
        "{} is behind 10.200.0.1; go in with: nsenter --net --mount --target {} sh; Ctrl-C ends it",
        args.block,
        std::process::id()
    ));
    lab.remarks().iter().for_each(|remark| talk(remark));
    tokio::signal::ctrl_c().await?;
    let seen = phantom.stop()?;
    talk(&format!(
        "{} packets, {} probes, {} answers, {} lost on the way here and {} back, {} outside the block",
        seen.packets, seen.probes, seen.answers, seen.lost_in, seen.lost_out, seen.outside
    ));
    Ok(())
}

/// Every pair that answers; the rest is silent.
fn tell(truth: &Truth, ports: &[u16]) -> std::io::Result<()> {
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    writeln!(out, "address,port,state")?;
    let block = truth.world().block;
    for bits in block.network().to_bits()..=block.broadcast().to_bits() {
        let address = Ipv4Addr::from(bits);
        for port in ports {
            let state = truth.of(address, *port);
            if state != State::Silent {
                writeln!(out, "{address},{port},{}", state.name())?;
            }
        }
    }
    out.flush()
}
