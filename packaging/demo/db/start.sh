#!/bin/sh
# db: PostgreSQL, from environment variables. An empty data folder is set up first; the user and the database of
# DATABASE_USER and DATABASE_NAME are made while nothing listens yet, so a port that answers is a database that is whole.
set -eu
bin=/usr/lib/postgresql/15/bin
data=/var/lib/data/postgresql
: "${DATABASE_USER:?DATABASE_USER is not set}" "${DATABASE_PASSWORD:?DATABASE_PASSWORD is not set}" "${DATABASE_NAME:?DATABASE_NAME is not set}"

case $DATABASE_USER$DATABASE_NAME in *[!a-z0-9_]*)
    echo '{"level":"error","service":"db","message":"DATABASE_USER and DATABASE_NAME are of a-z, 0-9 and _"}'
    exit 78 ;;
esac
if [ ! -e "$data/PG_VERSION" ]; then
    rm -rf "$data.new" # of a start that was cut short
    umask 077
    printf '%s' "$DATABASE_PASSWORD" >/tmp/password
    "$bin/initdb" --pgdata "$data.new" --username "$DATABASE_USER" --pwfile /tmp/password --auth scram-sha-256 \
        --encoding UTF8 --locale C --no-instructions >/dev/null
    rm /tmp/password
    echo "CREATE DATABASE \"$DATABASE_NAME\";" | "$bin/postgres" --single -j -D "$data.new" postgres >/dev/null
    echo 'host all all all scram-sha-256' >>"$data.new/pg_hba.conf"
    mv "$data.new" "$data"
fi
# The shell is replaced: SIGTERM reaches PostgreSQL itself, SIGINT would end the open sessions as well.
exec "$bin/postgres" -D "$data" -c listen_addresses='*' -c unix_socket_directories=/tmp -c jit=off \
    -c log_destination=stderr -c logging_collector=off -c log_line_prefix='%m db ' -c shared_buffers=32MB -c max_connections=50
