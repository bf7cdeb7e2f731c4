//! The two networks and what lies between.
//!
//! ```text
//! this process                          namespace NAME-targets
//! near 10.200.0.2/29 ──── veth ──── far 10.200.0.1/29   block A: local (the kernel answers)
//! default via 10.200.0.1                                block B: nothing (a phantom answers, or nobody)
//! ```
//! Targets are behind a router and not on the link: on a link a scanner would resolve every address of a block, and
//! overflow the kernel's table of neighbours.

use std::fs::File;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::process::Command;
use std::thread::JoinHandle;

use ipnet::Ipv4Net;
use muster_wire::testing::run;
use muster_wire::{Interface, Router};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::error::LabError;

/// The scanner's address.
pub const NEAR: Ipv4Addr = Ipv4Addr::new(10, 200, 0, 2);
/// The router's, which is the targets' kernel.
pub const FAR: Ipv4Addr = Ipv4Addr::new(10, 200, 0, 1);

const NEAR_MAC: &str = "02:00:0a:c8:00:02";
const FAR_MAC: &str = "02:00:0a:c8:00:01";

/// Indices of interfaces that are looked through; a new namespace counts from 1.
const INDICES_MAX: u32 = 64;

/// Settings of the targets' kernel, below /proc/sys/net: SYN cookies always, so that no backlog is ever full; no
/// retransmitted SYN-ACKs, which would be duplicates; no limit on ICMP; a long queue of accepted connections; packets
/// for nobody are dropped without a word, and none is forwarded.
const SETTINGS: [(&str, &str); 6] = [
    ("ipv4/tcp_syncookies", "2"),
    ("ipv4/tcp_synack_retries", "0"),
    ("ipv4/icmp_ratelimit", "0"),
    ("core/somaxconn", "65535"),
    ("ipv4/ip_forward", "0"),
    ("ipv4/conf/all/rp_filter", "0"),
];

/// The networks of a lab. Its namespace goes with it, and in any case with the last process inside.
#[derive(Debug)]
pub struct Lab {
    targets: String,
    /// What could not be set for the figures' sake.
    remarks: Vec<String>,
}

impl Lab {
    /// Builds the two networks. The process has to be in namespaces of its own, and to have built no other lab there.
    ///
    /// # Errors
    /// What is missing, or that there is a way out.
    pub fn build() -> Result<Self, LabError> {
        alone("this process", &interfaces(None)?, &["lo"])?;
        // Names of namespaces are files; these are nobody else's.
        run("mount -t tmpfs tmpfs /run").map_err(LabError::Command)?;
        let mut lab = Self { targets: format!("muster-{}-targets", std::process::id()), remarks: Vec::new() };
        let targets = lab.targets.clone();
        for line in [
            format!("ip netns add {targets}"),
            "ip link set lo up".to_owned(),
            format!("ip link add near address {NEAR_MAC} type veth peer name far address {FAR_MAC} netns {targets}"),
            format!("ip addr add {NEAR}/29 dev near"),
            "ip link set near up".to_owned(),
            format!("ip neigh add {FAR} lladdr {FAR_MAC} dev near"),
            format!("ip route add default via {FAR}"),
            format!("ip -n {targets} link set lo up"),
            format!("ip -n {targets} addr add {FAR}/29 dev far"),
            format!("ip -n {targets} link set far up"),
            format!("ip -n {targets} neigh add {NEAR} lladdr {NEAR_MAC} dev far"),
        ] {
            run(&line).map_err(LabError::Command)?;
        }
        lab.inside(|| {
            SETTINGS.iter().try_for_each(|(name, value)| {
                let set = std::fs::write(format!("/proc/sys/net/{name}"), value);
                set.map_err(|cause| LabError::Setting { name: format!("net/{name}"), cause })
            })
        })??;
        lab.tune();
        lab.no_way_out()?;
        Ok(lab)
    }

    /// What makes figures fair and nothing wrong where it fails: kernels hand over packets of their own with half made
    /// checksums and in one piece where offloads are on, and a pair of ends has one CPU for both sides unless told.
    fn tune(&mut self) {
        let off = "rx off tx off gro off gso off tso off";
        let steer = "echo 2 >/sys/class/net/far/queues/rx-0/rps_cpus";
        let targets = self.targets.clone();
        let inside = ["ip", "netns", "exec", targets.as_str()];
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let mut lines = vec![
            format!("ethtool -K near {off}").split(' ').map(str::to_owned).collect::<Vec<_>>(),
            inside.iter().copied().chain(format!("ethtool -K far {off}").split(' ')).map(str::to_owned).collect(),
        ];
        if cores > 1 {
            lines.push(inside.iter().copied().chain(["sh", "-c", steer]).map(str::to_owned).collect());
        }
        for line in lines {
            let Some((program, arguments)) = line.split_first() else { continue };
            let failed = match Command::new(program).args(arguments).output() {
                Ok(output) if output.status.success() => continue,
                Ok(output) => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
                Err(error) => error.to_string(),
            };
            self.remarks.push(format!("{}: {failed}", line.join(" ")));
        }
    }

    /// What could not be set for the figures' sake, a line each.
    #[must_use]
    pub fn remarks(&self) -> &[String] {
        &self.remarks
    }

    /// Asserts that neither network has an interface that leads elsewhere; to be asked before anything is sent.
    ///
    /// # Errors
    /// The interface that does.
    pub fn no_way_out(&self) -> Result<(), LabError> {
        alone("the scanner's network", &interfaces(None)?, &["lo", "near"])?;
        alone("the targets' network", &interfaces(Some(&self.targets))?, &["lo", "far"])
    }

    /// Has the targets' kernel answer for every address of a block: where nothing listens, with a reset.
    ///
    /// # Errors
    /// When the route cannot be made.
    pub fn kernel_answers(&self, block: Ipv4Net) -> Result<(), LabError> {
        run(&format!("ip -n {} route add local {block} dev lo", self.targets)).map_err(LabError::Command)
    }

    /// Listens on a port of every address that the targets' kernel answers for, and closes what connects.
    ///
    /// # Errors
    /// When the port is taken.
    pub fn listen(&self, port: u16) -> Result<(), LabError> {
        let listen = move || TcpListener::bind((Ipv4Addr::UNSPECIFIED, port));
        let listener = self.inside(listen)?.map_err(|cause| LabError::Listen { port, cause })?;
        // It ends with the process: a listener has no other end than its socket's.
        let accept = move || listener.incoming().for_each(drop);
        std::thread::Builder::new().name(format!("listens-{port}")).spawn(accept).map_err(LabError::Thread)?;
        Ok(())
    }

    /// Frames that arrived at the targets' end of the link, as their kernel counts them.
    ///
    /// # Errors
    /// When the kernel does not say.
    pub fn received(&self) -> Result<u64, LabError> {
        let read = || std::fs::read_to_string("/proc/thread-self/net/dev");
        let text = self.inside(read)?.map_err(LabError::Command)?;
        let line = text.lines().find_map(|line| line.trim().strip_prefix("far:"));
        // Bytes, then packets (proc_net(5)).
        let packets = line.and_then(|line| line.split_whitespace().nth(1)).and_then(|word| word.parse().ok());
        packets.ok_or_else(|| LabError::Command(io::Error::other("/proc/net/dev says nothing of far")))
    }

    /// The targets' end of the link, as seen from inside their network.
    pub(crate) fn far() -> Result<Interface, LabError> {
        let mut router = Router::open()?;
        let found =
            (1..=INDICES_MAX).filter_map(|index| router.interface(index).ok()).find(|found| found.name == "far");
        found.ok_or_else(|| LabError::Command(io::Error::other("the targets' network has no interface far")))
    }

    /// Runs something in the network of the targets and waits for it. A socket that is opened there stays there.
    ///
    /// # Errors
    /// When that network cannot be entered.
    pub fn inside<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, LabError> {
        let joined = self.thread("targets", work)?.join();
        joined.unwrap_or_else(|_| Err(LabError::Thread(io::Error::other("it panicked"))))
    }

    /// Runs something in a thread in the network of the targets. The rest of the process stays where it is.
    pub(crate) fn thread<T: Send + 'static>(
        &self,
        name: &str,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<JoinHandle<Result<T, LabError>>, LabError> {
        use std::os::fd::AsFd as _;
        let namespace = File::open(format!("/run/netns/{}", self.targets)).map_err(LabError::Enter)?;
        let entering = move || {
            let network = Some(LinkNameSpaceType::Network);
            move_into_link_name_space(namespace.as_fd(), network).map_err(|error| LabError::Enter(error.into()))?;
            Ok(work())
        };
        std::thread::Builder::new().name(name.to_owned()).spawn(entering).map_err(LabError::Thread)
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        // The far end goes with its namespace, and the near end with the far one. Where this fails, the kernel does the
        // same when the last process inside has ended.
        for line in ["ip link del near".to_owned(), format!("ip netns del {}", self.targets), "umount /run".to_owned()]
        {
            let _gone_with_the_process = run(&line);
        }
    }
}

/// The names of a network's interfaces.
fn interfaces(namespace: Option<&str>) -> Result<Vec<String>, LabError> {
    let mut command = Command::new("ip");
    if let Some(namespace) = namespace {
        command.args(["-n", namespace]);
    }
    let output = command.args(["-o", "link", "show"]).output().map_err(LabError::Command)?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(LabError::Command(io::Error::other(said)));
    }
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    // `1: lo: <LOOPBACK> …`, `2: near@if2: <…> …`.
    let name = |line: &str| Some(line.split(": ").nth(1)?.split('@').next()?.to_owned());
    Ok(text.lines().filter_map(name).collect())
}

/// Devices that the kernel puts into every new network where their modules are loaded; they are down and carry nothing.
const BORN_WITH_IT: [&str; 8] = ["tunl0", "gre0", "gretap0", "erspan0", "ip_vti0", "ip6_vti0", "sit0", "ip6tnl0"];

fn alone(place: &'static str, found: &[String], known: &[&str]) -> Result<(), LabError> {
    let other = |name: &&String| !known.contains(&name.as_str()) && !BORN_WITH_IT.contains(&name.as_str());
    match found.iter().find(other) {
        None => Ok(()),
        Some(interface) => Err(LabError::WayOut { place, interface: interface.clone() }),
    }
}

#[cfg(test)]
mod tests {
    use super::alone;

    #[test]
    fn another_interface_is_a_way_out() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert!(alone("here", &names(&["lo", "sit0", "near"]), &["lo", "near"]).is_ok());
        let error = alone("here", &names(&["lo", "eth0"]), &["lo", "near"]).map_err(|error| error.to_string());
        assert_eq!(
            error,
            Err("failed to build the lab: here has the interface eth0, which is none of the lab's".into())
        );
    }
}
