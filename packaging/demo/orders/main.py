"""orders: takes orders, keeps them, and queues them for the worker.

    GET  /orders          the newest fifty
    POST /orders          {"product": 1, "quantity": 2}: takes from stock and queues, or refuses
    POST /orders/shipped  {"order": 1}: only for the worker, with its token
"""

import hmac
import json
import sys

sys.path.insert(0, "/srv/lib")
import psycopg2  # noqa: E402
from queue_client import Queue  # noqa: E402
from service import Log, Refused, serve, variable  # noqa: E402

DATABASE_URL = variable("DATABASE_URL")
WORKER_TOKEN = variable("WORKER_TOKEN")
MOST_OF_ONE = 100
queue = Queue(variable("QUEUE_URL"))
log = Log("orders")


def transaction(work):
    connection = psycopg2.connect(DATABASE_URL, connect_timeout=3, options="-c statement_timeout=5000")
    try:
        with connection, connection.cursor() as cursor:
            return work(cursor)
    finally:
        connection.close()


def number(body, name, most):
    value = body.get(name) if isinstance(body, dict) else None
    if type(value) is not int or not 1 <= value <= most:
        raise Refused(422, f"{name} is a number from 1 to {most}")
    return value


def list_orders(_body, _headers):
    def work(cursor):
        cursor.execute(
            "SELECT o.id, p.name, o.quantity, o.state, o.created_at FROM orders o JOIN products p ON p.id = o.product"
            " ORDER BY o.id DESC LIMIT 50"
        )
        return cursor.fetchall()

    names = ("id", "product", "quantity", "state", "created_at")
    return {"orders": [dict(zip(names, row)) for row in transaction(work)]}


def take_order(body, _headers):
    product, quantity = number(body, "product", 2**31 - 1), number(body, "quantity", MOST_OF_ONE)

    def work(cursor):
        cursor.execute(
            "UPDATE products SET stock = stock - %s WHERE id = %s AND stock >= %s", (quantity, product, quantity)
        )
        if cursor.rowcount != 1:
            raise Refused(409, "there is no such product, or not enough of it")
        cursor.execute("INSERT INTO orders (product, quantity) VALUES (%s, %s) RETURNING id", (product, quantity))
        order = cursor.fetchone()[0]
        # Within the transaction: when the queue is away, the order is not taken. The worker may see an order before
        # it is committed; it asks again until it is there.
        queue.push("orders", json.dumps({"order": order}))
        return order

    order = transaction(work)
    log.info("order taken", order=order)
    return {"order": order, "state": "queued"}


def ship_order(body, headers):
    if not hmac.compare_digest(headers.get("Authorization", "").encode(), b"Bearer " + WORKER_TOKEN.encode()):
        raise Refused(401, "only the worker ships")
    order = number(body, "order", 2**31 - 1)

    def work(cursor):
        cursor.execute("UPDATE orders SET state = 'shipped', shipped_at = now() WHERE id = %s", (order,))
        return cursor.rowcount

    if transaction(work) != 1:
        raise Refused(404, "there is no such order")
    log.info("order shipped", order=order)
    return {"order": order, "state": "shipped"}


def ready():
    transaction(lambda cursor: cursor.execute("SELECT 1 FROM orders LIMIT 1"))
    queue.ping()


serve(
    "orders",
    {
        ("GET", "/orders"): list_orders,
        ("POST", "/orders"): take_order,
        ("POST", "/orders/shipped"): ship_order,
    },
    ready,
    log,
)
