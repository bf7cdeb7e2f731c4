-- The documented read interface for SQL tools: columns are added to these views, never renamed or taken away.
-- Ids are 32 hexadecimal digits, addresses are text, a time that is unset is NULL, a verdict past its time is unknown.

CREATE OR REPLACE VIEW v_hosts {on_cluster} AS
SELECT
    lower(hex(host_id)) AS host_id, site, realm, {address_text} AS address, zone, asset_key, name, owner,
    nullIf(first_seen, {unset}) AS first_seen, toString(kind) AS last_change, stream_sequence, broker_at
FROM hosts FINAL;

CREATE OR REPLACE VIEW v_services {on_cluster} AS
SELECT
    site, realm, {address_text} AS address, port, toString(transport) AS transport, service, vendor, product, version,
    evidence, tls, banner, lower(hex(certificate_sha256)) AS certificate_sha256, rtt_us, observed_at,
    lower(hex(sweep_id)) AS sweep_id, lower(hex(order_id)) AS order_id, stream_sequence, broker_at
FROM
(
    SELECT * FROM observations
    ORDER BY site, address, transport, port, stream_sequence DESC, unit DESC
    LIMIT 1 BY site, address, transport, port
);

CREATE OR REPLACE VIEW v_observations {on_cluster} AS
SELECT
    site, realm, {address_text} AS address, port, toString(transport) AS transport, service, vendor, product, version,
    evidence, tls, banner, lower(hex(certificate_sha256)) AS certificate_sha256, rtt_us, observed_at,
    lower(hex(sweep_id)) AS sweep_id, lower(hex(order_id)) AS order_id, unit, stream_sequence, broker_at
FROM observations;

CREATE OR REPLACE VIEW v_verdicts {on_cluster} AS
SELECT
    site, lower(hex(host_id)) AS host_id, {address_text} AS address, subject, title,
    if({stale}, 'unknown', toString(outcome)) AS outcome, if({stale}, 'stale', reason) AS reason,
    toString(outcome) AS decided_outcome, reason AS decided_reason,
    {evidence} AS evidence, rule, rule_version, decided_at, nullIf(valid_until, {unset}) AS valid_until,
    estate_revision, inventory_revision, stream_sequence, broker_at
FROM verdicts FINAL
SETTINGS prefer_column_name_to_alias = 1;

CREATE OR REPLACE VIEW v_findings {on_cluster} AS
SELECT
    site, lower(hex(finding_id)) AS finding_id, toString(finding_state) AS state, lower(hex(host_id)) AS host_id,
    {address_text} AS address, subject, title, toString(outcome) AS outcome, reason, {evidence} AS evidence, rule, rule_version,
    owner, nullIf(first_seen, {unset}) AS first_seen, nullIf(last_seen, {unset}) AS last_seen,
    nullIf(resolved_at, {unset}) AS resolved_at, nullIf(due_at, {unset}) AS due_at,
    toString(disposition) AS disposition, disposition_reason, nullIf(disposition_until, {unset}) AS disposition_until,
    reopened, stream_sequence, broker_at
FROM findings FINAL
SETTINGS prefer_column_name_to_alias = 1;

CREATE OR REPLACE VIEW v_verdict_history {on_cluster} AS
SELECT
    site, lower(hex(host_id)) AS host_id, {address_text} AS address, subject, title, toString(outcome) AS outcome, reason,
    {evidence} AS evidence, rule, rule_version, decided_at, lower(hex(finding_id)) AS finding_id, toString(finding_state) AS state,
    stream_sequence, broker_at
FROM verdict_log
SETTINGS prefer_column_name_to_alias = 1;

-- The base is the last import that took effect; the deltas after it apply on top.
CREATE OR REPLACE VIEW v_assets {on_cluster} AS
WITH base AS
(
    SELECT site, argMax(import_id, stream_sequence) AS base_import, max(stream_sequence) AS base_sequence,
        argMax(revision, stream_sequence) AS base_revision
    FROM inventory_manifests GROUP BY site
)
SELECT
    t.site AS site, t.key AS key, t.name AS name, t.owner AS owner, t.support_group AS support_group, t.role AS role,
    t.zone AS zone, t.base_image AS base_image, t.criticality AS criticality, CAST(t.identifiers, 'Array(Tuple(kind String, value String, valid_from DateTime64(3, \'UTC\'), valid_until DateTime64(3, \'UTC\')))') AS identifiers,
    greatest(t.revision, t.base_revision) AS revision, t.occurred_at AS changed_at, t.actor_subject AS actor_subject,
    t.stream_sequence AS stream_sequence, t.broker_at AS broker_at
FROM
(
    SELECT c.*, b.base_revision AS base_revision
    FROM inventory_changes AS c
    LEFT JOIN base AS b ON c.site = b.site
    WHERE if(c.import_id = {no_id}, c.stream_sequence > b.base_sequence, c.import_id = b.base_import)
    ORDER BY c.site, c.key, c.stream_sequence DESC, c.position DESC
    LIMIT 1 BY c.site, c.key
) AS t
WHERE NOT t.removed;

CREATE OR REPLACE VIEW v_sweeps {on_cluster} AS
SELECT
    lower(hex(s.sweep_id)) AS sweep_id, toString(s.kind) AS kind, s.site AS site, s.schedule AS schedule,
    nullIf(s.due_at, {unset}) AS due_at, s.started_at AS started_at, nullIf(f.finished_at, {unset}) AS finished_at,
    s.units AS planned, f.open AS open, f.closed AS closed, f.silent AS silent, f.skipped AS skipped, f.lost AS lost,
    f.void AS void, f.void_reason AS void_reason, s.leases AS leases, f.leases_finished AS leases_finished,
    f.leases_failed AS leases_failed, lower(hex(s.draw_id)) AS draw_id, s.scope_revision AS scope_revision
FROM sweeps_started AS s
LEFT JOIN sweeps_finished AS f ON f.sweep_id = s.sweep_id;

CREATE OR REPLACE VIEW v_bulletins {on_cluster} AS
SELECT
    feed, publisher, bulletin_id, feed_version, title, description, vendor, product,
    nullIf(published_at, {unset}) AS published_at, nullIf(due_at, {unset}) AS due_at, exploited, ransomware,
    required_action, aliases, weaknesses, references, withdrawn, occurred_at AS received_at, stream_sequence, broker_at
FROM (SELECT * FROM bulletins ORDER BY feed, bulletin_id, stream_sequence DESC LIMIT 1 BY feed, bulletin_id);

CREATE OR REPLACE VIEW v_draws {on_cluster} AS
SELECT
    lower(hex(d.draw_id)) AS draw_id, d.site AS site, d.schedule AS schedule, nullIf(d.due_at, {unset}) AS due_at,
    d.method AS method, lower(hex(d.seed)) AS seed, lower(hex(d.frame_root)) AS frame_root, d.frame_size AS frame_size,
    d.inventory_revision AS inventory_revision, d.items AS items, d.broker_at AS drawn_at
FROM draws AS d;

CREATE OR REPLACE VIEW v_commands {on_cluster} AS
SELECT
    site, toString(kind) AS kind, lower(hex(request_id)) AS request_id, blocks, ports, sites, sample_size, halted, reason,
    actor_subject, actor_issuer, actor_on_behalf_of, occurred_at, stream_sequence
FROM commands
SETTINGS prefer_column_name_to_alias = 1;

-- The books: issued = finished + failed + dead + in flight, and what slices say they carry = rows that stand.
CREATE OR REPLACE VIEW v_ledger {on_cluster} AS
SELECT
    (SELECT count() FROM orders_issued) AS issued,
    (SELECT countIf(result = 'finished') FROM order_outcomes) AS finished,
    (SELECT countIf(result = 'failed') FROM order_outcomes) AS failed,
    (SELECT countIf(result = 'dead') FROM order_outcomes) AS dead,
    issued - finished - failed - dead AS without_outcome,
    (SELECT sum(open) FROM slices) AS slice_rows,
    (SELECT count() FROM observations) AS stored_rows,
    (SELECT sum(units) FROM slices) AS slice_units,
    (SELECT sum(units) FROM order_outcomes) AS outcome_units;

CREATE OR REPLACE VIEW v_sites {on_cluster} AS
WITH
    h AS (SELECT site, count() AS hosts FROM hosts FINAL GROUP BY site),
    v AS
    (
        SELECT
            site,
            countIf(subject = 'known' AND outcome IN ('pass', 'fail')) AS hosts_seen,
            countIf(subject = 'known' AND outcome = 'pass') AS known,
            countIf(subject = 'managed' AND outcome = 'pass') AS managed,
            countIf(subject = 'known' AND outcome = 'fail') AS rogue,
            countIf(startsWith(subject, 'approved-service') AND outcome = 'fail') AS unapproved_services,
            countIf(subject = 'zone' AND outcome = 'fail') AS misplaced,
            countIf(subject = 'seen' AND outcome IN ('unknown', 'fail')) AS silent_assets
        FROM verdicts FINAL GROUP BY site
    ),
    a AS (SELECT site, count() AS assets FROM v_assets GROUP BY site),
    s AS
    (
        SELECT
            site, argMax(planned, finished_at) AS units_planned, argMax(open + closed, finished_at) AS units_answered,
            max(finished_at) AS last_sweep_at
        FROM sweeps_finished WHERE kind = 'sweep' GROUP BY site
    ),
    f AS (SELECT site, countIf(finding_state = 'open') AS findings_open FROM findings FINAL GROUP BY site),
    e AS (SELECT site, argMax(removed, stream_sequence) AS removed FROM estate_revisions GROUP BY site)
SELECT
    e.site AS site, h.hosts AS hosts, v.hosts_seen AS hosts_seen, v.known AS known, v.managed AS managed,
    v.rogue AS rogue, v.unapproved_services AS unapproved_services, v.misplaced AS misplaced,
    v.silent_assets AS silent_assets, a.assets AS assets, s.units_planned AS units_planned,
    s.units_answered AS units_answered, nullIf(s.last_sweep_at, {unset}) AS last_sweep_at,
    f.findings_open AS findings_open
FROM e
LEFT JOIN h ON h.site = e.site
LEFT JOIN v ON v.site = e.site
LEFT JOIN a ON a.site = e.site
LEFT JOIN s ON s.site = e.site
LEFT JOIN f ON f.site = e.site
WHERE NOT e.removed;
