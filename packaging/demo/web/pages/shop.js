// Shows goods and orders, and orders one piece at a time.

const REFRESH_MILLISECONDS = 3000;
const message = document.getElementById("message");

async function ask(path, options) {
  const response = await fetch(path, options);
  const content = await response.json().catch(() => ({ error: `the shop answered ${response.status}` }));
  if (!response.ok) throw new Error(content.error);
  return content;
}

function row(...cells) {
  const line = document.createElement("tr");
  for (const cell of cells) line.insertCell().append(cell);
  return line;
}

function orderButton({ id, name, stock }) {
  const button = document.createElement("button");
  button.textContent = "Order";
  button.disabled = stock < 1;
  button.setAttribute("aria-label", `Order ${name}`);
  button.addEventListener("click", async () => {
    try {
      const body = JSON.stringify({ product: id, quantity: 1 });
      const { order } = await ask("/api/orders", { method: "POST", headers: { "content-type": "application/json" }, body });
      message.textContent = `Order ${order} is on its way.`;
    } catch (error) {
      message.textContent = error.message;
    }
    await refresh();
  });
  return button;
}

async function refresh() {
  try {
    const [{ products }, { orders }] = await Promise.all([ask("/api/products"), ask("/api/orders")]);
    const price = (cents) => (cents / 100).toFixed(2);
    document.getElementById("products").replaceChildren(
      ...products.map((product) => row(product.name, price(product.price_cents), product.stock, orderButton(product))),
    );
    document.getElementById("orders").replaceChildren(
      ...orders.map((order) => row(order.id, order.product, order.quantity, order.state)),
    );
  } catch (error) {
    message.textContent = error.message;
  }
}

await refresh();
setInterval(refresh, REFRESH_MILLISECONDS);
