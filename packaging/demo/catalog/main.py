"""catalog: what the shop sells. Reads the database; GET /products."""

import sys

sys.path.insert(0, "/srv/lib")
import psycopg2  # noqa: E402
from service import Log, serve, variable  # noqa: E402

DATABASE_URL = variable("DATABASE_URL")
log = Log("catalog")


def rows(statement):
    connection = psycopg2.connect(DATABASE_URL, connect_timeout=3, options="-c statement_timeout=5000")
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall()
    finally:
        connection.close()


def products(_body, _headers):
    found = rows("SELECT id, name, price_cents, stock FROM products ORDER BY id LIMIT 200")
    return {"products": [dict(zip(("id", "name", "price_cents", "stock"), row)) for row in found]}


serve("catalog", {("GET", "/products"): products}, lambda: rows("SELECT 1 FROM products LIMIT 1"), log)
