#!/bin/sh
# queue: Redis, from environment variables. Its configuration goes in by stdin: a password on the command line could be
# read by every process beside it.
set -eu
: "${QUEUE_PASSWORD:?QUEUE_PASSWORD is not set}"
case $QUEUE_PASSWORD in *[!A-Za-z0-9_-]*)
    echo '{"level":"error","service":"queue","message":"QUEUE_PASSWORD is of letters, digits, - and _"}'
    exit 78 ;;
esac
mkdir -p /var/lib/data/queue
exec redis-server - <<END
bind * -::*
protected-mode no
port 6379
requirepass $QUEUE_PASSWORD
dir /var/lib/data/queue
appendonly yes
maxmemory 64mb
maxmemory-policy noeviction
END
