"""The KFP component `choose_windows`."""

from kfp.dsl import OutputPath, component

from foldline._image import LAUNCHER


@component(base_image=LAUNCHER, install_kfp_package=False)
def choose_windows(
    time_start: OutputPath(str), time_end: OutputPath(str), model_version: OutputPath(str),
    store_uri: str, model_name: str, every: str = "7d", until: str = "", most_windows: int = 26,
):  # fmt: skip
    """Name the champion, and the time since its training in whole windows.

    Args:
        time_start: First time of the windows, inclusive, in ISO 8601.
        time_end: End of the windows, exclusive.
        model_version: The champion's version in the store.
        store_uri: Folder or bucket (s3://bucket/prefix) of the model store.
        model_name: Name of the model in the store.
        every: Length of a window, as 7d.
        until: The newest window ends at this time or before, in ISO 8601; now when empty.
        most_windows: Of more, the newest are taken.
    """
    from foldline.operations.choose_windows.run import run

    run(time_start, time_end, model_version, store_uri=store_uri, model_name=model_name, every=every, until=until,
        most_windows=most_windows)  # fmt: skip
