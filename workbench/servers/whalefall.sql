-- The tables of a WhaleFall store, as far as they are read or stand in the way, in our words.
-- Source: its migrations up to 20260528100000.

CREATE TABLE alembic_version (
    version_num varchar(32) NOT NULL
);

CREATE TABLE credentials (
    id serial PRIMARY KEY,
    name varchar(255) NOT NULL,
    credential_type varchar(50) NOT NULL,
    db_type varchar(50),
    username varchar(255) NOT NULL,
    password varchar(255) NOT NULL,
    description text,
    category_id int,
    is_active bool NOT NULL,
    created_at timestamptz DEFAULT now(),
    updated_at timestamptz DEFAULT now(),
    deleted_at timestamptz
);

CREATE TABLE instances (
    id serial PRIMARY KEY,
    name varchar(255) NOT NULL,
    db_type varchar(50) NOT NULL,
    host varchar(255) NOT NULL,
    port int NOT NULL,
    database_name varchar(255),
    database_version varchar(1000),
    main_version varchar(20),
    detailed_version varchar(50),
    sync_count int NOT NULL DEFAULT 0,
    credential_id int REFERENCES credentials,
    description text,
    is_active bool NOT NULL,
    last_connected timestamptz,
    created_at timestamptz DEFAULT now(),
    updated_at timestamptz DEFAULT now(),
    deleted_at timestamptz
);

CREATE TABLE tags (
    id serial PRIMARY KEY,
    name varchar(50) NOT NULL UNIQUE,
    display_name varchar(100) NOT NULL,
    category varchar(50) NOT NULL,
    is_active bool NOT NULL,
    created_at timestamptz DEFAULT now()
);

CREATE TABLE instance_tags (
    instance_id int REFERENCES instances,
    tag_id int REFERENCES tags,
    created_at timestamptz DEFAULT now(),
    PRIMARY KEY (instance_id, tag_id)
);

CREATE TABLE instance_databases (
    id serial PRIMARY KEY,
    instance_id int NOT NULL REFERENCES instances,
    database_name varchar(255) NOT NULL,
    is_active bool NOT NULL,
    first_seen_date date NOT NULL,
    last_seen_date date NOT NULL,
    deleted_at timestamptz,
    created_at timestamptz DEFAULT now(),
    UNIQUE (instance_id, database_name)
);

CREATE TABLE database_size_stats (
    id bigserial,
    instance_id int NOT NULL,
    database_name varchar(255) NOT NULL,
    size_mb bigint NOT NULL,
    data_size_mb bigint,
    log_size_mb bigint,
    collected_date date NOT NULL,
    collected_at timestamptz,
    created_at timestamptz DEFAULT now(),
    updated_at timestamptz DEFAULT now()
) PARTITION BY RANGE (collected_date);

CREATE TABLE instance_size_stats (
    id serial,
    instance_id int NOT NULL,
    total_size_mb int NOT NULL,
    database_count int NOT NULL,
    collected_date date NOT NULL,
    collected_at timestamptz,
    is_deleted bool NOT NULL DEFAULT false,
    deleted_at timestamptz,
    created_at timestamptz DEFAULT now(),
    updated_at timestamptz DEFAULT now()
) PARTITION BY RANGE (collected_date);

CREATE TABLE database_size_aggregations (
    id bigserial,
    instance_id int NOT NULL,
    database_name varchar(255) NOT NULL,
    period_type varchar(20) NOT NULL,
    period_start date NOT NULL,
    period_end date NOT NULL,
    avg_size_mb bigint NOT NULL,
    max_size_mb bigint NOT NULL,
    min_size_mb bigint NOT NULL,
    data_count int NOT NULL,
    avg_data_size_mb bigint,
    size_change_mb bigint NOT NULL DEFAULT 0,
    size_change_percent numeric(10,2) NOT NULL DEFAULT 0,
    growth_rate numeric(10,2) NOT NULL DEFAULT 0,
    calculated_at timestamptz DEFAULT now(),
    created_at timestamptz DEFAULT now()
) PARTITION BY RANGE (period_start);

CREATE TABLE instance_size_aggregations (
    id bigserial,
    instance_id int NOT NULL,
    period_type varchar(20) NOT NULL,
    period_start date NOT NULL,
    period_end date NOT NULL,
    total_size_mb bigint NOT NULL,
    avg_size_mb bigint NOT NULL,
    max_size_mb bigint NOT NULL,
    min_size_mb bigint NOT NULL,
    data_count int NOT NULL,
    database_count int NOT NULL,
    total_size_change_mb bigint,
    total_size_change_percent numeric(10,2),
    growth_rate numeric(10,2),
    trend_direction varchar(20),
    calculated_at timestamptz DEFAULT now(),
    created_at timestamptz DEFAULT now()
) PARTITION BY RANGE (period_start);

CREATE TABLE sync_sessions (
    id serial PRIMARY KEY,
    session_id varchar(36) NOT NULL UNIQUE,
    sync_type varchar(20) NOT NULL,
    sync_category varchar(20) NOT NULL,
    status varchar(20) NOT NULL,
    started_at timestamptz,
    completed_at timestamptz,
    total_instances int,
    successful_instances int,
    failed_instances int,
    created_by int,
    created_at timestamptz DEFAULT now()
);

CREATE TABLE sync_instance_records (
    id serial PRIMARY KEY,
    session_id varchar(36) NOT NULL REFERENCES sync_sessions (session_id),
    instance_id int NOT NULL REFERENCES instances,
    instance_name varchar(255),
    sync_category varchar(20) NOT NULL,
    status varchar(20) NOT NULL,
    started_at timestamptz,
    completed_at timestamptz,
    items_synced int,
    items_created int,
    items_updated int,
    items_deleted int,
    error_message text,
    sync_details jsonb,
    created_at timestamptz DEFAULT now()
);

CREATE TABLE task_runs (
    id serial PRIMARY KEY,
    run_id varchar(36) NOT NULL UNIQUE,
    task_key varchar(128) NOT NULL,
    task_name varchar(255) NOT NULL,
    task_category varchar(50) NOT NULL,
    trigger_source varchar(20) NOT NULL,
    status varchar(32) NOT NULL,
    started_at timestamptz NOT NULL,
    completed_at timestamptz,
    created_by int,
    progress_total int NOT NULL,
    progress_completed int NOT NULL,
    progress_failed int NOT NULL,
    summary_json jsonb,
    result_url varchar(255),
    error_message text,
    created_at timestamptz DEFAULT now()
);

CREATE TABLE task_run_items (
    id serial PRIMARY KEY,
    run_id varchar(36) NOT NULL REFERENCES task_runs (run_id),
    item_type varchar(20) NOT NULL,
    item_key varchar(128) NOT NULL,
    item_name varchar(255),
    instance_id int,
    status varchar(32) NOT NULL,
    started_at timestamptz,
    completed_at timestamptz,
    metrics_json jsonb,
    details_json jsonb,
    error_message text,
    created_at timestamptz DEFAULT now()
);

CREATE TABLE instance_accounts (
    id serial PRIMARY KEY,
    instance_id int NOT NULL REFERENCES instances,
    username varchar(255) NOT NULL,
    db_type varchar(50) NOT NULL,
    owner_type varchar(32) NOT NULL DEFAULT 'instance',
    owner_id int,
    is_active bool NOT NULL,
    deleted_at timestamptz,
    created_at timestamptz DEFAULT now(),
    updated_at timestamptz DEFAULT now()
);

CREATE TABLE account_permission (
    id serial PRIMARY KEY,
    instance_id int NOT NULL REFERENCES instances,
    db_type varchar(20) NOT NULL,
    instance_account_id int NOT NULL REFERENCES instance_accounts,
    username varchar(255) NOT NULL,
    owner_type varchar(32) NOT NULL DEFAULT 'instance',
    owner_id int,
    type_specific json,
    permission_snapshot jsonb,
    permission_facts jsonb,
    last_sync_time timestamptz,
    last_change_type varchar(20),
    last_change_time timestamptz
);

CREATE TABLE account_change_log (
    id serial PRIMARY KEY,
    instance_id int NOT NULL REFERENCES instances,
    db_type varchar(20) NOT NULL,
    username varchar(255) NOT NULL,
    owner_type varchar(32) NOT NULL DEFAULT 'instance',
    owner_id int,
    change_type varchar(50) NOT NULL,
    change_time timestamptz,
    session_id varchar(128),
    status varchar(20),
    message text,
    privilege_diff json,
    other_diff json
);

CREATE TABLE database_table_size_stats (
    id bigserial PRIMARY KEY,
    instance_id int NOT NULL REFERENCES instances,
    database_name varchar(255) NOT NULL,
    schema_name varchar(255) NOT NULL,
    table_name varchar(255) NOT NULL,
    size_mb bigint NOT NULL,
    data_size_mb bigint,
    index_size_mb bigint,
    row_count bigint,
    collected_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (instance_id, database_name, schema_name, table_name)
);

CREATE TABLE users (
    id serial PRIMARY KEY,
    username varchar(255) NOT NULL,
    password varchar(255) NOT NULL
);
