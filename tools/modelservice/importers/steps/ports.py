"""The port on which the pods of a release serve."""

from __future__ import annotations

from modelservice.engines.command import Option
from modelservice.importers.chart import DEFAULTS
from modelservice.importers.values_builder import RoleBuilder, ValuesBuilder


def set_service_port(builder: ValuesBuilder) -> None:
    """Take ``--port``; give ``routing.servicePort``, or ``targetPort`` behind the sidecar.

    A role that listens on another port than the rest of the release keeps its option.
    """
    routing = builder.section("routing")
    ports = {role.name: _take_port(role) for role in builder.roles}
    if "proxy" in routing:
        routing["proxy"]["targetPort"] = ports["decode"]
    else:
        routing["proxy"] = {"enabled": False}
        routing["servicePort"] = next(iter(ports.values()))
    for role in builder.roles:
        port, expected = ports[role.name], builder.port(role)
        if port != expected and role.derived:
            role.engine.options.append(Option.of("--port", str(port)))
            builder.report.changed(
                f"{role.source.place}.containers",
                f"it listens on {port}, the other pods of the release on {expected}: a pool reaches only one of them",
                values="routing.servicePort",
            )


def _take_port(role: RoleBuilder) -> int:
    """Return the port on which a role's engine listens; its option is taken where it is a number.

    An engine whose default is not known listens where its container says.
    """
    declared = [port["containerPort"] for port in role.container.get("ports", [])]
    usual = declared[0] if declared else DEFAULTS["routing"]["servicePort"]
    default: int = (role.facts.port.default if role.facts else DEFAULTS["routing"]["servicePort"]) or usual
    if role.derived:
        given = role.engine.get("port")
        number = given.values[0] if given and given.values else ""
        if number.isdigit() and 0 < int(number) < 65536:
            role.engine.take("port")
            return int(number)
        return default
    return declared[0] if declared else default
