//! A simulated year of a site: leases that wander, random MACs, new interfaces, copied disks, hosts with two addresses.
//! `MUSTER_SEED=7` takes a seed; what it was and the figures are printed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, reason = "tests")]

use std::collections::HashMap;
use std::net::IpAddr;

use jiff::{SignedDuration, Timestamp};
use muster_identity::{Identities, Key, Kind, Policy, Sighting};

/// SplitMix64 (Steele, Lea, Flood 2014): the test repeats what its seed says, on every machine.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    fn mac(&mut self, first: u8) -> String {
        let tail = self.next().to_be_bytes();
        format!("{first:02x}:1a:{:02x}:{:02x}:{:02x}:{:02x}", tail[0], tail[1], tail[2], tail[3])
    }
}

#[derive(Clone)]
struct Host {
    /// What every probe finds, and what it finds on one interface only.
    keys: Vec<Key>,
    interfaces: Vec<(IpAddr, Vec<Key>)>,
    leased: bool,
    /// Days on which it is on, of a hundred.
    on: u64,
    from: i64,
    until: i64,
}

struct World {
    random: Random,
    hosts: Vec<Host>,
    free: Vec<IpAddr>,
}

const DAYS: i64 = 365;

impl World {
    fn new(seed: u64) -> Self {
        let mut world = Self { random: Random(seed), hosts: Vec::new(), free: Vec::new() };
        for third in (0..8).rev() {
            world.free.extend((1..255).rev().map(|last| IpAddr::from([10, 9, third, last])));
        }
        let fixed = |world: &mut Self| world.free.pop().unwrap();
        for number in 0..150 {
            // Servers: a key of SSH and mostly one of TLS; every fifth has two addresses.
            let mut keys =
                vec![Key::new(Kind::SshHostKey, format!("ssh-{number}")), Key::new(Kind::Name, format!("srv{number}"))];
            if number % 3 != 0 {
                keys.push(Key::new(Kind::TlsKey, format!("tls-{number}")));
            }
            let count = if number % 5 == 0 { 2 } else { 1 };
            let interfaces =
                (0..count).map(|_| (fixed(&mut world), vec![Key::new(Kind::Mac, world.random.mac(0x00))])).collect();
            world.hosts.push(Host { keys, interfaces, leased: false, on: 99, from: 0, until: DAYS });
        }
        for number in 0..300 {
            // Desktops: SMB, a name, a lease.
            let keys =
                vec![Key::new(Kind::SmbGuid, format!("guid-{number}")), Key::new(Kind::Name, format!("pc{number}"))];
            let mac = world.random.mac(0x00);
            let own = vec![Key::new(Kind::DhcpClientId, format!("01{mac}")), Key::new(Kind::Mac, mac)];
            let interfaces = vec![(fixed(&mut world), own)];
            world.hosts.push(Host { keys, interfaces, leased: true, on: 70, from: 0, until: DAYS });
        }
        for number in 0..120 {
            // Phones: a random MAC for this network, and the name of the lease.
            let own = vec![Key::new(Kind::Mac, world.random.mac(0x02)), Key::new(Kind::Name, format!("phone{number}"))];
            let interfaces = vec![(fixed(&mut world), own)];
            world.hosts.push(Host { keys: Vec::new(), interfaces, leased: true, on: 60, from: 0, until: DAYS });
        }
        for image in 0..8 {
            // Machines from one image: keys of SSH, SMB and the client id of the image, their own MAC and name.
            for copy in 0..10_i64 {
                let keys = vec![
                    Key::new(Kind::SshHostKey, format!("image-{image}")),
                    Key::new(Kind::SmbGuid, format!("image-{image}")),
                    Key::new(Kind::DhcpClientId, format!("image-{image}")),
                    Key::new(Kind::Name, format!("vm{image}-{copy}")),
                ];
                let interfaces = vec![(fixed(&mut world), vec![Key::new(Kind::Mac, world.random.mac(0x00))])];
                let from = copy * 20;
                world.hosts.push(Host { keys, interfaces, leased: true, on: 95, from, until: DAYS - copy * 5 });
            }
        }
        for number in 0..40 {
            // Printers: a MAC and nothing else.
            let interfaces = vec![(fixed(&mut world), vec![Key::new(Kind::Mac, world.random.mac(0x00))])];
            world.hosts.push(Host {
                keys: Vec::new(),
                interfaces,
                leased: number % 2 == 0,
                on: 97,
                from: 0,
                until: DAYS,
            });
        }
        world
    }

    /// What happens in a night.
    fn night(&mut self) {
        for index in 0..self.hosts.len() {
            let mut host = self.hosts[index].clone();
            if host.leased && self.random.chance(12) {
                // Whoever comes takes the address that was free for longest.
                let at = self.random.below(20).min(self.free.len() as u64 - 1) as usize;
                let new = self.free.remove(at);
                self.free.push(std::mem::replace(&mut host.interfaces[0].0, new));
            }
            let has_own_key = host.keys.iter().any(|key| matches!(key.kind, Kind::SshHostKey | Kind::SmbGuid));
            if has_own_key && self.random.below(1_500) == 0 {
                // Another interface; the old one is put into another host as often as not.
                let mac = self.random.mac(0x00);
                let own = host.interfaces[0].1.iter_mut().find(|key| key.kind == Kind::Mac).unwrap();
                let old = std::mem::replace(&mut own.value, mac);
                let other = self.random.below(450) as usize;
                if self.random.chance(50) && other != index {
                    let other = self.hosts[other].interfaces[0].1.iter_mut().find(|key| key.kind == Kind::Mac).unwrap();
                    other.value = old;
                }
            }
            if has_own_key && self.random.below(2_000) == 0 {
                // Installed anew: other keys, the same name and interface.
                for key in host.keys.iter_mut().filter(|key| key.kind != Kind::Name) {
                    key.value = format!("{:?}-{:x}", key.kind, self.random.next());
                }
            }
            self.hosts[index] = host;
        }
    }

    /// What a sweep of a day sees, with the host that it is in truth.
    fn sweep(&mut self, day: i64) -> Vec<(usize, Sighting)> {
        let mut seen = Vec::new();
        for (truth, host) in self.hosts.clone().into_iter().enumerate() {
            if !(host.from..host.until).contains(&day) || !self.random.chance(host.on) {
                continue;
            }
            for (address, own) in &host.interfaces {
                // A probe in thirty fails. A bridge hears the MAC of nine in ten.
                let keys = own.iter().chain(&host.keys);
                let keys = keys.filter(|key| !self.random.chance(if key.kind == Kind::Mac { 10 } else { 3 })).cloned();
                let keys: Vec<Key> = keys.collect();
                if keys.is_empty() {
                    continue;
                }
                let minute = SignedDuration::from_mins(i64::try_from(self.random.below(120)).unwrap());
                let at = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24 * day) + minute;
                seen.push((truth, Sighting { at, address: *address, keys }));
            }
        }
        seen
    }
}

fn pairs(count: u64) -> u64 {
    count * count.saturating_sub(1) / 2
}

#[test]
fn a_year_keeps_the_hosts_apart_and_together() {
    let seeds: Vec<u64> = std::env::var("MUSTER_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
        .map_or_else(|| (1..=3).collect(), |seed| vec![seed]);
    for seed in seeds {
        let mut world = World::new(seed);
        let mut identities = Identities::new(Policy::default());
        let mut sightings = Vec::new();
        for day in 0..DAYS {
            world.night();
            for (truth, sighting) in world.sweep(day) {
                identities.see(sighting.clone()).expect("room");
                sightings.push((truth, sighting));
            }
        }
        let events = identities.resolve();
        let mut cells: HashMap<(usize, _), u64> = HashMap::new();
        let (mut of_truth, mut of_told) = (HashMap::<usize, u64>::new(), HashMap::<_, u64>::new());
        for (truth, sighting) in &sightings {
            let told = identities.host_of(sighting.address, &sighting.keys).expect("every sighting has a host");
            *cells.entry((*truth, told)).or_default() += 1;
            *of_truth.entry(*truth).or_default() += 1;
            *of_told.entry(told).or_default() += 1;
        }
        let both: u64 = cells.values().copied().map(pairs).sum();
        let same: u64 = of_truth.values().copied().map(pairs).sum();
        let told: u64 = of_told.values().copied().map(pairs).sum();
        let f1 = 2.0 * both as f64 / (same + told) as f64;
        let false_merges = (told - both) as f64 / told as f64;
        println!(
            "seed {seed}: {} sightings of {} hosts; {} hosts told, {} keys ambiguous, {} events; pairwise F1 {f1:.5}, \
             false merges {:.5} % of joined pairs",
            sightings.len(),
            of_truth.len(),
            of_told.len(),
            identities.ambiguous().len(),
            events.len(),
            100.0 * false_merges
        );
        // Which hosts were taken for one, for whoever has to find out why.
        let mut truths: HashMap<_, Vec<usize>> = HashMap::new();
        for (truth, told) in cells.keys() {
            truths.entry(*told).or_default().push(*truth);
        }
        for host in identities.hosts().iter().filter(|host| truths.get(&host.id).is_some_and(|all| all.len() > 1)) {
            println!("seed {seed}: {:?} are one by {:?}", truths[&host.id], host.evidence);
        }
        assert!(f1 >= 0.995, "seed {seed}: F1 {f1}");
        assert!(false_merges <= 0.000_1, "seed {seed}: false merges {false_merges}");
    }
}
