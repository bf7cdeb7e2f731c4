//! The users of a deployment's engines in the engines' own languages: `muster permissions nats-conf` and
//! `clickhouse-xml`. What is deployed with Docker is this, held equal by a test.

use std::fmt::Write as _;

use muster_bus::permissions::BusUser;
use muster_store::permissions::ServiceUser;

/// Users of a NATS server. The password of user `scanner-dublin` is the variable `SCANNER_DUBLIN_PASSWORD`.
pub(super) fn nats_conf(users: &[BusUser]) -> String {
    let mut out = String::from(
        "# What each service may say and hear, as `muster permissions nats-conf` prints it. Not to be edited: what is \
         meant is\n# declared in crates/bus. The passwords are variables of passwords.conf.\n\ninclude \
         \"passwords.conf\"\n\nauthorization {\n  users = [\n",
    );
    for user in users {
        let variable = user.name.to_ascii_uppercase().replace('-', "_");
        let _ = write!(
            out,
            "    {{\n      user: \"{}\"\n      password: ${variable}_PASSWORD\n      permissions {{\n",
            user.name
        );
        for (what, subjects) in [("publish", &user.publish), ("subscribe", &user.subscribe)] {
            // An empty list of allowed subjects would allow every one.
            if subjects.is_empty() {
                let _ = writeln!(out, "        {what} {{ deny: [\">\"] }}");
                continue;
            }
            let _ = writeln!(out, "        {what} {{ allow: [");
            for subject in subjects {
                let _ = writeln!(out, "          \"{subject}\"");
            }
            out.push_str("        ] }\n");
        }
        out.push_str("      }\n    }\n");
    }
    out.push_str("  ]\n}\n");
    out
}

/// Users of a ClickHouse server, each with a profile of its own. The hash of `muster_gateway`'s password is
/// `gateway_password` of the included file.
pub(super) fn clickhouse_xml(users: &[ServiceUser]) -> String {
    let (mut profiles, mut accounts) = (String::new(), String::new());
    for ServiceUser { service, grants, settings } in users {
        let _ = writeln!(profiles, "        <muster_{service}>");
        for (setting, value) in settings {
            let _ = writeln!(profiles, "            <{setting}>{value}</{setting}>");
        }
        let _ = writeln!(profiles, "        </muster_{service}>");
        let _ = write!(
            accounts,
            "
        <muster_{service}>
            <password_sha256_hex incl=\"{service}_password\"/>
            <profile>muster_{service}</profile>
            <quota>default</quota>
            <networks><ip>::/0</ip></networks>
            <grants>
"
        );
        for grant in grants {
            let _ = writeln!(accounts, "                <query>{grant}</query>");
        }
        let _ = write!(accounts, "            </grants>\n        </muster_{service}>\n");
    }
    format!(
        "<!-- Who may do what in the store, as `muster permissions clickhouse-xml` prints it. Not to be edited: what is meant \
         is\n     declared in crates/store. The hashes of the passwords come from the included file. -->
<clickhouse>
    <include_from>/run/secrets/clickhouse-passwords.xml</include_from>

    <profiles>
{profiles}    </profiles>

    <users>
        <!-- Nobody without a password. -->
        <default remove=\"remove\"/>
{accounts}    </users>
</clickhouse>
"
    )
}
