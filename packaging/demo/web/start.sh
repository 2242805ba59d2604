#!/bin/sh
# web: nginx, the shop's front. Fills the addresses of the services behind it into the configuration and starts.
set -eu
: "${CATALOG_URL:?CATALOG_URL is not set}" "${ORDERS_URL:?ORDERS_URL is not set}"
for url in "$CATALOG_URL" "$ORDERS_URL"; do
    address=${url#http://}
    case $address in "$url" | '' | *[!a-z0-9.:/-]*)
        echo '{"level":"error","service":"web","message":"CATALOG_URL and ORDERS_URL are http addresses"}'
        exit 78 ;;
    esac
done
sed -e "s#@PORT@#${PORT:-8080}#" -e "s#@CATALOG_URL@#$CATALOG_URL#" -e "s#@ORDERS_URL@#$ORDERS_URL#" \
    /srv/nginx.conf >/tmp/nginx.conf
# nginx calls an orderly end SIGQUIT and a hasty one SIGTERM: the shell stays to translate.
nginx -e /dev/stderr -c /tmp/nginx.conf &
nginx=$!
trap 'kill -QUIT "$nginx"' TERM INT
while kill -0 "$nginx" 2>/dev/null; do wait "$nginx" && status=0 || status=$?; done
exit "${status:-0}"
