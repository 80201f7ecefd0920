#!/usr/bin/env python3
"""Compares our environments with Gymnasium's, both on the same MuJoCo library: the one of the Python package.

    python3 -m venv venv && venv/bin/pip install 'gymnasium[mujoco]'       (mujoco==3.17.0 for another version)
    venv/bin/python tools/cross_check_gymnasium/cross_check.py [--models theirs|ours|text] [--steps 300] [--actions 64|32] [NAME…]

Builds the environments with driver.cpp against that package's libmujoco (c++, cmake and libfmt are needed), then plays the same
seeds and actions on both: resets with five seeds, and episodes under uniform float32 actions, one after another, with the resets drawn on
from the same generator. A line per environment: the largest difference, relative to max(1, |number|), of first observations; of
observations and rewards in the first 10 and in all steps; ends of episodes that differ; and the step from which a difference exceeds 1e-12.

--models theirs: Gymnasium's model files, whose lengths carry rounding of their own; contacts amplify it until trajectories part.
--models ours: Gymnasium's rules on our model files: observations may not differ by a bit, rewards by the order in which NumPy sums.
--models text: no stepping; compares the two compiled models, field by field.
--actions 32 hands Gymnasium float32 actions, whose costs it then sums in float32; 64 the same numbers as float64.
The driver is built with -ffp-contract=off: fused multiply-adds would draw starts that differ from NumPy's in the last bit.
It is no part of the tests: they need neither Python nor a network. Exit 1 when something differs beyond what is said above.
"""
import argparse
import glob
import os
import subprocess
import sys
import tempfile
import warnings

import gymnasium
import mujoco
import numpy
from gymnasium.envs.mujoco import mujoco_env

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), '..', '..'))
FAMILIES = ['Walker2d', 'Hopper', 'HalfCheetah', 'Ant', 'Humanoid', 'Swimmer', 'Reacher', 'InvertedPendulum', 'InvertedDoublePendulum']
NAMES = [f'{family}-v{version}' for family in FAMILIES for version in (4, 5)] + ['Pendulum-v1']
SEEDS = [0, 1, 2, 42, 123456789]
BASE_SOURCES = ['errors', 'files', 'pcg64', 'ziggurat_tables', 'workers']
# Fields that only pictures, names and memory depend on.
WITHOUT_EFFECT = ('rgba', 'light', 'cam', 'tex', 'mat', 'name', 'user', 'numeric', 'size', 'key', 'skin', 'buffer', 'narena', 'nstack', 'path',
                  'signature')



def build(folder):
    """The driver, linked to the Python package's MuJoCo; its path."""
    package = os.path.dirname(mujoco.__file__)
    library = glob.glob(os.path.join(package, 'libmujoco.so*'))[0]
    models = ';'.join(sorted(glob.glob(f'{ROOT}/assets/mujoco/*.xml')))
    texts = f'{folder}/model_texts.cpp'
    subprocess.run(['cmake', f'-DFILES={models}', f'-DOUT={texts}', '-P', f'{ROOT}/cmake/embed_texts.cmake'], check=True)
    sources = [f'{os.path.dirname(os.path.abspath(__file__))}/driver.cpp', texts] + sorted(glob.glob(f'{ROOT}/src/env/*.cpp'))
    sources += [f'{ROOT}/src/core/{name}.cpp' for name in BASE_SOURCES]
    program = f'{folder}/driver'
    includes = [f'-I{ROOT}/include', f'-I{ROOT}/src', '-isystem', f'{package}/include']
    subprocess.run(['c++', '-std=c++17', '-O1', '-ffp-contract=off', *includes, *sources, library, f'-Wl,-rpath,{package}', '-lfmt', '-lpthread', '-o', program],
                   check=True)
    return program


def our_model(name, folder):
    """Path of our file for one of Gymnasium's; v5 of Walker2d gets its friction as our environment sets it."""
    path = f'{ROOT}/assets/mujoco/{os.path.basename(name).replace("_v5", "")}'
    if os.path.basename(name) != 'walker2d_v5.xml':
        return path
    with open(path) as file:
        text = file.read()
    changed = f'{folder}/walker2d_v5.xml'
    with open(changed, 'w') as file:
        file.write(text.replace('<geom name="foot_geom"', '<geom name="foot_geom" friction="1.9 0.1 0.1"'))
    return changed


def difference(ours, theirs):
    """Largest |ours - theirs| / max(1, |theirs|); ours is rounded first where Gymnasium shows float32."""
    theirs = numpy.asarray(theirs)
    if theirs.dtype == numpy.float32:
        ours = numpy.asarray(ours, numpy.float32)
    ours, theirs = numpy.asarray(ours, float), theirs.astype(float)
    if ours.shape != theirs.shape:
        raise SystemExit(f'{ours.shape[0]} observed numbers against {theirs.shape[0]}')
    return float(numpy.max(numpy.abs(ours - theirs) / numpy.maximum(1.0, numpy.abs(theirs))))


def gymnasium_run(environment, commands):
    """What Gymnasium shows for each command: (reward, terminated, truncated, observation) or (observation,)."""
    shown = []
    for command, argument in commands:
        if command == 'step':
            observation, reward, terminated, truncated, _ = environment.step(argument)
            shown.append((float(reward), bool(terminated), bool(truncated), observation.copy()))
        else:
            observation, _ = environment.reset(seed=argument if command == 'reset' else None)
            shown.append((observation.copy(),))
    return shown


def our_run(program, name, commands):
    words = {'reset': lambda seed: f'reset {seed}', 'begin': lambda _: 'begin',
             'step': lambda action: 'step ' + ' '.join(float(a).hex() for a in action)}
    text = '\n'.join(words[command](argument) for command, argument in commands)
    run = subprocess.run([program, name], input=text, capture_output=True, text=True)
    if run.returncode != 0:
        raise SystemExit(f'{name}: the driver failed: {run.stderr.strip()}')
    return [[float.fromhex(word) for word in line.split()] for line in run.stdout.splitlines()]


def plan(environment, name, steps, bits):
    """Commands: resets with all seeds, then steps under float32 actions, with resets as Gymnasium's episodes end."""
    commands = [('reset', seed) for seed in SEEDS] + [('reset', 7)]
    actions = numpy.random.default_rng(2024)
    space = environment.action_space
    environment.reset(seed=7)
    for _ in range(steps):
        action = actions.uniform(space.low, space.high).astype(numpy.float32)
        action = action.astype(numpy.float64) if bits == 64 else action
        commands.append(('step', action))
        _, _, terminated, truncated, _ = environment.step(action)
        if terminated or truncated:
            commands.append(('begin', None))
            environment.reset()
    return commands


def compare(program, name, options):
    """Prints one line; true if nothing differs that ought not to."""
    environment = gymnasium.make(name, disable_env_checker=True)
    commands = plan(environment, name, options.steps, options.actions)
    theirs = gymnasium_run(environment, commands)
    ours = our_run(program, name, commands)
    starts, observations, rewards, ends, parted = 0.0, [], [], 0, None
    for (command, _), their, our in zip(commands, theirs, ours):
        if command != 'step':
            starts = max(starts, difference(our, their[0]))
            continue
        rewards.append(difference([our[0]], [their[0]]))
        ends += (bool(our[1]), bool(our[1] or our[2])) != (their[1], their[1] or their[2])
        observations.append(difference(our[3:], their[3]))
        if parted is None and max(rewards[-1], observations[-1]) > 1e-12:
            parted = len(rewards)
    print(f'{name:27s} start {starts:.1e}   observation {max(observations[:10]):.1e} {max(observations):.1e}   '
          f'reward {max(rewards[:10]):.1e} {max(rewards):.1e}   ends that differ {ends}   beyond 1e-12 from step {parted}')
    counted = len(rewards) if options.models == 'ours' else 10
    limit = 1e-12 if options.actions == 64 else 1e-6
    return starts <= 1e-15 and max(observations[:counted] + rewards[:counted]) <= limit and (ends == 0 or counted == 10)


def numbers_of(model):
    """All numbers of a compiled model that motion can depend on, by name."""
    found = {}
    for prefix, owner in (('', model), ('opt.', model.opt)):
        for field in dir(owner):
            if field.startswith('_') or (field != 'geom_size' and any(word in field for word in WITHOUT_EFFECT)):
                continue
            value = getattr(owner, field)
            if isinstance(value, (int, float, numpy.ndarray)):
                found[prefix + field] = numpy.asarray(value, float)
    found['jnt_margin'] = found['jnt_margin'] * model.jnt_limited
    return found


def compare_models(name, folder):
    """Prints the fields of the two compiled models that differ beyond 1e-12 (relative) or 1e-15; true if there is none."""
    environment = gymnasium.make(name, disable_env_checker=True).unwrapped
    theirs = numbers_of(environment.model)
    ours = numbers_of(mujoco.MjModel.from_xml_path(our_model(environment.fullpath, folder)))
    same = True
    for field, value in theirs.items():
        if ours[field].shape == value.shape:
            if numpy.allclose(ours[field], value, rtol=1e-12, atol=1e-15):
                continue
        same = False
        print(f'{name}: {field} is {ours[field].ravel()} against {value.ravel()}')
    if same:
        print(f'{name}: the compiled models agree in {len(theirs)} fields')
    return same


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('names', nargs='*', metavar='NAME')
    parser.add_argument('--models', choices=['theirs', 'ours', 'text'], default='theirs')
    parser.add_argument('--steps', type=int, default=300)
    parser.add_argument('--actions', type=int, choices=[64, 32], default=64)
    parser.add_argument('--driver', help='a driver built before, instead of building it')
    options = parser.parse_args()
    warnings.simplefilter('ignore')
    gymnasium.logger.min_level = gymnasium.logger.ERROR
    print(f'gymnasium {gymnasium.__version__}, mujoco {mujoco.__version__}, numpy {numpy.__version__}')
    names = options.names or NAMES
    with tempfile.TemporaryDirectory() as folder:
        if options.models == 'text':
            results = [compare_models(name, folder) for name in names if not name.startswith('Pendulum')]
        else:
            if options.models == 'ours':
                mujoco_env.expand_model_path = lambda path: our_model(path, folder)
            program = options.driver or build(folder)
            results = [compare(program, name, options) for name in names]
    sys.exit(0 if all(results) else 1)


if __name__ == '__main__':
    main()
