#!/bin/sh
# Makes the secrets of compose.yaml, each once, in deploy/secrets: run it as root.
#
# Compose mounts them as they are here. The directory is root's alone. Of what is in it PostgreSQL's
# image reads its passwords as another user of its own, and libpq takes a file of passwords that
# nobody but its owner may read: the user of the image, 10001.
set -eu
umask 077
cd "$(dirname "$0")"
mkdir -p secrets
chmod 700 secrets
cd secrets

password() {
    [ -s "$1" ] || od -An -N 24 -tx1 /dev/urandom | tr -d ' \n' >"$1"
    chmod 444 "$1"
}

passfile() { # FILE, then a database, a role and the role's password file, of each line
    file=$1
    shift
    : >"$file.new"
    while [ $# -gt 0 ]; do
        printf '*:*:%s:%s:%s\n' "$1" "$2" "$(cat "$3")" >>"$file.new"
        shift 3
    done
    chmod 400 "$file.new"
    chown 10001:10001 "$file.new"
    mv -f "$file.new" "$file"
}

for name in postgres_password store_password console_password dagster_password; do
    password "$name"
done
passfile pgpass sync_pipeline sync_pipeline store_password dagster dagster dagster_password
passfile pgpass_console sync_pipeline sync_pipeline_console console_password
