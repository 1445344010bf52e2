"""A plugin for mypy: the arguments of ``having`` are the fields of the model it is called on."""

from collections.abc import Callable

from mypy.nodes import ARG_NAMED_OPT, Var
from mypy.plugin import MethodSigContext, Plugin
from mypy.types import CallableType, FunctionLike, Instance, get_proper_type

_MODEL = "clm_api.base.Model"


class Having(Plugin):
    """What mypy asks for signatures."""

    def get_method_signature_hook(
        self, fullname: str
    ) -> Callable[[MethodSigContext], FunctionLike] | None:
        """Return who knows the signature of a method; None where mypy knows it."""
        return _signature if fullname.endswith(".having") else None


def _signature(context: MethodSigContext) -> CallableType:
    model = get_proper_type(context.type)
    if not isinstance(model, Instance) or not model.type.has_base(_MODEL):
        return context.default_signature
    fields = {
        name: symbol.node.type
        for base in reversed(model.type.mro)
        if base.has_base(_MODEL)
        for name, symbol in base.names.items()
        if isinstance(symbol.node, Var) and not symbol.node.is_classvar and symbol.node.type
    }
    fields.pop("model_config", None)
    return context.default_signature.copy_modified(
        arg_kinds=[ARG_NAMED_OPT] * len(fields),
        arg_names=list(fields),
        arg_types=list(fields.values()),
    )


def plugin(_version: str) -> type[Plugin]:
    """Return the plugin, for mypy to load."""
    return Having
