"""Names that the operator gives (https://github.com/llm-d/llm-d-model-service, internal/controller)."""

from __future__ import annotations

from modelservice.kubernetes.names import dns_label


class Names:
    """Names of the objects of a ModelService."""

    def __init__(self, name: str) -> None:
        def named(suffix: str) -> str:
            return dns_label(f"{name}-{suffix}")

        self.model = name
        self.decode, self.prefill = named("decode"), named("prefill")
        self.decode_service, self.prefill_service = named("service-decode"), named("service-prefill")
        self.pool, self.route, self.account = named("inference-pool"), named("http-route"), named("sa")
        self.epp, self.epp_service = named("epp"), named("epp-service")
        self.epp_account, self.epp_binding = named("epp-sa"), named("epp-rolebinding")
