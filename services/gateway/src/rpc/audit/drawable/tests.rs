#![allow(clippy::unwrap_used, reason = "tests")]

use muster_estate::files::read_estate;
use muster_estate::model::Site;
use muster_proto::v1::{PortRange, RequestAuditRequest};

use super::{check, items_max};

fn site(name: &str, block: &str, more: &str) -> Site {
    let text = format!("site: {name}\nranges: [{{block: {block}, kind: static}}]\n{more}");
    let estate = read_estate([("site.yaml", text.as_str())]).unwrap_or_else(|problems| panic!("{problems}"));
    estate.into_sites().pop().unwrap()
}

const SWEEP: &str = "schedules: [{name: daily, kind: sweep, every: 1d, ports: [tcp/22, tcp/443]}]";

/// The field that is refused and why; nothing where it is not.
fn refused(sites: &[Site], sample_size: u32, ports: &[PortRange]) -> String {
    let request = RequestAuditRequest { sample_size, ports: ports.to_vec(), ..RequestAuditRequest::default() };
    let sites: Vec<&Site> = sites.iter().collect();
    check(&sites, &request).err().map(|error| error.to_string()).unwrap_or_default()
}

#[test]
fn an_audit_without_ports_takes_those_of_a_sweep_or_is_refused() {
    let some = PortRange { transport: 1, first: 22, last: 22 };
    let bare = || site("dublin", "127.20.0.0/24", "");
    assert!(refused(&[bare()], 8, &[]).contains("ports: dublin: no sweep schedule"), "{}", refused(&[bare()], 8, &[]));
    assert_eq!(refused(&[bare()], 8, &[some]), "");
    assert_eq!(refused(&[bare(), site("cork", "127.21.0.0/24", SWEEP)], 8, &[]), "", "one site's are all sites'");
}

#[test]
fn a_frame_that_is_too_large_is_refused() {
    let large = [site("a", "10.0.0.0/12", SWEEP), site("b", "10.16.0.0/32", SWEEP)];
    assert!(refused(&large, 8, &[]).contains("1048577 addresses"), "{}", refused(&large, 8, &[]));
    assert_eq!(refused(&large[..1], 8, &[]), "");
    let six = [site("six", "2001:db8::/64", SWEEP)];
    assert!(refused(&six, 8, &[]).contains("a draw takes at most 1048576"));
}

#[test]
fn a_sample_that_no_event_carries_is_refused_and_a_large_one_of_few_addresses_is_not() {
    let sites = [site("dublin", "10.0.0.0/16", SWEEP)];
    let most = u32::try_from(items_max(&sites.iter().collect::<Vec<_>>())).unwrap();
    assert_eq!(refused(&sites, most, &[]), "");
    assert!(refused(&sites, most + 1, &[]).contains(&format!("carries at most {most}")));
    assert_eq!(refused(&[site("dublin", "10.0.0.0/24", SWEEP)], 1_000_000, &[]), "");
}

#[test]
fn nothing_to_draw_from_is_refused() {
    assert!(refused(&[], 8, &[]).contains("there is no address to draw from"));
    let excluded = site("dublin", "127.20.0.0/24", &format!("{SWEEP}\nscope: {{exclude: [127.20.0.0/24]}}"));
    assert!(refused(&[excluded], 8, &[]).contains("there is no address to draw from"));
}

/// The largest draw that is accepted fits into an event, whoever is drawn.
#[test]
fn what_is_accepted_fits_into_an_event() {
    use muster_proto::v1::{Draw, DrawnItem};
    use prost::Message as _;
    for (block, address, bytes) in
        [("10.0.0.0/13", "255.255.255.255".to_owned(), 4), ("2001:db8::/110", ["ffff"; 8].join(":"), 16)]
    {
        let site = site("a-site-with-quite-a-long-name", block, SWEEP);
        let item =
            DrawnItem { item: format!("{}/{address}", site.name), address: vec![255; bytes], ticket: vec![255; 32] };
        let draw = Draw { items: vec![item; items_max(&[&site])], ..Draw::default() };
        let room = muster_bus::MAX_EVENT_BYTES - super::REST_BYTES_MAX - 16 * 1024;
        assert!(draw.encoded_len() <= room, "{} bytes", draw.encoded_len());
    }
}
