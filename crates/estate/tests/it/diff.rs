//! Lines of a difference, as an operator reads them.

use muster_estate::diff::diff;
use muster_estate::files::read_site;

#[test]
fn a_difference_has_one_line_a_change() {
    let before = read_site(
        "before",
        "site: dublin\nranges: [127.20.0.0/24, 127.21.0.0/24]\n\
         zones:\n  - {name: old, blocks: [127.20.0.64/26], class: test}\n\
         \x20 - {name: lab, blocks: [127.20.0.128/26], class: test, approvals: [{ports: tcp/80, reason: r}]}\n\
         schedules: [{name: nightly, kind: sweep, every: 24h, ports: tcp/80}]\n",
    )
    .unwrap();
    let after = read_site(
        "after",
        "site: dublin\nranges: [127.20.0.0/24, {block: 127.22.0.0/24, kind: dhcp}]\nalive_by: open-port\n\
         zones:\n  - {name: web, blocks: [127.20.0.0/26], class: production}\n\
         \x20 - {name: lab, blocks: [127.20.0.192/26], class: build, approvals: [{ports: tcp/81, role: x, reason: r}]}\n\
         schedules: [{name: nightly, kind: sweep, every: 12h, ports: 'tcp/80, udp/53'}]\n\
         scope: {exclude: [127.20.0.9], rate_site_pps: 50}\n",
    )
    .unwrap();
    let lines: Vec<String> = diff(&before, &after).iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(lines.join("\n"));
}
