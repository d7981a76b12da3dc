"""Client and server of one call that share an id, as Zipkin's do -> two spans, one below the other.

Each half is told by its own process. Further spans may be below either: they are below that of
their own service, else below the server's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from otel_allure.model.spans import Span, service_of

CLIENTS, SERVERS = ("client", "producer"), ("server", "consumer")


def with_own_ids(spans: Iterable[Span], on_problem: Callable[[str, object], object]) -> list[Span]:
    """Return the spans of one trace, each with an id of its own, and each once.

    Args:
        spans: all of the trace.
        on_problem: told where two others have one id; the first of them is kept.
    """
    by_id: dict[int, list[Span]] = {}
    for span in spans:
        known = by_id.setdefault(span.span_id, [])
        if span not in known:
            known.append(span)
    if all(len(halves) == 1 for halves in by_id.values()):
        return [halves[0] for halves in by_id.values()]
    servers: dict[int, Span] = {}
    kept: list[Span] = []
    for span_id, halves in by_id.items():
        client = next((h for h in halves if h.kind in CLIENTS), None)
        server = next((h for h in halves if h.kind in SERVERS), None)
        if client is None or server is None:
            kept.append(_most_complete(halves, on_problem))
            continue
        server = servers[span_id] = server._replace(
            span_id=_other_id(span_id), parent_id=span_id, parent_is_remote=True
        )
        kept += [client, server]
        starts = {client.start_ns, server.start_ns}  # what else there is was sent again
        others = {h.start_ns: h for h in halves if h.start_ns not in starts}.values()
        for number, half in enumerate(others, 1):
            kept.append(half._replace(span_id=_other_id(span_id + (number << 40))))
    clients = {span.span_id: span for span in kept}
    return [below_its_half(span, servers, clients) for span in kept]


def _most_complete(halves: list[Span], on_problem: Callable[[str, object], object]) -> Span:
    """Return one of several spans with one id: the same told twice, maybe before it had ended."""
    ended = [span for span in halves if span.end_ns is not None]
    if len(ended) > 1 and len({(s.name, s.start_ns, s.kind) for s in ended}) > 1:
        on_problem("joining a trace", f"{len(ended)} spans have the id {ended[0].span_id:016x}")
    return max(ended or halves, key=lambda span: (span.end_ns or 0, len(span.attributes)))


def are_halves(one: Span, other: Span) -> bool:
    """Whether two spans with one id are the client and the server of a call."""
    kinds = {one.kind, other.kind}
    return not kinds.isdisjoint(CLIENTS) and not kinds.isdisjoint(SERVERS)


def below_its_half(span: Span, servers: Mapping[int, Span], clients: Mapping[int, Span]) -> Span:
    """Return a span below the server's half of a call, if it is not of the client's service.

    Args:
        span: any.
        servers: of calls whose halves shared an id, by that.
        clients: all other spans, by their ids.
    """
    server = servers.get(span.parent_id or 0)
    if server is None or span is server or span.span_id == server.span_id:
        return span
    client = clients[span.parent_id or 0]
    is_clients = service_of(span) == service_of(client) != service_of(server)
    return span if is_clients else span._replace(parent_id=server.span_id)


def _other_id(span_id: int) -> int:
    return (span_id ^ 0x5A17_0C1D_0F2B_3E49) & (1 << 64) - 1 or 1
