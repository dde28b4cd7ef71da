"""The nearest of N vectors: SearchVectors in process and over HTTP beside numpy and faiss (exact, IndexFlat).

Every engine answers the same queries in turn, on one thread, round by round, and the answers are compared before
the clock: the same items, scores to 1e-5. numpy and faiss hold a matrix and answer row numbers; SearchVectors
also reads the query from text, finds the items and encodes them. `pip install faiss-cpu` for the third column.
"""

from __future__ import annotations

import json
import os
import statistics
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy
import pytest

from cloudcore.dynamodb import DynamoDB

ROUNDS, K = 30, 10
SHAPES = [(10_000, 128), (10_000, 1536), (50_000, 128)]


@pytest.fixture(scope="module", params=SHAPES, ids=lambda shape: f"{shape[0]}x{shape[1]}")
def loaded(request):
    rows, dimensions = request.param
    matrix = numpy.random.default_rng(1).standard_normal((rows, dimensions), numpy.float32)
    matrix /= numpy.linalg.norm(matrix, axis=1, keepdims=True)
    with DynamoDB() as db:
        db.call("CreateTable", {
            "TableName": "things", "BillingMode": "PAY_PER_REQUEST",
            "KeySchema": [{"AttributeName": "p", "KeyType": "HASH"}],
            "AttributeDefinitions": [{"AttributeName": "p", "AttributeType": "S"}],
            "VectorIndexes": [{"IndexName": "vix", "VectorAttribute": {"AttributeName": "v"},
                               "Dimensions": dimensions, "DistanceFunction": "COSINE",
                               "Projection": {"ProjectionType": "KEYS_ONLY"}}],
        })  # fmt: skip
        for i, row in enumerate(matrix.tolist()):
            item = {"p": str(i), "v": row}
            db.tables.execute("PutItem", {"TableName": "things", "Item": item}, "native", True)
        yield db, matrix


def by_cloudcore(db, query):
    numbers = [{"N": repr(x)} for x in query.tolist()]
    body = json.dumps(
        {"TableName": "things", "IndexName": "vix", "TopK": K, "SearchVector": numbers}
    ).encode()

    def run():
        return db.call_json("SearchVectors", body)[1]

    def read(answer):
        results = json.loads(answer)["SearchResults"]
        return [int(r["Item"]["p"]["S"]) for r in results], [1 - r["Score"] for r in results]

    return run, read


def by_numpy(matrix, query):
    def run():
        scores = matrix @ query
        best = numpy.argpartition(-scores, K)[:K]
        best = best[numpy.argsort(-scores[best])]
        return best, scores[best]

    return run, lambda answer: (answer[0].tolist(), answer[1].tolist())


def by_faiss(flat, query):
    def run():
        return flat.search(query[None, :], K)

    return run, lambda answer: (answer[1][0].tolist(), answer[0][0].tolist())


@pytest.mark.benchmark(group="vectors")
def test_nearest(benchmark, loaded):
    db, matrix = loaded
    faiss = pytest.importorskip("faiss", reason="pip install faiss-cpu")
    faiss.omp_set_num_threads(1)
    flat = faiss.IndexFlatIP(matrix.shape[1])
    flat.add(matrix)
    took = {"cloudcore": [], "numpy": [], "faiss": []}
    benchmark.pedantic(run_rounds, args=(db, matrix, flat, took), rounds=1)
    middle = {name: statistics.median(times) * 1e3 for name, times in took.items()}
    ratios = {name: round(middle["cloudcore"] / middle[name], 2) for name in ("numpy", "faiss")}
    benchmark.extra_info.update({f"{name}_ms": round(ms, 3) for name, ms in middle.items()} | ratios)
    shown = "  ".join(f"{name} {ms:.3f} ms" for name, ms in middle.items())
    print(f"\n{matrix.shape[0]:,} x {matrix.shape[1]}, top {K}: {shown}, ratios {ratios}")


def run_rounds(db, matrix, flat, took):
    """All engines on the same queries, in turn; their times go to `took`."""
    random = numpy.random.default_rng(2)
    for _ in range(ROUNDS):
        query = random.standard_normal(matrix.shape[1], numpy.float32)
        query /= numpy.linalg.norm(query)
        engines = {
            "cloudcore": by_cloudcore(db, query),
            "numpy": by_numpy(matrix, query),
            "faiss": by_faiss(flat, query),
        }
        answers = []
        for name, (run, read) in engines.items():
            began = time.perf_counter()
            answer = run()
            took[name].append(time.perf_counter() - began)
            answers.append(read(answer))
        for keys, scores in answers[1:]:
            assert keys == answers[0][0]
            assert numpy.allclose(scores, answers[0][1], atol=1e-5)
