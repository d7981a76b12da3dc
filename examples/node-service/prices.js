// A service without tracing code: prices from PostgreSQL, in a currency that another of its routes
// knows.
const express = require("express");
const { Pool } = require("pg");

const RATES = { EUR: 1, SEK: 11 };

const app = express();
const database = new Pool({ connectionString: process.env.DATABASE_URL });

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
  const { rows } = await database.query("SELECT cents FROM prices WHERE id = $1", [
    request.params.id,
  ]);
  response.json({ price: rows[0].cents * (await answer.json()) });
});

async function start() {
  await database.query("CREATE TABLE IF NOT EXISTS prices (id int PRIMARY KEY, cents int)");
  await database.query("INSERT INTO prices VALUES (1, 900), (2, 1250) ON CONFLICT DO NOTHING");
  return app.listen(0, "127.0.0.1", () => console.log(server.address().port));
}

let server;
start().then((started) => (server = started));
process.on("SIGTERM", () => server.close(() => database.end()));
