// A service without tracing code: prices of items, in a currency that another of its routes knows.
const express = require("express");

const PRICES = { 1: 900, 2: 1250 };
const RATES = { EUR: 1, SEK: 11 };

const app = express();

app.get("/rates/:currency", (request, response) => {
  const rate = RATES[request.params.currency];
  if (rate === undefined) throw new Error(`nobody knows ${request.params.currency}`);
  response.json(rate);
});

app.get("/prices/:id", async (request, response) => {
  const { port } = server.address();
  const currency = request.query.currency ?? "EUR";
  const answer = await fetch(`http://127.0.0.1:${port}/rates/${currency}`);
  if (!answer.ok) return response.status(502).json({ error: "there are no rates" });
  response.json({ price: PRICES[request.params.id] * (await answer.json()) });
});

const server = app.listen(0, "127.0.0.1", () => console.log(server.address().port));
process.on("SIGTERM", () => server.close());
