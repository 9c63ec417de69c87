"""Vector RecordEpisodeStatistics: the figures of each environment's own wrapper, and Gymnasium's.

Clocks are set by hand, so that durations are exact.
"""

from __future__ import annotations

import copy
import functools
import pickle
import random
import types
from collections.abc import Iterator
from typing import Any

import gymnasium as gym
import gymnasium.wrappers.vector
import numpy as np
import pytest
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv, VectorEnv
from gymnasium.wrappers.vector import DictInfoToList
from numpy.typing import NDArray

import gymreel.wrappers
from gymreel.errors import ConfigError, ConfigTypeError, GymreelError, StatsKeyError
from gymreel.wrappers.vector import RecordEpisodeStatistics
from support.gymnasium_version import refusal_by_gymnasium, skip_wrong_statistics
from support.soak import soak_only

MODES = list(AutoresetMode)
MODE_NAMES = [mode.name for mode in MODES]
Mask = NDArray[np.bool_]
Infos = dict[str, Any]


class Clock:
    """Stands still until it is set."""

    def __init__(self) -> None:
        self.now = 1000.0

    def perf_counter(self) -> float:
        """Return the time."""
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Put a clock of ours before every wrapper's eyes, and only theirs."""
    hands = Clock()
    module = types.SimpleNamespace(perf_counter=hands.perf_counter)
    for name in (
        "gymreel.wrappers.record_episode_statistics",
        "gymreel.wrappers.vector.record_episode_statistics",
        "gymnasium.wrappers.vector.common",
    ):
        monkeypatch.setattr(f"{name}.time", module)
    return hands


class RandomEpisodesEnv(gym.Env[Any, Any]):
    """Episodes of random lengths, one step included, with rewards of all sizes and both signs."""

    observation_space = gym.spaces.Discrete(1)
    action_space = gym.spaces.Discrete(1)

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._steps_left = 0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[int, Infos]:
        self._steps_left = 1 if self._random.random() < 0.2 else self._random.randint(2, 40)
        return 0, {}

    def step(self, action: int) -> tuple[int, float, bool, bool, Infos]:
        self._steps_left -= 1
        reward = self._random.uniform(-1, 1) * self._random.choice((1e-3, 1.0, 1e6))
        ended = self._steps_left == 0
        is_truncated = ended and reward < 0
        return 0, reward, ended and not is_truncated, is_truncated, {}


def counted(seed: int) -> gym.Env[Any, Any]:
    """Make an environment in the wrapper for single ones."""
    return gymreel.wrappers.RecordEpisodeStatistics(RandomEpisodesEnv(seed), stats_key="single")


def singles(num_envs: int) -> list[functools.partial[gym.Env[Any, Any]]]:
    """Return functions that make the environments of a vector."""
    return [functools.partial(counted, seed) for seed in range(num_envs)]


class NativeEnv(VectorEnv[Any, Any, Any]):
    """A vector environment that is one itself, and leaves ``reset_mask`` in the options.

    Args:
        num_envs: Number of environments.
        mode: The autoreset mode; None for one that does not say.
        dtype: Of the rewards.
        reuses_arrays: Whether every step returns the same arrays and the same dict.
    """

    single_observation_space = gym.spaces.Discrete(1)
    single_action_space = gym.spaces.Discrete(1)

    def __init__(
        self,
        num_envs: int,
        mode: AutoresetMode | None = AutoresetMode.NEXT_STEP,
        *,
        dtype: Any = np.float64,
        reuses_arrays: bool = False,
    ) -> None:
        self.metadata = {} if mode is None else {"autoreset_mode": mode}
        self.num_envs = num_envs
        self._mode = mode or AutoresetMode.NEXT_STEP
        self._random = np.random.default_rng(num_envs)
        self._rewards = np.zeros(num_envs, dtype)
        self._terminations = np.zeros(num_envs, bool)
        self._truncations = np.zeros(num_envs, bool)
        self._infos: Infos = {}
        self._reuses_arrays = reuses_arrays

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, Infos]:
        which = slice(None) if options is None else options.get("reset_mask", slice(None))
        self._terminations[which] = self._truncations[which] = False
        return None, {}

    def step(self, actions: Any) -> tuple[Any, Any, Any, Any, Infos]:
        resets = self._terminations | self._truncations
        draw = self._random.random(self.num_envs)
        self._rewards[:] = self._random.normal(0, 100, self.num_envs)
        self._terminations[:] = draw < 0.1
        self._truncations[:] = draw > 0.95
        if self._mode is AutoresetMode.NEXT_STEP:
            self._rewards[resets] = 0
            self._terminations[resets] = self._truncations[resets] = False
        result = (None, self._rewards, self._terminations, self._truncations, self._infos)
        return result if self._reuses_arrays else copy.deepcopy(result)


def act(envs: Any, actions: Any = None) -> tuple[Mask, Infos]:
    """Take a step; say which environments it ended, and give its infos."""
    if actions is None:
        actions = np.zeros(envs.num_envs, int)
    _, _, terminations, truncations, infos = envs.step(actions)
    return terminations | truncations, infos


def play(envs: Any, num_steps: int, clock: Clock, tick: float) -> Iterator[tuple[Mask, Infos]]:
    """Take steps, and between them reset some environments, done ones and others.

    Where nothing is reset automatically, the done ones are, in two parts.
    """
    choice = np.random.default_rng(0)
    mode = envs.metadata["autoreset_mode"]
    envs.reset(seed=0)
    for _ in range(num_steps):
        clock.now += tick
        dones, infos = act(envs)
        yield dones, infos
        clock.now += tick
        others = (choice.random(envs.num_envs) < 0.1) & (choice.random() < 0.1)
        masks = [others]
        if mode is AutoresetMode.DISABLED:
            first = dones & (choice.random(envs.num_envs) < 0.5)
            masks = [first | others, dones & ~first]
        for mask in masks:
            if mask.any():
                envs.reset(options={"reset_mask": mask})


def assert_same(ours: Any, theirs: Any) -> None:
    """Compare keys, types, dtypes and values, whatever holds them."""
    if isinstance(theirs, dict):
        assert list(ours) == list(theirs)
        for key, value in theirs.items():
            assert_same(ours[key], value)
    elif isinstance(theirs, np.ndarray):
        assert ours.dtype == theirs.dtype
        assert np.array_equal(ours, theirs), (ours, theirs)
    else:
        assert ours == theirs


def state_of(envs: Any) -> Infos:
    """Take what users read from the wrapper."""
    return {
        "count": envs.episode_count,
        "returns": envs.episode_returns,
        "lengths": envs.episode_lengths,
        "start_times": envs.episode_start_times,
        "prev_dones": envs.prev_dones,
        **{
            name: (list(queue), queue.maxlen)
            for name in ("time_queue", "return_queue", "length_queue")
            for queue in [getattr(envs, name)]
        },
    }


def check_against_singles(
    envs: Any, num_steps: int, clock: Clock, keys: str = "rlt", *, looks_inside: bool = True
) -> None:
    """Compare every figure with those of the wrappers around the single environments."""
    in_final_info = envs.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP
    ended: dict[str, list[float]] = {key: [] for key in keys}
    for index, (dones, infos) in enumerate(play(envs, num_steps, clock, 0.25)):
        assert ("episode" in infos) == ("_episode" in infos) == dones.any()
        if dones.any():
            expected = (infos["final_info"] if in_final_info else infos)["single"]
            assert np.array_equal(infos["_episode"], dones)
            for key in keys:
                assert np.array_equal(infos["episode"][key], np.where(dones, expected[key], 0))
                ended[key] += expected[key][dones].tolist()
        if looks_inside and index % 50 == 0:
            inner = envs.unwrapped.envs
            assert envs.episode_returns.tolist() == [env.episode_returns for env in inner]
            assert envs.episode_lengths.tolist() == [env.episode_lengths for env in inner]
    assert envs.episode_count == len(ended["r"]) > 0
    for name, key in (("return_queue", "r"), ("length_queue", "l"), ("time_queue", "t")):
        if key in keys:
            assert list(getattr(envs, name)) == ended[key][-100:]


@pytest.mark.parametrize("mode", MODES, ids=MODE_NAMES)
@pytest.mark.parametrize(
    ("num_envs", "num_steps"), [(3, 10_000), (7, 5_000), (64, 1_000), (1024, 100)]
)
def test_figures_are_those_of_single_wrappers(
    mode: AutoresetMode, num_envs: int, num_steps: int, clock: Clock
) -> None:
    envs = RecordEpisodeStatistics(SyncVectorEnv(singles(num_envs), autoreset_mode=mode))
    check_against_singles(envs, num_steps, clock)


@pytest.mark.timeout(3600)
@soak_only
@pytest.mark.parametrize("mode", MODES, ids=MODE_NAMES)
@pytest.mark.parametrize("num_envs", [7, 64, 1024])
def test_figures_are_those_of_single_wrappers_over_10_000_steps(
    mode: AutoresetMode, num_envs: int, clock: Clock
) -> None:
    envs = RecordEpisodeStatistics(SyncVectorEnv(singles(num_envs), autoreset_mode=mode))
    check_against_singles(envs, 10_000, clock)


@pytest.mark.parametrize("mode", MODES, ids=MODE_NAMES)
def test_environments_in_other_processes(mode: AutoresetMode) -> None:
    envs = RecordEpisodeStatistics(AsyncVectorEnv(singles(3), context="spawn", autoreset_mode=mode))
    try:
        # The clocks there are their own, so durations are not compared.
        check_against_singles(envs, 300, Clock(), "rl", looks_inside=False)
    finally:
        envs.close()


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int32, bool])
@pytest.mark.parametrize("num_envs", [1, 5, 300])
@pytest.mark.parametrize("mode", MODES, ids=MODE_NAMES)
def test_everything_is_as_gymnasium_has_it(
    mode: AutoresetMode, num_envs: int, dtype: Any, clock: Clock
) -> None:
    skip_wrong_statistics(mode)

    # A native environment does not take the mask away, so Gymnasium's wrapper is right with it.
    def run(wrapper: Any) -> Iterator[Infos]:
        clock.now = 1000.0
        envs = wrapper(NativeEnv(num_envs, mode, dtype=dtype), 17)
        yield copy.deepcopy(state_of(envs))
        # Durations that are no multiple of a microsecond.
        for dones, infos in play(envs, 150, clock, 0.1234567):
            yield copy.deepcopy({**state_of(envs), "dones": dones, "infos": infos})

    theirs = list(run(gymnasium.wrappers.vector.RecordEpisodeStatistics))
    ours = list(run(RecordEpisodeStatistics))
    assert len(ours) == len(theirs) == 151
    for our_state, their_state in zip(ours, theirs, strict=True):
        assert_same(our_state, their_state)
    assert theirs[-1]["count"] > 0


def test_steps_past_the_end_are_as_gymnasium_has_them(clock: Clock) -> None:
    # Not allowed, but environments that do not look go on.
    both = [
        wrapper(NativeEnv(8, AutoresetMode.DISABLED))
        for wrapper in (
            RecordEpisodeStatistics,
            gymnasium.wrappers.vector.RecordEpisodeStatistics,
        )
    ]
    for envs in both:
        envs.reset()
    for _ in range(100):
        clock.now += 0.5
        (_, our_infos), (_, their_infos) = (act(envs) for envs in both)
        assert_same(our_infos, their_infos)
        assert_same(*(state_of(envs) for envs in both))
    assert both[0].episode_count > 50


def test_native_cartpole(clock: Clock) -> None:
    both = [
        wrapper(gym.make_vec("CartPole-v1", 16, vectorization_mode="vector_entry_point"))
        for wrapper in (
            RecordEpisodeStatistics,
            gymnasium.wrappers.vector.RecordEpisodeStatistics,
        )
    ]
    # Gymnasium's wrapper takes the seed by position as well.
    assert np.array_equal(*(envs.reset(123)[0] for envs in both))
    actions = np.random.default_rng(0)
    for _ in range(300):
        clock.now += 0.01
        chosen = actions.integers(0, 2, 16)
        (_, our_infos), (_, their_infos) = (act(envs, chosen) for envs in both)
        assert_same(our_infos, their_infos)
    assert_same(*(state_of(envs) for envs in both))
    assert both[0].episode_count > 100


@pytest.mark.parametrize("mode", MODES, ids=MODE_NAMES)
def test_a_partial_reset_leaves_the_others_alone(mode: AutoresetMode, clock: Clock) -> None:
    envs = RecordEpisodeStatistics(NativeEnv(4, mode))
    envs.reset()
    while envs.episode_lengths.min() < 2 or envs.prev_dones.any():
        act(envs)
    started, returns, lengths = (
        values.copy()
        for values in (envs.episode_start_times, envs.episode_returns, envs.episode_lengths)
    )
    clock.now += 7
    mask = np.array([False, True, False, True])
    envs.reset(options={"reset_mask": mask})
    assert envs.episode_returns.tolist() == np.where(mask, 0, returns).tolist()
    assert envs.episode_lengths.tolist() == np.where(mask, 0, lengths).tolist()
    assert envs.episode_start_times.tolist() == np.where(mask, clock.now, started).tolist()
    envs.reset()
    assert not envs.episode_returns.any()
    assert not envs.episode_lengths.any()
    assert (envs.episode_start_times == clock.now).all()


def test_masks_that_the_environment_takes_out_of_the_options() -> None:
    # Gymnasium's wrapper looks after that, finds no mask and starts all from zero.
    envs = RecordEpisodeStatistics(SyncVectorEnv(singles(3), autoreset_mode="Disabled"))
    envs.reset()
    while act(envs)[0].any() or envs.episode_lengths.min() < 2:
        if envs.prev_dones.any():
            envs.reset(options={"reset_mask": envs.prev_dones})
    lengths = envs.episode_lengths.tolist()
    options = {"reset_mask": np.array([True, False, False])}
    envs.reset(options=options)
    assert options == {}
    assert envs.episode_lengths.tolist() == [0, *lengths[1:]]


def test_a_reset_that_fails_changes_nothing(clock: Clock) -> None:
    class FailingEnv(NativeEnv):
        def reset(self, **kwargs: Any) -> Any:
            if kwargs["options"]:
                raise OSError("no such level")
            return super().reset(**kwargs)

    envs = RecordEpisodeStatistics(FailingEnv(3))
    envs.reset()
    act(envs)
    before = copy.deepcopy(state_of(envs))
    clock.now += 1
    for options in ({"level": 3}, {"level": 3, "reset_mask": np.array([True, False, False])}):
        with pytest.raises(OSError, match="no such level"):
            envs.reset(options=options)
        assert_same(state_of(envs), before)


@pytest.mark.parametrize("mode", MODES, ids=MODE_NAMES)
def test_arrays_and_dicts_that_are_used_again(mode: AutoresetMode, clock: Clock) -> None:
    envs = RecordEpisodeStatistics(NativeEnv(20, mode, reuses_arrays=True))
    twin = RecordEpisodeStatistics(NativeEnv(20, mode))
    kept = []
    clock_now = clock.now
    for dones, infos in play(envs, 200, clock, 0.5):
        kept.append((dones, infos))
    clock.now = clock_now
    for (_, ours), (_, theirs) in zip(kept, play(twin, 200, clock, 0.5), strict=True):
        assert_same(ours if "episode" in theirs else {}, theirs)
    assert_same(state_of(envs), state_of(twin))
    # What the environment holds has nothing of ours in it.
    assert envs.unwrapped._infos == {}  # type: ignore[attr-defined]


def test_infos_may_be_changed_by_whoever_gets_them() -> None:
    envs = RecordEpisodeStatistics(NativeEnv(50))
    twin = RecordEpisodeStatistics(NativeEnv(50))
    for each in (envs, twin):
        each.reset()
    for _ in range(50):
        _, infos = act(envs)
        act(twin)
        if "episode" in infos:
            infos["_episode"][:] = True
            for values in infos["episode"].values():
                values[:] = -1
    assert_same(envs.episode_returns, twin.episode_returns)
    assert list(envs.return_queue) == list(twin.return_queue)
    assert envs.episode_count == twin.episode_count > 0


def test_prev_dones_can_be_set() -> None:
    envs = RecordEpisodeStatistics(NativeEnv(3))
    envs.reset()
    while envs.prev_dones.any() or not envs.episode_lengths.all():
        act(envs)
    envs.prev_dones[1] = True
    act(envs)
    assert envs.episode_lengths[1] == 0
    envs.prev_dones = np.array([True, True, True])
    act(envs)
    assert envs.episode_lengths.tolist() == [0, 0, 0]


def run_to_end(envs: Any) -> Infos:
    """Step until an episode ends, and give that step's infos."""
    envs.reset()
    for _ in range(1000):
        dones, infos = act(envs)
        if dones.any():
            return infos
    raise AssertionError("no episode ended")


def test_infos_of_the_environment_stay_and_steps_without_an_end_get_none() -> None:
    class LivesEnv(NativeEnv):
        def step(self, actions: Any) -> Any:
            return *super().step(actions)[:4], {"lives": np.ones(self.num_envs)}

    envs = RecordEpisodeStatistics(LivesEnv(2))
    envs.reset()
    seen = set()
    for _ in range(50):
        dones, infos = act(envs)
        assert list(infos) == (["lives", "episode", "_episode"] if dones.any() else ["lives"])
        seen.add(bool(dones.any()))
    assert seen == {True, False}


def test_another_key() -> None:
    envs = RecordEpisodeStatistics(NativeEnv(4), stats_key="totals")
    assert set(run_to_end(envs)) == {"totals", "_totals"}


def test_two_of_them_need_two_keys() -> None:
    inner = RecordEpisodeStatistics(NativeEnv(4))
    infos = run_to_end(RecordEpisodeStatistics(inner, stats_key="again"))
    assert set(infos) == {"episode", "_episode", "again", "_again"}
    for key in ("r", "l"):
        assert_same(infos["again"][key], infos["episode"][key])
    envs = RecordEpisodeStatistics(inner)
    with pytest.raises(StatsKeyError, match=r"stats_key='episode'.*'episode' and '_episode'"):
        run_to_end(envs)
    with pytest.raises(ValueError, match="choose another stats_key"):  # Gymnasium's.
        run_to_end(envs)
    assert envs.episode_count == 0


def test_two_of_them_both_see_the_mask() -> None:
    inner = RecordEpisodeStatistics(SyncVectorEnv(singles(3), autoreset_mode="NextStep"))
    outer = RecordEpisodeStatistics(inner, stats_key="again")
    for _ in play(outer, 100, Clock(), 0.0):
        assert outer.episode_lengths.tolist() == inner.episode_lengths.tolist()
    assert outer.episode_count == inner.episode_count > 0


@pytest.mark.parametrize("key", ["episode", "_episode"])
def test_a_key_that_is_taken(key: str) -> None:
    class TakenEnv(NativeEnv):
        def step(self, actions: Any) -> Any:
            return *super().step(actions)[:4], {key: 1}

    with pytest.raises(StatsKeyError, match=f"have '{key}' already"):
        run_to_end(RecordEpisodeStatistics(TakenEnv(3)))


def test_infos_that_are_no_dict() -> None:
    envs = RecordEpisodeStatistics(DictInfoToList(NativeEnv(2)))
    envs.reset()
    with pytest.raises(GymreelError, match=r"infos=\[.*\] must be a dict"):
        act(envs)
    with pytest.raises(AssertionError):  # Gymnasium's.
        act(envs)


@pytest.mark.parametrize("buffer_length", [0, 1, 5, None])
def test_queues_remember_the_last_episodes(buffer_length: int | None) -> None:
    envs = RecordEpisodeStatistics(NativeEnv(30), buffer_length)
    returns: list[float] = []
    lengths: list[int] = []
    for dones, infos in play(envs, 30, Clock(), 0.0):
        if dones.any():
            returns += infos["episode"]["r"][dones].tolist()
            lengths += infos["episode"]["l"][dones].tolist()
    kept = len(returns) if buffer_length is None else buffer_length
    assert len(returns) > 30
    assert list(envs.return_queue) == returns[len(returns) - kept :]
    assert list(envs.length_queue) == lengths[len(lengths) - kept :]
    assert len(envs.time_queue) == kept
    assert envs.episode_count == len(returns)
    assert type(envs.episode_count) is int


@pytest.mark.parametrize(
    ("buffer_length", "error"), [(-1, ValueError), (2.5, TypeError), ("3", TypeError)]
)
def test_a_wrong_buffer_length_is_named(buffer_length: Any, error: type[Exception]) -> None:
    for module in (RecordEpisodeStatistics, gymnasium.wrappers.vector.RecordEpisodeStatistics):
        with pytest.raises(error):
            module(NativeEnv(2), buffer_length)
    with pytest.raises(ConfigError) as caught:
        RecordEpisodeStatistics(NativeEnv(2), buffer_length)
    assert f"buffer_length={buffer_length!r} must be a whole number from 0" in str(caught.value)


@pytest.mark.parametrize(
    ("mask", "error", "message"),
    [
        (None, TypeError, "=None must be a numpy array of bool"),
        ([True, False, False], TypeError, r"=\[True, False, False\] must be a numpy array"),
        (np.ones(2, bool), ValueError, r"has shape \(2,\); it must have \(3,\)"),
        (np.ones((3, 1), bool), ValueError, r"has shape \(3, 1\)"),
        (np.ones(3, int), TypeError, "has dtype int64; it must have bool"),
        (np.zeros(3, bool), ValueError, "selects no environment"),
    ],
)
def test_a_wrong_mask_is_named(mask: Any, error: type[Exception], message: str) -> None:
    for wrapper, raised in (
        (gymnasium.wrappers.vector.RecordEpisodeStatistics, refusal_by_gymnasium(error)),
        (RecordEpisodeStatistics, error),
    ):
        envs = wrapper(SyncVectorEnv(singles(3)))
        envs.reset()
        act(envs)
        with pytest.raises(raised, match=r"reset_mask"):
            envs.reset(options={"reset_mask": mask})
    before = copy.deepcopy(state_of(envs))
    with pytest.raises(ConfigError, match=rf"options\['reset_mask'\].*{message}"):
        envs.reset(options={"reset_mask": mask})
    assert_same(state_of(envs), before)


def test_a_single_environment_is_refused() -> None:
    with pytest.raises(refusal_by_gymnasium(TypeError)):
        gymnasium.wrappers.vector.RecordEpisodeStatistics(RandomEpisodesEnv(0))  # type: ignore[arg-type]
    with pytest.raises(ConfigTypeError, match=r"env=<.*> must be a gymnasium.vector.VectorEnv"):
        RecordEpisodeStatistics(RandomEpisodesEnv(0))  # type: ignore[arg-type]


def test_an_autoreset_mode_of_another_type_is_refused() -> None:
    envs = NativeEnv(2)
    envs.metadata = {"autoreset_mode": "NextStep"}
    with pytest.raises(refusal_by_gymnasium(TypeError)):
        gymnasium.wrappers.vector.RecordEpisodeStatistics(envs)
    with pytest.raises(ConfigTypeError, match=r"\['autoreset_mode'\]='NextStep' must be one of"):
        RecordEpisodeStatistics(envs)


def test_no_autoreset_mode_is_taken_for_next_step(clock: Clock) -> None:
    with pytest.warns(UserWarning, match="missing `autoreset_mode` tag in its metadata") as caught:
        envs = RecordEpisodeStatistics(NativeEnv(9, None))
    assert [warning.filename for warning in caught] == [__file__]
    twin = RecordEpisodeStatistics(NativeEnv(9, AutoresetMode.NEXT_STEP))
    for each in (envs, twin):
        each.reset()
        for _ in range(100):
            act(each)
    assert_same(state_of(envs), state_of(twin))
    assert envs.episode_count > 0


@pytest.mark.parametrize(
    "duplicate", [copy.deepcopy, lambda envs: pickle.loads(pickle.dumps(envs))]
)
def test_copies_count_on_their_own(duplicate: Any) -> None:
    envs = RecordEpisodeStatistics(NativeEnv(6))
    envs.reset()
    for _ in range(20):
        act(envs)
    twin = duplicate(envs)
    assert_same(state_of(twin), state_of(envs))
    before = copy.deepcopy(state_of(envs))
    for _ in range(20):
        act(twin)
    assert_same(state_of(envs), before)
    for _ in range(20):
        act(envs)
    ours, theirs = state_of(twin), state_of(envs)
    for state in (ours, theirs):
        del state["time_queue"], state["start_times"]
    assert_same(ours, theirs)


def test_arrays_that_are_taken_stay_up_to_date_as_gymnasiums() -> None:
    envs = RecordEpisodeStatistics(NativeEnv(5))
    envs.reset()
    returns, lengths = envs.episode_returns, envs.episode_lengths
    for _ in range(10):
        act(envs)
    assert returns is envs.episode_returns
    assert lengths is envs.episode_lengths
    assert lengths.any()


def test_every_error_pickles() -> None:
    envs = RecordEpisodeStatistics(NativeEnv(3))
    with pytest.raises(ConfigTypeError) as caught:
        envs.reset(options={"reset_mask": 3})
    twin = pickle.loads(pickle.dumps(caught.value))
    assert type(twin) is ConfigTypeError
    assert str(twin) == str(caught.value)
