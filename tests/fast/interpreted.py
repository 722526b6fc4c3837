"""Each kernel of a GPU against the operations it stands for, on tensors of the CPU, run by Triton's interpreter.

`TRITON_INTERPRET=1 python -m tests.fast.interpreted` prints a line for each kernel: its name and the largest error.
Sizes are small, because an interpreted kernel is slow.
"""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from barlowmatch.data import color, resampling
from barlowmatch.fast.kernels import color as color_kernels
from barlowmatch.fast.kernels import norms as norm_kernels
from barlowmatch.fast.kernels import optim as optim_kernels
from barlowmatch.fast.kernels import resampling as resampling_kernels
from barlowmatch.fast.norms import norm_relu
from barlowmatch.training import optim


def jitter() -> Iterator[float]:
    count = 10
    for side in (5, 33):  # less than a block of pixels, and more
        images = torch.rand(count, 3, side, side)
        images[0], images[1], images[2] = 0, 0.5, 1
        order = torch.rand(count, 4).argsort(1)
        order[::5] = color.NONE
        strengths = torch.tensor([0.6, 0.6, 0.8, -0.1]) + torch.tensor([0.8, 0.8, 0.4, 0.2]) * torch.rand(count, 4)
        grey = torch.rand(count) < 0.3
        for operations in (4, 3):  # with hue and without
            chosen = torch.where(order < operations, order, color.NONE)[:, :operations]
            expected, found = images.clone(), images.clone()
            color.one_by_one(expected, chosen, strengths[:, :operations], grey)
            color_kernels.jitter(found, chosen, strengths[:, :operations], grey)
            assert (found - images).abs().mean() > 0.05
            yield error(found, expected)


def crop() -> Iterator[float]:
    for side, size in ((12, 12), (19, 12), (9, 17)):  # as large, shrunk, and enlarged to more than a block of pixels
        images = torch.randint(0, 256, (2, 2, side, side), dtype=torch.uint8).transpose(2, 3)  # in any layout
        length = torch.randint(1, side + 1, (2, 2))
        length[0, 1], length[1, 0] = side, 1
        start = (torch.rand(2, 2) * (side - length + 1)).long()
        boxes = torch.cat([start, length], 1)
        expected = resampling._crop_and_resize_at_once(images, boxes, size)
        yield error(resampling_kernels.crop_and_resize(images, boxes, size), expected)


def blur() -> Iterator[float]:
    for height, width in ((9, 30), (11, 10)):
        images, sigma = torch.rand(3, 2, height, width), torch.tensor([0.1, 0.8, 2.0])
        found = resampling_kernels.blur(images, sigma, resampling.BLUR_RADIUS)
        yield error(found, resampling.blur(images, sigma))


def lars() -> Iterator[float]:
    optim_kernels.CHUNK, optim_kernels.BLOCK = 64, 16
    shapes = ((5, 33), (4, 3, 3, 3), (1, 1), (130, 2), (3, 2))
    for rule in ({"eta": 0.003}, {"eta": 0.3, "clip": True}, {"adapt": False}):
        weights = [torch.randn(shape) for shape in shapes]
        weights[1] = weights[1].contiguous(memory_format=torch.channels_last)
        weights[4].zero_()  # a weight of norm zero takes a plain step
        expected, before = [nn.Parameter(weight.clone()) for weight in weights], [weight.clone() for weight in weights]
        optimizer = optim.LARS(expected, lr=0.2, momentum=0.9, weight_decay=0.01, **rule)
        velocities = [torch.zeros_like(weight) for weight in weights]
        for _ in range(2):
            gradients = [torch.randn_like(weight) for weight in weights]
            for parameter, gradient in zip(expected, gradients, strict=True):
                parameter.grad = gradient.clone()
            optimizer.step()
            assert optim_kernels.fits(weights, gradients, velocities)
            optim_kernels.step(weights, gradients, velocities, **optimizer.defaults)
        assert all((one - other).abs().mean() > 1e-3 for one, other in zip(weights, before, strict=True))
        yield from (error(one, other) for one, other in zip(weights, expected, strict=True))


def norms() -> Iterator[float]:
    norm_kernels.TILE, norm_kernels.PROGRAMS, norm_kernels.SPLITS = 256, 7, 2
    for shape, adds, relu in (((3, 20, 5, 4), False, True), ((5, 130, 2, 3), True, True), ((2, 8, 3, 3), True, False)):
        norm, exact = nn.BatchNorm2d(shape[1], momentum=0.3), nn.BatchNorm2d(shape[1], momentum=0.3).double()
        nn.init.normal_(norm.weight), nn.init.normal_(norm.bias)
        exact.load_state_dict(norm.state_dict())
        # Means far from zero: they cost float32 two of its digits.
        values = [100 + torch.randn(shape).contiguous(memory_format=torch.channels_last)]
        values += [torch.randn(shape)] if adds else []
        mine = [tensor.clone().requires_grad_() for tensor in values]
        theirs = [tensor.double().requires_grad_() for tensor in values]
        found = norm_relu(norm_kernels, norm, mine[0], mine[1] if adds else None, relu=relu)
        expected = exact(theirs[0]) + (theirs[1] if adds else 0)
        expected = expected.relu() if relu else expected
        upward = torch.randn(shape)
        found.backward(upward), expected.backward(upward.double())
        pairs = [(found, expected), *((one.grad, other.grad) for one, other in zip(mine, theirs, strict=True))]
        pairs += [(one.grad, other.grad) for one, other in zip(norm.parameters(), exact.parameters(), strict=True)]
        pairs += list(zip(norm.buffers(), exact.buffers(), strict=True))
        for one, other in pairs:
            assert other.double().abs().max() > 0.1
            largest = other.detach().abs().max()
            yield 0.01 * error(one / largest, other / largest)
        nothing = torch.full(shape, float("nan"))
        assert norm_relu(norm_kernels, norm, nothing).isnan().all()


def error(found: Tensor, expected: Tensor) -> float:
    return float((found - expected).detach().abs().max())


KERNELS: dict[str, Callable[[], Iterator[float]]] = {
    "jitter": jitter, "crop": crop, "blur": blur, "lars": lars, "norms": norms,
}  # fmt: skip

if __name__ == "__main__":
    for name, check in KERNELS.items():
        torch.manual_seed(0)
        print(name, float(torch.tensor([*check()]).max()))  # which NaN does not pass
