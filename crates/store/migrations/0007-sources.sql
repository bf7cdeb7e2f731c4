-- What each source of an inventory says: `sources` for whoever asks, `claims` the encoded `AssetClaims`.

ALTER TABLE inventory_changes {on_cluster}
    ADD COLUMN IF NOT EXISTS sources Array(Tuple(LowCardinality(String), DateTime64(3, 'UTC'))) AFTER identifiers,
    ADD COLUMN IF NOT EXISTS claims String AFTER sources;

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
    t.stream_sequence AS stream_sequence, t.broker_at AS broker_at,
    CAST(t.sources, 'Array(Tuple(source String, last_seen DateTime64(3, \'UTC\')))') AS sources
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
