"""A GPU that is none: its tensors say `cuda`, compute on the CPU, and count what a GPU would wait.

Inside `PretendedGpu()`, what is put on a device is a `DeviceTensor`. Reading one as an array, or
computing with one and a tensor of the CPU, is an error as it is on a GPU; whatever makes the host
wait for the device is counted by name. It shows mistakes of devices and waits. It has no kernel,
type or speed of a GPU: composite operations are seen as their parts.
"""

import contextlib
from collections import Counter
from unittest import mock

import numpy as np
import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

DEVICE = torch.device("cuda", 0)
# The host cannot go on without what these give, or without what the device has yet to compute.
WAITING = {"_local_scalar_dense", "nonzero", "masked_select", "unique_dim", "_unique2", "equal"}
# What PyTorch refuses on a GPU where results are to repeat; and cumsum of fractions.
UNREPEATABLE = {"put_", "histc", "median", "kthvalue", "cumsum_fractions"}
FREE = 2**34  # bytes that the device says are free


class DeviceTensor(torch.Tensor):
    """A tensor of the device; `inner` holds its numbers."""

    @staticmethod
    def __new__(cls, inner: torch.Tensor):
        about = {"strides": inner.stride(), "dtype": inner.dtype, "device": "cpu"}
        return torch.Tensor._make_wrapper_subclass(cls, inner.shape, **about)

    def __init__(self, inner: torch.Tensor):
        self.inner = inner

    def __repr__(self, **_) -> str:
        return f"DeviceTensor({self.inner!r})"

    @property
    def device(self) -> torch.device:
        return DEVICE

    @property
    def is_cuda(self) -> bool:
        return True

    @classmethod
    def __torch_dispatch__(cls, operation, types, arguments=(), options=None):
        return _compute(operation, arguments, options or {}, Counter(), Counter())


def _inner(value):
    return value.inner if isinstance(value, DeviceTensor) else value


def _onto(value):
    if not isinstance(value, torch.Tensor) or isinstance(value, DeviceTensor):
        return value
    # A bit of the tensor says that its numbers mean their conjugates, and does not reach ours.
    return DeviceTensor(value.resolve_conj().resolve_neg())


def _compute(operation, arguments, options, waits: Counter, operations: Counter):
    """An operation of PyTorch's dispatcher on tensors of one device."""
    name = operation._schema.name.removeprefix("aten::")
    tensors = [x for x in tree_leaves((arguments, options)) if isinstance(x, torch.Tensor)]
    if not any(isinstance(x, DeviceTensor) for x in tensors):
        return operation(*arguments, **options)
    operations[name] += 1
    exact = name + "_fractions" if any(x.is_floating_point() for x in tensors) else name
    if torch.are_deterministic_algorithms_enabled() and {name, exact} & UNREPEATABLE:
        raise RuntimeError(f"{name} has no algorithm that repeats")
    # A number without axes may come from the CPU.
    strangers = [x for x in tensors if not isinstance(x, DeviceTensor) and x.dim()]
    if strangers and name != "copy_":
        raise RuntimeError(f"{name} of tensors on cuda:0 and a CPU: {tuple(strangers[0].shape)}")
    if name in WAITING or _sized_by_the_device(name, arguments, options) or strangers:
        waits[name] += 1
    result = operation(*tree_map(_inner, arguments), **tree_map(_inner, options))
    if operation._schema.is_mutable and name.endswith("_"):
        return arguments[0] if isinstance(result, torch.Tensor) else result
    return tree_map(_onto, result)


def _sized_by_the_device(name: str, arguments, options) -> bool:
    """Whether the result's shape is among the numbers that the device holds."""
    if name in ("index", "index_put_", "_index_put_impl_"):
        return any(x is not None and x.dtype == torch.bool for x in arguments[1])
    return name == "repeat_interleave" and options.get("output_size") is None


class _Dispatch(TorchDispatchMode):
    def __init__(self, gpu: "PretendedGpu"):
        super().__init__()
        self.gpu = gpu

    def __torch_dispatch__(self, operation, types, arguments=(), options=None):
        return _compute(operation, arguments, options or {}, self.gpu.waits, self.gpu.operations)


class _Functions(TorchFunctionMode):
    """What names a device, or leaves it."""

    def __init__(self, gpu: "PretendedGpu"):
        super().__init__()
        self.gpu = gpu

    def __torch_function__(self, function, types, arguments=(), options=None):
        options, name = dict(options or {}), getattr(function, "__name__", "")
        own = arguments[0] if arguments and isinstance(arguments[0], DeviceTensor) else None
        if name == "to":
            return self._to(function, *arguments, **options)
        if name == "pin_memory":
            return arguments[0]
        if name == "numpy" and own is not None:
            raise TypeError("can't convert a tensor of cuda:0 to numpy")
        if name == "cpu" and own is not None:
            return self._back(own)
        if name == "tolist" and own is not None:
            return self._back(own).tolist()
        if name == "new_tensor" and own is not None:
            self.gpu.waits[name] += 1
            return DeviceTensor(own.inner.new_tensor(*arguments[1:], **options))
        if name in ("is_autocast_enabled", "get_autocast_dtype"):
            return function("cpu")
        options.pop("pin_memory", None)
        if _names_it(options.get("device")):
            del options["device"]
            return _onto(function(*map(_inner, arguments), **options))
        return function(*arguments, **options)

    def _to(self, function, tensor, *where, **options):
        later = bool(options.pop("non_blocking", False))
        device = options.pop("device", None)
        rest = []
        for value in where:
            if isinstance(value, (torch.device, str)):
                device = value
            elif isinstance(value, bool):
                later = value
            elif isinstance(value, torch.Tensor):
                raise NotImplementedError
            elif value is not None:
                rest.append(value)
        if rest or options:
            tensor = function(tensor, *rest, **options)
        if device is None or _names_it(device) == isinstance(tensor, DeviceTensor):
            return tensor
        if isinstance(tensor, DeviceTensor):
            return self._back(tensor, later)
        if not later:
            self.gpu.waits["copy to the device"] += 1
        # A parameter stays a leaf.
        return DeviceTensor(tensor.detach().clone())

    def _back(self, tensor: DeviceTensor, later: bool = False) -> torch.Tensor:
        if not later:
            self.gpu.waits["copy from the device"] += 1
        return tensor.detach().inner.clone()


def _grouped(groups: dict) -> dict:
    """Lists of tensors by device and type, which PyTorch takes from what it is told inside."""

    def where(lists) -> torch.device:
        return next((x.device for x in tree_leaves(lists) if isinstance(x, torch.Tensor)), DEVICE)

    return {(where(lists), kind): lists for (_, kind), lists in groups.items()}


def _names_it(device) -> bool:
    return device is not None and torch.device(device).type == "cuda"


class Event:
    """A moment on the device, which computes at once."""

    def record(self) -> None: ...

    def synchronize(self) -> None: ...


class PretendedGpu(contextlib.ExitStack):
    """The device, as a context.

    Attributes
    ----------
    waits, operations
        How often the host has waited, and what was computed, by name.
    """

    def __init__(self):
        super().__init__()
        self.waits: Counter = Counter()
        self.operations: Counter = Counter()

    def __enter__(self) -> "PretendedGpu":
        autocast = torch.autocast

        def on_cpu(kind, dtype=torch.bfloat16, enabled=True):
            return autocast("cpu", dtype, enabled=enabled)

        overwrites = torch.__future__.get_overwrite_module_params_on_conversion()
        torch.__future__.set_overwrite_module_params_on_conversion(True)
        self.callback(torch.__future__.set_overwrite_module_params_on_conversion, overwrites)
        for place, name, value in (
            (torch, "autocast", on_cpu),
            (torch, "inference_mode", torch.no_grad),
            (torch.cuda, "is_available", lambda: True),
            (torch.cuda, "is_bf16_supported", lambda including_emulation=True: True),
            (torch.cuda, "get_device_capability", lambda device=None: (9, 0)),
            (torch.cuda, "get_device_name", lambda device=None: "pretended"),
            (torch.cuda, "mem_get_info", lambda device=None: (FREE, FREE)),
            (torch.cuda, "Event", Event),
            (torch.cuda, "synchronize", lambda device=None: None),
        ):
            self.enter_context(mock.patch.object(place, name, value))
        # oneDNN's tensors hold numbers of their own.
        self.enter_context(torch.backends.mkldnn.flags(enabled=False))
        # Settings of the process that a run on a GPU makes.
        self.callback(torch.use_deterministic_algorithms, False)
        self.callback(torch.set_float32_matmul_precision, torch.get_float32_matmul_precision())
        group = torch._C._group_tensors_by_device_and_dtype
        self.enter_context(
            mock.patch.object(
                torch._C, "_group_tensors_by_device_and_dtype", lambda *a: _grouped(group(*a))
            )
        )
        self.enter_context(_Functions(self))
        self.enter_context(_Dispatch(self))
        return self


def numbers(tensor: torch.Tensor) -> np.ndarray:
    """What a tensor of either device holds."""
    return _inner(tensor.detach()).numpy()
