-- What a sweep may have missed among the pairs that were asked.

ALTER TABLE sweeps_finished {on_cluster}
    ADD COLUMN IF NOT EXISTS missed_share_max Float64,
    ADD COLUMN IF NOT EXISTS missed_pairs_max UInt64,
    ADD COLUMN IF NOT EXISTS missed_unstated String DEFAULT 'nothing was counted',
    ADD COLUMN IF NOT EXISTS missed_loss Float64,
    ADD COLUMN IF NOT EXISTS attempts_sent Array(UInt64),
    ADD COLUMN IF NOT EXISTS attempts_answered Array(UInt64),
    ADD COLUMN IF NOT EXISTS answers_dropped UInt64;

CREATE OR REPLACE VIEW v_sweeps {on_cluster} AS
SELECT
    lower(hex(s.sweep_id)) AS sweep_id, toString(s.kind) AS kind, s.site AS site, s.schedule AS schedule,
    nullIf(s.due_at, {unset}) AS due_at, s.started_at AS started_at, nullIf(f.finished_at, {unset}) AS finished_at,
    s.units AS planned, f.open AS open, f.closed AS closed, f.silent AS silent, f.skipped AS skipped, f.lost AS lost,
    f.void AS void, f.void_reason AS void_reason, s.leases AS leases, f.leases_finished AS leases_finished,
    f.leases_failed AS leases_failed, lower(hex(s.draw_id)) AS draw_id, s.scope_revision AS scope_revision,
    if(f.finished_at = {unset} OR f.missed_unstated != '', NULL, f.missed_share_max) AS missed_share_max,
    if(f.finished_at = {unset} OR f.missed_unstated != '', NULL, f.missed_pairs_max) AS missed_pairs_max,
    f.missed_unstated AS missed_unstated
FROM sweeps_started AS s
LEFT JOIN sweeps_finished AS f ON f.sweep_id = s.sweep_id;
