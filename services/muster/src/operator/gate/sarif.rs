//! The answer of a gate in SARIF 2.1.0 (OASIS).

use muster_proto::v1::{Gate, Outcome};
use serde_json::{Value, json};

use super::{ports, verdict};
use crate::operator::text::address;

/// So that a build pipeline shows what deviates where it shows everything else.
pub(super) fn of(gate: &Gate) -> Value {
    let sweep = gate.sweep.clone().unwrap_or_default();
    let host = format!("{}/{}", sweep.site, address(&gate.address));
    let rule = |id: &str, text: &str| json!({"id": id, "shortDescription": {"text": text}});
    let result = |id: &str, level: &str, text: String, place: String| {
        json!({
            "ruleId": id,
            "level": level,
            "message": {"text": text},
            "locations": [{"logicalLocations": [{"fullyQualifiedName": place, "kind": "resource"}]}],
        })
    };
    let mut results: Vec<Value> = gate
        .lines
        .iter()
        .filter(|line| line.deviates)
        .map(|line| {
            let port = ports(&[line]);
            let place = format!("{host}/{port}");
            if line.open {
                let print = line.fingerprint.clone().unwrap_or_default();
                let what: Vec<_> = [print.service, print.vendor, print.product, print.version]
                    .into_iter()
                    .filter(|part| !part.is_empty())
                    .collect();
                let what = if what.is_empty() { "it says nothing".to_owned() } else { what.join(" ") };
                let text =
                    format!("{port} is open and not approved for role {} in zone {}: {what}", gate.role, gate.zone);
                result("unapproved-service", "error", text, place)
            } else {
                let text = format!("{port} is what role {} is for in zone {}, and it is closed", gate.role, gate.zone);
                result("missing-service", "error", text, place)
            }
        })
        .collect();
    if gate.outcome() != Outcome::Pass && results.is_empty() {
        results.push(result("undecided", "error", verdict(gate), host));
    }
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "Muster",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": [
                    rule("unapproved-service", "A service runs that the zone does not approve for the role"),
                    rule("missing-service", "A service that the role is for does not run"),
                    rule("undecided", "The look does not say whether the server is as declared"),
                ],
            }},
            "invocations": [{"executionSuccessful": gate.outcome() != Outcome::Unknown}],
            "results": results,
        }],
    })
}
