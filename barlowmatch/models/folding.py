"""Batch norms folded into the convolutions before them: in evaluation both are linear, and one pass does for two."""

from collections import Counter

from torch import fx, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights


def fold_batch_norms(network: nn.Module) -> int:
    """Fold each batch norm whose input is one convolution's output alone into it; return how many there were.

    The outputs stay what they are, but for rounding. Training the network afterwards would train another one.

    Args:
        network: in evaluation mode. One whose forward pass cannot be traced, as that of one which `Compute.prepare`
            has made faster, stays as it is.
    """
    parts = dict(network.named_modules())
    pairs = _pairs(network, parts)
    for before, after in pairs:
        convolution, norm = parts[before], parts[after]
        assert isinstance(convolution, nn.Conv2d)
        assert isinstance(norm, nn.BatchNorm2d)
        assert norm.running_mean is not None
        assert norm.running_var is not None
        convolution.weight, convolution.bias = fuse_conv_bn_weights(
            convolution.weight, convolution.bias, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias
        )
        network.set_submodule(after, nn.Identity())
    return len(pairs)


def _pairs(network: nn.Module, parts: dict[str, nn.Module]) -> list[tuple[str, str]]:
    """Return the names of convolutions and batch norms that follow each other whenever either is used."""
    try:
        graph = fx.Tracer().trace(network)
    except Exception:  # a forward pass that asks for values may raise anything when there are none
        return []
    uses = Counter(node.target for node in graph.nodes if node.op == "call_module")
    pairs: list[tuple[str, str]] = []
    for node in graph.nodes:
        source = node.args[0] if node.op == "call_module" and node.args else None
        if not isinstance(source, fx.Node) or source.op != "call_module" or len(source.users) > 1:
            continue
        convolution, norm = parts[str(source.target)], parts[str(node.target)]
        folds = type(convolution) is nn.Conv2d and type(norm) is nn.BatchNorm2d and norm.track_running_stats
        if folds and uses[source.target] == uses[node.target] == 1:
            pairs.append((str(source.target), str(node.target)))
    return pairs
