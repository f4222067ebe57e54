"""What a device computes, against the CPU: convolutions in float64, sequences in float32."""

import contextlib
from copy import deepcopy

import torch
from made_up import frames, stretches
from rows import at_most, error, holds, relative

from ilscaling import policies
from ilscaling.learning import precision
from ilscaling.policies.cnn.pixels import innermost
from ilscaling.policies.frames import FrameFeatures

# Published sizes of Tuyls et al. (TMLR 2024), and the default study's.
WIDTHS = (1, 2, 3, 5, 8, 13, 23, 24, 34, 50, 81, 117, 167, 266)
# Logits, gradients; relative.
BOUNDS = {"float32": (1e-4, 1e-3), "tf32": (5e-3, 2e-2), "bfloat16": (3e-2, 1e-1)}


def types(device: str) -> list[str]:
    """Types that the device computes in."""
    tf32 = device != "cpu" and torch.cuda.get_device_capability()[0] >= 8
    return [
        "float32",
        *(["tf32"] if tf32 else []),
        *(["bfloat16"] if precision.fast(device) else []),
    ]


def pixels(device: str, folder):
    """Bytes as a network's input."""
    for shape in ((3, 4, 84, 84), (1, 4, 40, 36), (5, 2, 84, 84)):
        screens = torch.randint(0, 256, shape, dtype=torch.uint8)
        for type in (torch.float32, torch.bfloat16):
            there, here = innermost(screens.to(device), type), innermost(screens, type)
            yield holds("pixels", f"{shape} {type}", torch.equal(there.cpu(), here))


def encoder(device: str, folder):
    """Sums of table rows and their gradients, by a GPU's operations and as compiled for a CPU."""
    network = policies.build("transformer", 32, actions=121, context=32, inventory=True).encoder
    for lanes in (8, 128):
        batch = stretches(lanes, 32)
        features = network_features(batch, device)
        sums, tables = [], []
        for where in ("operations", "compiled"):
            network.zero_grad()
            if where == "operations":
                there = deepcopy(network).to(device)
                answer = torch.cat(there.operations(features, 32), -1)
            else:
                there = network
                answer = compiled(network, batch)
            (answer.double() ** 2).mean().backward()
            sums.append(answer)
            tables.append([weight.grad for weight in there.tables()])
        case = f"{32 * lanes} frames"
        yield at_most("encoder", f"{case}: sums", relative(sums[0], sums[1]), 1e-5)
        worst = max(relative(a, b) for a, b in zip(*tables, strict=True))
        yield at_most("encoder", f"{case}: gradients", worst, 1e-5)


def network_features(batch: dict, device: str) -> FrameFeatures:
    """A reader's features as tensors on a device."""
    return FrameFeatures(*(torch.from_numpy(v).to(device) for v in batch["frames"]))


def compiled(network, batch: dict) -> torch.Tensor:
    """Features of a CPU."""
    from ilscaling.policies.lookups import Lookup

    arrays = batch["frames"]
    return torch.cat(Lookup.apply(arrays, 32, *network.tables()), -1)


@contextlib.contextmanager
def computing(device: str, type: str):
    """Within it a device computes in a type, as in training."""
    precision.prepare(device, type, False)
    with precision.autocast(device, type):
        yield


def compared(check: str, case: str, device: str, network, *inputs):
    """Logits and gradients in every type, against the CPU's."""
    exact = deepcopy(network)
    wanted, slopes = _passed(exact.double() if check == "convolutions" else exact, inputs, "cpu")
    for type in types(device):
        logits, gradients = BOUNDS[type]
        name = f"{case} {type}"
        try:
            with computing(device, type):
                got, mine = _passed(deepcopy(network).to(device), inputs, device)
        except RuntimeError as problem:
            yield error(check, problem, name)
            continue
        yield at_most(check, f"{name}: logits", relative(got, wanted), logits)
        yield at_most(check, f"{name}: gradients", relative(mine, slopes), gradients)


def _passed(network, inputs, device):
    """Logits and all gradients of a pass, the latter as one vector."""
    try:
        here = [_onto(value, device) for value in inputs]
        answer = network(*here)
        logits = answer[0] if isinstance(answer, tuple) else answer
        logits.square().mean().backward()
    finally:
        torch.use_deterministic_algorithms(False)
    return logits, torch.cat([w.grad.flatten().double().cpu() for w in network.parameters()])


def _onto(value, device):
    if isinstance(value, dict):
        return {name: _onto(one, device) for name, one in value.items()}
    if isinstance(value, FrameFeatures):
        return FrameFeatures(*(one.to(device) for one in value))
    return value.to(device)


def convolutions(device: str, folder):
    """The family `cnn` at all published sizes."""
    for width in WIDTHS:
        network = policies.build("cnn", width, frames=4, actions=18)
        for batch in (7, 32) if device != "cpu" and width < 100 else (7,):
            case, inputs = f"w {width}, batch {batch}", frames(batch)
            yield from compared("convolutions", case, device, Stacks(network), inputs)


class Stacks(torch.nn.Module):
    """A network of stacks in whatever type its weights have."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, screens):
        if self.network.linear.weight.dtype != torch.float64:
            return self.network(screens)
        x = screens.double() / 255
        for convolution in self.network.convolutions:
            x = convolution(x).relu()
        return self.network.linear(x.flatten(1))


class Trunk(torch.nn.Module):
    """A sequence network behind its encoder, on vectors in its place."""

    def __init__(self, network):
        super().__init__()
        self.layers, self.head = network, network.head
        del network.encoder

    def forward(self, x, first):
        y, _ = self.layers.trunk(x, first, None, first.any(0).cpu())
        return self.head(y).float()


def transformers(device: str, folder):
    """The family `transformer` behind its encoder: heads of all widths."""
    for size in (4, 16, 32, 96, 128, 256):
        network = policies.build("transformer", size, actions=121, context=32, inventory=False)
        first = torch.rand(4, 32) < 0.05
        case = f"d {size}, heads of {network.config.head}"
        x = torch.randn(4, 32, size)
        yield from compared("transformers", case, device, Trunk(network), x, first)


def lstms(device: str, folder):
    """The family `lstm` behind its encoder, games that begin within a stretch."""
    for size in (4, 16, 40, 256):
        network = policies.build("lstm", size, actions=121, context=32, inventory=False)
        first = torch.rand(4, 32) < 0.05
        yield from compared("lstms", f"d {size}", device, Trunk(network), torch.randn(4, 32, size),
                            first)  # fmt: skip
