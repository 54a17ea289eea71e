"""The KFP component `without_search`."""

from kfp.dsl import OutputPath, component

from foldline._image import LAUNCHER


@component(base_image=LAUNCHER, install_kfp_package=False)
def without_search(tuned: OutputPath(dict), search_engine: str = "none", definition: dict = {}):
    """Stand where a search would: give no settings, and refuse a search that no engine runs.

    Args:
        tuned: No settings: training takes its own parameters.
        search_engine: none; anything else is no engine that the pipeline knows.
        definition: The search's definition, which must be empty.
    """
    from foldline.training.without_search.run import run

    run(search_engine, definition, tuned)
