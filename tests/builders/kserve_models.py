"""A model server of the kserve package, whose models fail where they are asked with a number below zero.

python kserve_models.py PORT NAME...
"""

import sys


def main(port: str, *names: str) -> None:
    """Serve until the process is ended."""
    # kserve reads the command line when it is imported.
    sys.argv[1:] = ["--http_port", port, "--enable_grpc", "false", "--workers", "1"]
    import kserve

    class Served(kserve.Model):  # type: ignore[misc]
        def load(self) -> bool:
            self.ready = True
            return True

        def predict(self, payload: dict, headers: object = None, response_headers: object = None) -> dict:
            if min(payload["instances"]) < 0:
                raise ValueError("a number below zero")
            return {"predictions": payload["instances"]}

    models = [Served(name) for name in names]
    for model in models:
        model.load()
    kserve.ModelServer().start(models)


if __name__ == "__main__":
    main(*sys.argv[1:])
