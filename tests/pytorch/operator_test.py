# SPDX-FileCopyrightText: The scc authors
# SPDX-License-Identifier: MIT

"""The operator of examples/pytorch: values, derivatives, what it takes and refuses, and that PyTorch can compile it."""

import contextlib
import io
import pathlib
import re
import runpy
import sys
import unittest

try:
    import torch
    from torch.utils.cpp_extension import verify_ninja_availability

    verify_ninja_availability()
except (ImportError, RuntimeError) as error:
    print(f"skipped, as the operator cannot be compiled here: {error}")
    sys.exit(77)

_root = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(_root / "examples" / "pytorch"))
import scc  # noqa: E402, F401

rsmi = torch.ops.scc.rsmi
_options = ("bandwidth", "center_min", "center_max", "beta", "domain_min", "domain_max")


def golden_cases():
    """Name, options, x, y, weight or None, rSMI and dloss/dy of each case in tests/data."""
    data = _root / "tests" / "data"
    for path in sorted(data.glob("[gnr][0-9]_*.golden")) + sorted(data.glob("weighted/*.golden")):
        rows = dict(line.split(" ", 1) for line in path.read_text().splitlines() if not line.startswith("#"))

        def tensor(key, shape):
            return torch.tensor([float(word) for word in rows[key].split()], dtype=torch.float64).reshape(shape)

        shape = [int(word) for word in rows["shape"].split()]
        weight_shape = [int(word) for word in rows.get("weight_shape", "").split()]
        options = {key: float(rows[key]) for key in _options}
        options.update(
            kernel=rows["kernel"], centers_per_axis=int(rows["centers_per_axis"]), lambda_=float(rows["lambda"])
        )
        weight = tensor("weight", weight_shape) if weight_shape else None
        images = tensor("x", shape), tensor("y", shape), weight
        yield path.stem, options, *images, tensor("rsmi", -1), tensor("grad_y", shape)


def pair(*shape, dtype=torch.float64):
    """An input, and a translation that depends on it."""
    generator = torch.Generator().manual_seed(len(shape))
    x = torch.rand(shape, generator=generator, dtype=torch.float64) * 2 - 1
    noise = torch.rand(shape, generator=generator, dtype=torch.float64) * 2 - 1
    return x.to(dtype), (0.6 * torch.sin(3 * x) + 0.3 * noise).to(dtype)


def leaf(tensor):
    return tensor.detach().clone().requires_grad_()


def relative_error(actual, expected):
    return ((actual.double() - expected.double()).norm() / expected.double().norm()).item()


class Values(unittest.TestCase):
    def test_golden_cases(self):
        names = []
        for name, options, x, y, weight, expected, dloss_dy in golden_cases():
            narrow = name in ("n1_narrow", "n3_asym", "w4_narrow")
            names.append(name)
            for dtype in (torch.float64, torch.float32):
                double = dtype == torch.float64
                with self.subTest(name, dtype=dtype):
                    translation = leaf(y.to(dtype))
                    of_images = rsmi(x.to(dtype), translation, weight, **options, tolerance=1e-9 if double else 1e-6)
                    (-of_images.mean()).backward()
                    self.assertEqual(of_images.dtype, dtype)
                    most = (1e-7 if narrow else 1e-9) if double else 1e-6
                    self.assertLessEqual((of_images.double() - expected).abs().max().item(), most)
                    most = (1e-4 if narrow else 1e-7) if double else (1e-3 if narrow else 2e-5)
                    self.assertLessEqual(relative_error(translation.grad, dloss_dy), most)
        self.assertEqual(len(names), 19)

    def test_the_defaults_are_those_of_the_library(self):
        _, _, x, y, _, expected, _ = next(case for case in golden_cases() if case[0] == "g4_batch")
        self.assertLessEqual((rsmi(x, y) - expected).abs().max().item(), 1e-6)

    def test_bytes_stand_for_the_domain(self):
        x, y = pair(2, 3, 8, 8, dtype=torch.float32)
        as_bytes = ((x + 1) * 127.5).round().to(torch.uint8)
        as_floats = as_bytes.float() / 127.5 - 1
        translations = [leaf(y), leaf(y)]
        found = [rsmi(image, translation) for image, translation in zip((as_bytes, as_floats), translations)]
        self.assertLessEqual((found[0] - found[1]).abs().max().item(), 1e-6)
        for of_images in found:
            of_images.sum().backward()
        self.assertLessEqual(relative_error(translations[0].grad, translations[1].grad), 1e-4)

    def test_types(self):
        x, y = pair(2, 3, 8, 8)
        exact = leaf(y)
        expected = rsmi(x, exact)
        (2.0**12 * expected.sum()).backward()
        for dtype, most in ((torch.float16, 1e-2), (torch.bfloat16, 1e-1), (torch.float32, 1e-4)):
            with self.subTest(dtype=dtype):
                translation = leaf(y.to(dtype))
                found = rsmi(x.to(dtype), translation)
                (2.0**12 * found.sum()).backward()
                self.assertEqual((found.dtype, translation.grad.dtype), (torch.float32, dtype))
                self.assertLessEqual(relative_error(found, expected), most)
                self.assertLessEqual(relative_error(translation.grad, exact.grad), most)
        input, translation = leaf(x.float()), leaf(y)
        found = rsmi(input, translation)
        found.sum().backward()
        types = found.dtype, input.grad.dtype, translation.grad.dtype
        self.assertEqual(types, (torch.float64, torch.float32, torch.float64))

    def test_a_small_derivative_survives_16_bits(self):
        x, y = pair(1, 3, 96, 96)
        exact, half = leaf(y), leaf(y.half())
        (2.0**16 * rsmi(x, exact).sum()).backward()
        (2.0**16 * rsmi(x.half(), half).sum()).backward()
        self.assertLessEqual(relative_error(half.grad, exact.grad), 5e-4)  # 8e-4 if rounded before it is scaled

    def test_an_empty_batch(self):
        x, y = pair(0, 3, 8, 8)
        translation = leaf(y)
        found = rsmi(x, translation)
        found.sum().backward()
        self.assertEqual((found.shape, translation.grad.shape), ((0,), (0, 3, 8, 8)))

    def test_the_code_of_the_page(self):
        input, translation = pair(2, 3, 8, 8)
        names = dict(torch=torch, input=input, translation=translation, mask=torch.ones(8, 8), adversarial=0)
        blocks = re.findall("```python\n(.*?)```", (_root / "docs" / "pytorch.md").read_text(), re.DOTALL)
        self.assertEqual(len(blocks), 3)
        for block in blocks:
            exec(block, names)
        expected = -20 * rsmi(input, translation).mean()
        self.assertTrue(torch.equal(names["loss_g"], expected))
        released = dict(kernel="reciprocal_gaussian", lambda_=torch.tensor(0.05).item())
        self.assertTrue(torch.equal(names["loss"], -rsmi(input, translation, **released).mean()))

    def test_the_example_trains(self):
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            runpy.run_path(str(_root / "examples" / "pytorch" / "example.py"))
        of_steps = [float(line.split()[-1]) for line in printed.getvalue().splitlines()]
        self.assertEqual(len(of_steps), 6)
        self.assertGreater(of_steps[-1], of_steps[0] + 0.02)


class Derivatives(unittest.TestCase):
    def check(self, x, y, weight=None, **options):
        function = lambda *images: rsmi(*images, weight, **options)  # noqa: E731
        self.assertTrue(torch.autograd.gradcheck(function, (leaf(x), leaf(y)), atol=1e-8, rtol=1e-5))

    def test_gradcheck(self):
        for shape in ((2, 3, 4, 5), (3, 4, 5), (2, 2, 3, 2, 4)):
            with self.subTest(shape=shape):
                self.check(*pair(*shape))

    def test_gradcheck_with_weights(self):
        x, y = pair(2, 3, 4, 5)
        mask = torch.rand(2, 1, 4, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
        self.check(x, y, mask)
        self.check(x, y, mask > 0.5)
        self.check(x, y, mask[0, 0])

    def test_gradcheck_with_options(self):
        x, y = pair(2, 3, 4, 5)
        self.check(x, y, kernel="reciprocal_gaussian")
        options = dict(center_min=0.0, domain_min=0.0, beta=0.3, lambda_=0.01, centers_per_axis=5)
        self.check(x / 2 + 0.5, y / 2 + 0.5, bandwidth=0.4, **options)

    def test_gradcheck_of_a_single_channel_and_of_slices(self):
        x, y = pair(2, 3, 4, 5)
        self.check(x[:, :1], y)
        self.check(x, y[:, :1])
        x, y = pair(2, 2, 4, 4, 4)
        self.assertTrue(
            torch.autograd.gradcheck(
                lambda a, b: rsmi(a[:, :, ::2, ::2], b[:, :, ::2, ::2]), (leaf(x), leaf(y)), atol=1e-8, rtol=1e-5
            )
        )

    def test_only_what_is_wanted(self):
        x, y = pair(2, 3, 4, 5)
        self.assertIsNone(rsmi(x, y).grad_fn)
        with torch.no_grad():
            self.assertIsNone(rsmi(x, leaf(y)).grad_fn)
        with torch.inference_mode():
            self.assertTrue(torch.equal(rsmi(x, leaf(y)), rsmi(x, y)))
        input = leaf(x)
        rsmi(input, y).sum().backward()
        self.assertGreater(input.grad.abs().max().item(), 0)

    def test_a_kept_graph_can_be_walked_twice(self):
        x, y = pair(2, 3, 4, 5)
        translation = leaf(y)
        found = rsmi(x, translation)
        first, second = (torch.autograd.grad(found[1], translation, retain_graph=True)[0] for _ in range(2))
        self.assertTrue(torch.equal(first, second))
        self.assertEqual(first[0].abs().max().item(), 0)

    def test_second_derivatives_are_an_error(self):
        x, y = pair(2, 3, 4, 5)
        translation = leaf(y)
        (gradient,) = torch.autograd.grad(rsmi(x, translation).sum(), translation, create_graph=True)
        with self.assertRaisesRegex(RuntimeError, "second derivatives of rSMI are not implemented"):
            gradient.square().sum().backward()

    def test_the_gradient_has_the_layout_of_the_image(self):
        x, y = (image.contiguous(memory_format=torch.channels_last) for image in pair(2, 3, 4, 5))
        translation = leaf(y)
        rsmi(x, translation).sum().backward()
        self.assertEqual(translation.grad.stride(), y.stride())


class Arguments(unittest.TestCase):
    def test_bad_ones_are_refused(self):
        x, y = pair(2, 3, 4, 5)
        ones = torch.ones(2, 1, 4, 5)
        for message, arguments, options in (
            (r"the input is Double \[2, 3, 4, 4\] on cpu but the translation is", (x[..., :4], y), {}),
            ("the translation is Byte", (x, y.to(torch.uint8)), {}),
            (r"must be \[N, C, H, W\]", (x[0, 0], y[0, 0]), {}),
            ("the weight is Float", (x, y, ones[..., :4]), {}),
            ("the weight requires a gradient", (x, leaf(y), leaf(ones)), {}),
            ("Options::bandwidth is -1, must be", (x, y), dict(bandwidth=-1.0)),
            ("Options::bandwidth is nan, must be", (x, y), dict(bandwidth=float("nan"))),
            ("Options::lambda is 0, must be", (x, y), dict(lambda_=0.0)),
            ("Options::centers_per_axis is 33, must be", (x, y), dict(centers_per_axis=33)),
            ("kernel is box, must be gaussian or reciprocal_gaussian", (x, y), dict(kernel="box")),
        ):
            with self.subTest(message), self.assertRaisesRegex((RuntimeError, ValueError), message):
                rsmi(*arguments, **options)


class Compilation(unittest.TestCase):
    def test_tensors_without_data(self):
        for dtype in (torch.float32, torch.float64):
            input, translation = (leaf(image).to("meta") for image in pair(2, 3, 4, 5, dtype=dtype))
            for requires_grad in (False, True):
                found = rsmi(input, translation.detach().requires_grad_(requires_grad))
                self.assertEqual((found.shape, found.dtype, found.device.type), ((2,), dtype, "meta"))
        self.assertEqual(rsmi(*(image.to("meta") for image in pair(3, 4, 5))).shape, (1,))

    @unittest.skipUnless(hasattr(torch.library, "opcheck"), "this PyTorch has no opcheck")
    def test_opcheck(self):
        x, y = pair(2, 3, 4, 5, dtype=torch.float32)
        channels_last = y.contiguous(memory_format=torch.channels_last)
        volumes = [leaf(image)[:, :, ::2, ::2] for image in pair(2, 2, 4, 4, 4)]
        mask = torch.ones(2, 1, 4, 5)
        for arguments in (
            (x, leaf(y)),
            (leaf(x), leaf(y), mask),
            (leaf(x[:, :1]), leaf(y)),
            (leaf(x), leaf(channels_last)),
            (x.double(), leaf(y)),
            (leaf(x.half()), leaf(y.half()), mask.bool()),
            (leaf(x[0]), y[0]),
            (leaf(x).transpose(2, 3), leaf(y).transpose(2, 3)),
            volumes,
        ):
            with self.subTest([(tuple(image.shape), image.dtype) for image in arguments]):
                torch.library.opcheck(rsmi.default, tuple(arguments), dict(kernel="reciprocal_gaussian", lambda_=0.1))

    @unittest.skipUnless(hasattr(torch, "compile"), "this PyTorch has no torch.compile")
    def test_compile(self):
        def loss(x, y, weight):
            return -(rsmi(x, torch.tanh(y), weight, bandwidth=0.5) * torch.arange(1, 3)).mean()

        compiled = torch.compile(loss, fullgraph=True, dynamic=True)
        for height, width in ((4, 5), (8, 6)):
            x, y = pair(2, 3, height, width, dtype=torch.float32)
            translations = [leaf(y), leaf(y)]
            mask = torch.ones(2, 1, height, width)
            expected, found = (f(x, image, mask) for f, image in zip((loss, compiled), translations))
            expected.backward()
            found.backward()
            self.assertLessEqual(relative_error(found.detach(), expected.detach()), 1e-6)
            self.assertLessEqual(relative_error(translations[1].grad, translations[0].grad), 1e-5)


if __name__ == "__main__":
    unittest.main()
