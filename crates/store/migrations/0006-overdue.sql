-- Whether a sweep was of the whole scope: a look at one host is not the last sweep of its site.

ALTER TABLE sweeps_started {on_cluster}
    ADD COLUMN IF NOT EXISTS partial Bool AFTER ports;

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
            site, argMaxIf(planned, finished_at, whole) AS units_planned,
            argMaxIf(open + closed, finished_at, whole) AS units_answered, maxIf(finished_at, whole) AS last_sweep_at,
            maxIf(finished_at, whole AND NOT void) AS last_counted_sweep_at,
            maxIf(finished_at, kind = 'audit' AND NOT void) AS last_counted_audit_at
        FROM
        (
            SELECT f.*, f.kind = 'sweep' AND NOT b.partial AS whole
            FROM sweeps_finished AS f
            LEFT JOIN (SELECT sweep_id, partial FROM sweeps_started WHERE partial) AS b ON b.sweep_id = f.sweep_id
        )
        GROUP BY site
    ),
    f AS (SELECT site, countIf(finding_state = 'open') AS findings_open FROM findings FINAL GROUP BY site),
    e AS (SELECT site, argMax(removed, stream_sequence) AS removed FROM estate_revisions GROUP BY site)
SELECT
    e.site AS site, h.hosts AS hosts, v.hosts_seen AS hosts_seen, v.known AS known, v.managed AS managed,
    v.rogue AS rogue, v.unapproved_services AS unapproved_services, v.misplaced AS misplaced,
    v.silent_assets AS silent_assets, a.assets AS assets, s.units_planned AS units_planned,
    s.units_answered AS units_answered, nullIf(s.last_sweep_at, {unset}) AS last_sweep_at,
    nullIf(s.last_counted_sweep_at, {unset}) AS last_counted_sweep_at,
    nullIf(s.last_counted_audit_at, {unset}) AS last_counted_audit_at, f.findings_open AS findings_open
FROM e
LEFT JOIN h ON h.site = e.site
LEFT JOIN v ON v.site = e.site
LEFT JOIN a ON a.site = e.site
LEFT JOIN s ON s.site = e.site
LEFT JOIN f ON f.site = e.site
WHERE NOT e.removed;
