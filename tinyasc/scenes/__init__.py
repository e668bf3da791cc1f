"""The embedded data set: ten procedurally made scenes, several cities and nine devices, in TAU's own layout.

It lets every stage be run and compared without a download. Accuracies on it say nothing about real scenes.

    world        size and hardness of the set, and what differs from city to city
    synthesis    building blocks: noise, tones, events in time
    people, vehicles, surroundings    the sources
    places       the scenes as mixtures of sources, and one recording
    devices      what a device makes of a recording
    write        the plan of the set, and its files
"""

from tinyasc.scenes.world import ScenesConfig
from tinyasc.scenes.write import write

__all__ = ["ScenesConfig", "write"]
