"""Sample accounts of a small company, and what happens to them overnight."""

from __future__ import annotations

import psycopg
import pymysql
from psycopg import sql

from workbench.servers.running import RunningServer

MONITOR = "sync_monitor"
MONITOR_PASSWORD = "demo-monitor-password"  # noqa: S105 - of servers that live minutes

POSTGRESQL_SEED = """
CREATE ROLE reporting NOLOGIN;
CREATE ROLE billing_owner NOLOGIN;
CREATE ROLE billing_app LOGIN PASSWORD 'demo' CONNECTION LIMIT 20;
CREATE ROLE alice LOGIN PASSWORD 'demo' VALID UNTIL '2027-01-01 00:00:00+00';
CREATE ROLE bob LOGIN PASSWORD 'demo' CREATEDB;
CREATE ROLE "Zoë O'Neil" LOGIN PASSWORD 'demo';
GRANT billing_owner TO alice WITH ADMIN OPTION;
GRANT reporting TO alice, bob, "Zoë O'Neil";
GRANT pg_read_all_stats TO bob;
ALTER ROLE billing_app SET statement_timeout = '30s';
CREATE SCHEMA billing AUTHORIZATION billing_owner;
CREATE TABLE billing.invoice (id bigint PRIMARY KEY, customer text, amount numeric);
ALTER TABLE billing.invoice OWNER TO billing_owner;
CREATE VIEW billing.invoice_total AS SELECT sum(amount) AS total FROM billing.invoice;
CREATE FUNCTION billing.close_month(month date) RETURNS void LANGUAGE sql AS 'SELECT NULL';
REVOKE EXECUTE ON FUNCTION billing.close_month(date) FROM PUBLIC;
GRANT USAGE ON SCHEMA billing TO reporting, billing_app;
GRANT SELECT ON billing.invoice_total TO reporting;
GRANT SELECT (id, amount) ON billing.invoice TO reporting;
GRANT SELECT, INSERT, UPDATE ON billing.invoice TO billing_app;
GRANT EXECUTE ON FUNCTION billing.close_month(date) TO billing_app WITH GRANT OPTION;
ALTER DEFAULT PRIVILEGES FOR ROLE billing_owner IN SCHEMA billing
  GRANT SELECT ON TABLES TO reporting;
"""
POSTGRESQL_NIGHT = """
CREATE ROLE contractor LOGIN PASSWORD 'demo' VALID UNTIL '2026-12-31 00:00:00+00';
GRANT reporting TO contractor;
GRANT DELETE ON billing.invoice TO billing_app;
REVOKE SELECT (amount) ON billing.invoice FROM reporting;
REVOKE reporting FROM bob;
ALTER ROLE bob NOLOGIN;
DROP ROLE "Zoë O'Neil";
"""
MYSQL_SEED = """
CREATE DATABASE shop;
CREATE TABLE shop.orders (id bigint PRIMARY KEY, customer varchar(80), total decimal(12, 2));
CREATE PROCEDURE shop.ship(order_id bigint) SELECT order_id;
CREATE ROLE shop_reader;
CREATE USER 'shop_app'@'10.0.%' IDENTIFIED BY 'demo' WITH MAX_USER_CONNECTIONS 50;
CREATE USER 'carol'@'%' IDENTIFIED BY 'demo' REQUIRE SSL;
CREATE USER 'dave'@'localhost' IDENTIFIED BY 'demo' ACCOUNT LOCK;
GRANT SELECT ON shop.* TO shop_reader;
GRANT shop_reader TO 'carol'@'%' WITH ADMIN OPTION;
GRANT SELECT, INSERT, UPDATE ON shop.* TO 'shop_app'@'10.0.%';
GRANT EXECUTE ON PROCEDURE shop.ship TO 'shop_app'@'10.0.%';
GRANT SELECT (id, total), UPDATE (total) ON shop.orders TO 'dave'@'localhost';
GRANT PROCESS ON *.* TO 'carol'@'%';
"""
MYSQL_NIGHT = """
GRANT SUPER ON *.* TO 'carol'@'%' WITH GRANT OPTION;
REVOKE UPDATE ON shop.* FROM 'shop_app'@'10.0.%';
ALTER USER 'dave'@'localhost' ACCOUNT UNLOCK;
CREATE USER 'erin'@'%' IDENTIFIED BY 'demo';
GRANT shop_reader TO 'erin'@'%';
"""
# The rest are on the larger fleet alone. Some accounts are on several, with other rights.
ORDERS_SEED = """
CREATE ROLE shop_owner NOLOGIN;
CREATE ROLE support NOLOGIN;
CREATE ROLE shop_app LOGIN PASSWORD 'demo';
CREATE ROLE alice LOGIN PASSWORD 'demo';
CREATE ROLE carol LOGIN PASSWORD 'demo' CREATEROLE;
CREATE ROLE deploy LOGIN SUPERUSER PASSWORD 'demo';
GRANT support TO alice, carol;
GRANT shop_owner TO carol;
CREATE SCHEMA shop AUTHORIZATION shop_owner;
CREATE TABLE shop.orders (id bigint PRIMARY KEY, customer text, total numeric);
ALTER TABLE shop.orders OWNER TO shop_owner;
CREATE TABLE shop.refund (id bigint PRIMARY KEY, order_id bigint, amount numeric);
GRANT USAGE ON SCHEMA shop TO shop_app, support;
GRANT SELECT, INSERT, UPDATE ON shop.orders TO shop_app;
GRANT SELECT ON shop.orders, shop.refund TO support;
"""
ORDERS_NIGHT = """
GRANT UPDATE ON shop.orders TO support;
GRANT INSERT ON shop.refund TO support WITH GRANT OPTION;
ALTER ROLE alice SUPERUSER;
CREATE ROLE migration LOGIN PASSWORD 'demo' IN ROLE shop_owner;
"""
HR_SEED = """
CREATE ROLE hr NOLOGIN;
CREATE ROLE hr_app LOGIN PASSWORD 'demo';
CREATE ROLE bob LOGIN PASSWORD 'demo';
CREATE ROLE auditor LOGIN PASSWORD 'demo';
GRANT hr TO bob;
GRANT pg_read_all_data TO auditor;
CREATE SCHEMA hr;
CREATE TABLE hr.employee (id bigint PRIMARY KEY, name text, salary numeric);
GRANT USAGE ON SCHEMA hr TO hr, hr_app, PUBLIC;
GRANT SELECT ON hr.employee TO hr;
GRANT SELECT, INSERT, UPDATE, DELETE ON hr.employee TO hr_app;
"""
HR_NIGHT = """
GRANT SELECT ON hr.employee TO PUBLIC;
REVOKE DELETE ON hr.employee FROM hr_app;
ALTER ROLE auditor NOLOGIN;
"""
STOCK_SEED = """
CREATE DATABASE shop;
CREATE DATABASE stock;
CREATE TABLE shop.orders (id bigint PRIMARY KEY, customer varchar(80), total decimal(12, 2));
CREATE TABLE stock.item (id bigint PRIMARY KEY, name varchar(80), quantity int);
CREATE ROLE stock_keeper;
CREATE USER 'shop_app'@'10.0.%' IDENTIFIED BY 'demo';
CREATE USER 'stock_app'@'10.0.%' IDENTIFIED BY 'demo';
CREATE USER 'carol'@'%' IDENTIFIED BY 'demo';
GRANT SELECT, UPDATE ON shop.* TO 'shop_app'@'10.0.%';
GRANT SELECT, INSERT, UPDATE, DELETE ON stock.* TO stock_keeper;
GRANT stock_keeper TO 'stock_app'@'10.0.%', 'carol'@'%';
"""
STOCK_NIGHT = """
GRANT ALL PRIVILEGES ON *.* TO 'stock_app'@'10.0.%';
GRANT UPDATE ON shop.orders TO 'carol'@'%';
"""
WEB_SEED = """
CREATE DATABASE web;
CREATE TABLE web.page (id bigint PRIMARY KEY, body text);
CREATE USER 'web_app'@'%' IDENTIFIED BY 'demo';
CREATE USER 'erin'@'%' IDENTIFIED BY 'demo';
GRANT SELECT, INSERT, UPDATE ON web.* TO 'web_app'@'%';
GRANT SELECT ON web.* TO 'erin'@'%';
"""
WEB_NIGHT = """
GRANT FILE, PROCESS ON *.* TO 'web_app'@'%';
DROP USER 'erin'@'%';
"""


def run_script(server: RunningServer, script: str) -> None:
    """Run the statements of a script as the server's administrator."""
    statements = [part.strip() for part in script.split(";\n") if part.strip(" ;\n")]
    if server.engine == "postgresql":
        with psycopg.connect(
            host=server.host,
            port=server.port,
            user=server.admin_user,
            password=server.admin_password,
            dbname=server.database,
            autocommit=True,
        ) as connection:
            for statement in statements:
                connection.execute(sql.SQL(statement))
        return
    link = pymysql.connect(
        host=server.host,
        port=server.port,
        user=server.admin_user,
        password=server.admin_password,
        autocommit=True,
    )
    with link, link.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
