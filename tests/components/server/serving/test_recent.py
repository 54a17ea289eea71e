"""The last answers of a server, which it tells whoever does not come by way of a router."""

import http.client
import json

import numpy as np
import pytest

from builders import models, serving
from foldline.artifacts import Task
from foldline.serving.requests import ask
from foldline.serving.server.recent import PAGE, Recent


@pytest.mark.parametrize(
    ("task", "predictions", "said"),
    [
        (models.BINARY, [[0.4999], [0.5]], [0, 1]),
        (models.SIZES, [[0.2, 0.5, 0.3], [0.6, 0.1, 0.3]], [1, 0]),
        (models.DELAY, [[-3.25], [4.0]], [-3.25, 4.0]),
    ],
)
def test_of_a_row_the_class_or_the_value_is_kept(task: Task, predictions: list[list[float]], said: list[float]) -> None:
    recent = Recent(task)
    recent.add("a", np.array(predictions, np.float32))
    assert recent.after(0)["answers"] == [("a", said)]


def test_only_the_last_rows_are_kept_and_a_reader_goes_on_where_it_was() -> None:
    recent = Recent(models.DELAY, most_rows=10)
    for number in range(8):
        recent.add(str(number), np.full((2, 1), number, np.float32))
    recent.add("", np.zeros((1, 1), np.float32))
    recent.add("large", np.zeros((257, 1), np.float32))
    page = recent.after(0)
    assert ([identity for identity, _ in page["answers"]], page["next"]) == (["3", "4", "5", "6", "7"], 8)
    assert recent.after(8)["answers"] == []
    recent.add("8", np.zeros((1, 1), np.float32))
    assert [identity for identity, _ in recent.after(8)["answers"]] == ["8"]
    assert recent.after(1000)["answers"] == []


def test_an_answer_has_a_page_and_the_next_one_follows() -> None:
    recent = Recent(models.DELAY)
    for number in range(PAGE + 1):
        recent.add(str(number), np.zeros((1, 1), np.float32))
    first = recent.after(0)
    assert (len(first["answers"]), first["next"]) == (PAGE, PAGE)
    assert recent.after(first["next"])["answers"] == [(str(PAGE), [0.0])]


def test_a_server_tells_its_answers_but_not_to_users(server: serving.Server) -> None:
    def asked(path: str, **headers: str) -> tuple[int, dict]:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        body = json.dumps({"instances": [{"distance": 3.0}]}) if path.endswith("predict") else None
        connection.request("POST" if body else "GET", path, body, headers)
        answer = connection.getresponse()
        content = json.loads(answer.read())
        connection.close()
        return answer.status, content

    following = asked("/answers?after=0")[1]["next"]
    assert asked("/v1/models/late:predict", **{"x-request-id": "of a test"})[0] == 200
    status, told = asked(f"/answers?after={following}")
    assert (status, told["answers"]) == (200, [["of a test", [1]]])
    assert asked("/answers?after=0", **{"x-forwarded-for": "10.0.0.1"})[0] == 404
    assert asked("/answers?after=-1")[0] == 404
    assert ask("127.0.0.1", server.port, "GET", "/answers").status == 200
