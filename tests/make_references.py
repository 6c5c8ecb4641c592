"""Rates and momenta of PyTorch's and optax's schedules, written to tests/references.json.

The tests compare `lr_helpers` with them and need neither package. To make the file again, in an environment of
its own:

pip install torch==2.13.0 optax==0.2.8 && python tests/make_references.py
"""

import json
import pathlib

import jax
import optax
import torch

jax.config.update("jax_enable_x64", True)
LONG = 1_000_000


def torch_schedule(kind, steps, keep, **arguments):
    """What PyTorch's optimizer would use at each step: the rates and the momenta of the steps to keep."""
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0, momentum=0.9)
    schedule = kind(optimizer, cycle_momentum=True, base_momentum=0.85, max_momentum=0.95, **arguments)
    group, rates, momenta = optimizer.param_groups[0], [], []
    optimizer.step()
    for step in range(steps):
        if step in keep:
            rates.append(float(group["lr"]))
            momenta.append(float(group["momentum"]))
        if step < steps - 1:
            schedule.step()
    return {"first": keep[0], "rates": rounded(rates), "momenta": rounded(momenta)}


def rounded(values):
    return [float(f"{value:.9g}") for value in values]  # more than float32 has


def cyclic(steps, keep, **arguments):
    bounds = {"base_lr": 0.001, "max_lr": 0.1}
    return torch_schedule(torch.optim.lr_scheduler.CyclicLR, steps, keep, **bounds, **arguments)


def one_cycle(steps, keep, **arguments):
    arguments |= {"max_lr": 0.5, "total_steps": steps}
    return torch_schedule(torch.optim.lr_scheduler.OneCycleLR, steps, keep, **arguments)


def optax_schedule(schedule, steps):
    return {"first": 0, "rates": rounded(float(schedule(step)) for step in range(steps))}


def warmup_stable_decay(warmup, stable, decay, initial, final):
    parts = [
        optax.linear_schedule(initial, 0.1, warmup),
        optax.constant_schedule(0.1),
        optax.linear_schedule(0.1, final, decay),
    ]
    return optax.join_schedules(parts, [warmup, warmup + stable])


def cycles(up, size):
    """Two cycles of a way up and its mirror image."""
    parts = [up, lambda step: up(size - step)] * 2
    return optax.join_schedules(parts, [size, 2 * size, 3 * size])


every, last = range(200), range(LONG - 30, LONG)
REFERENCES = {
    "CyclicLR triangular": cyclic(200, every, step_size_up=23),
    "CyclicLR triangular, asymmetric": cyclic(200, every, step_size_up=7, step_size_down=40),
    "CyclicLR triangular2": cyclic(200, every, step_size_up=23, mode="triangular2"),
    "CyclicLR exp_range": cyclic(200, every, step_size_up=23, mode="exp_range", gamma=0.99),
    "CyclicLR triangular, long": cyclic(LONG, last, step_size_up=23, step_size_down=50),
    "CyclicLR exp_range, long": cyclic(LONG, last, step_size_up=23, mode="exp_range", gamma=0.999999),
    "OneCycleLR cosine": one_cycle(200, every),
    "OneCycleLR linear": one_cycle(200, every, anneal_strategy="linear"),
    "OneCycleLR early, mild": one_cycle(200, every, pct_start=0.11, div_factor=4.0, final_div_factor=10.0),
    "OneCycleLR cosine, long": one_cycle(LONG, last),
    "OneCycleLR linear, long": one_cycle(LONG, last, anneal_strategy="linear"),
    "optax warmup, stable, decay": optax_schedule(warmup_stable_decay(20, 100, 60, 0.0, 0.0), 200),
    "optax warmup, decay to 0.01": optax_schedule(warmup_stable_decay(20, 0, 160, 0.02, 0.01), 200),
    "optax sinusoidal": optax_schedule(cycles(optax.cosine_decay_schedule(0.001, 23, alpha=100.0), 23), 92),
    "optax parabolic": optax_schedule(cycles(optax.polynomial_schedule(0.001, 0.1, 2, 23), 23), 92),
}

if __name__ == "__main__":
    lines = [f"{json.dumps(name)}: {json.dumps(values)}" for name, values in REFERENCES.items()]
    versions = json.dumps({"torch": torch.__version__, "optax": optax.__version__})
    text = '{\n"versions": ' + versions + ",\n" + ",\n".join(lines) + "\n}\n"
    (pathlib.Path(__file__).parent / "references.json").write_text(text)
