-- The views that others may read (docs/grafana.md has each column): an interface that stays as it is
-- while the tables change. None shows a credential, an address of a server, a message of one, or what
-- is packed. Times are UTC with their zone, sizes bytes, days dates of the fleet's time zone.

CREATE VIEW {schema}.instances AS
SELECT name::text AS instance, engine::text AS engine, environment::text AS environment,
       is_active AND deleted_at IS NULL AS is_active, deleted_at IS NOT NULL AS is_removed,
       server_version AS server_version, platform::text AS platform,
       created_at AS created_at, deleted_at AS removed_at, last_connected_at AS last_connected_at
FROM instances;

CREATE VIEW {schema}.instance_tags AS
SELECT i.name::text AS instance, t.tag AS tag
FROM instances i, jsonb_array_elements_text(i.tags) AS t(tag)
WHERE i.deleted_at IS NULL;

CREATE VIEW {schema}.sessions AS
SELECT session_id::text AS session_id, sync_category::text AS category, sync_type::text AS sync_type,
       status::text AS status, started_at AS started_at, completed_at AS completed_at,
       total_instances AS total, successful_instances AS successful, failed_instances AS failed,
       skipped_instances AS skipped, cancelled_instances AS cancelled
FROM sync_sessions;

CREATE VIEW {schema}.syncs AS
SELECT r.instance_name::text AS instance, r.sync_category::text AS category,
       r.session_id::text AS session_id, r.status::text AS status,
       r.started_at AS started_at, r.completed_at AS completed_at,
       extract(epoch FROM r.completed_at - r.started_at)::double precision AS seconds,
       r.items_created AS items_created, r.items_updated AS items_updated,
       r.items_deleted AS items_deleted, r.error_kind::text AS error_kind
FROM sync_instance_records r;

CREATE VIEW {schema}.freshness AS
SELECT i.name::text AS instance, i.engine::text AS engine, i.environment::text AS environment,
       c.category AS category, i.created_at AS created_at,
       (SELECT max(r.completed_at) FROM sync_instance_records r
        WHERE r.instance_id = i.id AND r.sync_category = c.category AND r.status = 'completed')
       AS last_success_at
FROM instances i CROSS JOIN (VALUES ('account'::text), ('capacity'::text)) AS c(category)
WHERE i.is_active AND i.deleted_at IS NULL;

CREATE VIEW {schema}.instance_sizes AS
SELECT i.name::text AS instance, i.engine::text AS engine, i.environment::text AS environment,
       s.collected_date AS day, s.total_bytes AS total_bytes, s.known_bytes AS known_bytes,
       s.database_count AS databases, s.unread_count AS databases_not_read
FROM instance_size_stats s JOIN instances i ON i.id = s.instance_id;

CREATE VIEW {schema}.database_sizes AS
SELECT i.name::text AS instance, d.database_name AS database, s.collected_date AS day,
       s.total_bytes AS total_bytes, s.data_bytes AS data_bytes, s.index_bytes AS index_bytes,
       s.log_bytes AS log_bytes
FROM database_size_stats s
JOIN instances i ON i.id = s.instance_id
JOIN instance_databases d ON d.id = s.database_id;

CREATE VIEW {schema}.accounts AS
SELECT i.name::text AS instance, i.engine::text AS engine, i.environment::text AS environment,
       a.account_name AS account, a.kind::text AS kind, a.is_active AS is_active,
       p.is_superuser AS is_superuser, p.is_locked AS is_locked, p.can_login AS can_login,
       a.first_seen_at AS first_seen_at, a.last_seen_at AS last_seen_at, a.deleted_at AS gone_at,
       p.last_change_at AS last_change_at
FROM instance_accounts a
JOIN account_permissions p ON p.account_id = a.id
JOIN instances i ON i.id = a.instance_id
WHERE i.deleted_at IS NULL;

CREATE VIEW {schema}.account_changes AS
SELECT i.name::text AS instance, i.engine::text AS engine, l.account_name AS account,
       l.change_type::text AS change_type, l.changed_at AS changed_at,
       l.session_id::text AS session_id,
       l.told > 0 AND (l.told & 1) <> 0 AS gives, l.told > 0 AND (l.told & 2) <> 0 AS takes,
       l.told > 0 AND (l.told & 4) <> 0 AS gives_power,
       l.told > 0 AND (l.told & 8) <> 0 AS takes_power
FROM account_change_log l JOIN instances i ON i.id = l.instance_id
WHERE l.told >= 0
  AND l.changed_at >= (SELECT h.pruned_before FROM change_horizon h);

CREATE VIEW {schema}.findings AS
SELECT i.name::text AS instance, i.engine::text AS engine, i.environment::text AS environment,
       f.account_name AS account, f.rule::text AS rule, f.severity::text AS severity,
       f.first_seen_at AS first_seen_at, f.resolved_at AS resolved_at
FROM instance_findings f JOIN instances i ON i.id = f.instance_id
WHERE i.deleted_at IS NULL;

CREATE VIEW {schema}.class_counts AS
SELECT i.name::text AS instance, c.counted_date AS day, c.class_name::text AS class,
       c.account_count AS accounts
FROM account_class_counts c JOIN instances i ON i.id = c.instance_id
WHERE i.deleted_at IS NULL;

CREATE VIEW {schema}.events AS
SELECT e.id AS id, i.name::text AS instance, e.occurred_at AS occurred_at, e.kind::text AS kind,
       e.severity::text AS severity, e.account_name AS account, e.subject AS subject,
       e.before AS before, e.after AS after, e.session_id::text AS session_id
FROM events e JOIN instances i ON i.id = e.instance_id;
