"""Metrics for Prometheus: of requests, of the queue, of stages, and of verdicts."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi import FastAPI, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_fastapi_instrumentator import Instrumentator

from pipeline.export.stored_scene import StoredScene
from pipeline.records import Result, Status
from pipeline.serve.records import Job, JobState
from pipeline.serve.routes.documented import problems
from pipeline.serve.service import Service
from pipeline.serve.settings import StoreSettings
from pipeline.serve.store.store import Store

_SECONDS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0)
_SIZES = (1, 2, 4, 8, 16, 32, 64)


class Metrics:
    """Counts what happens, in any thread."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._jobs = self._counter("jobs", "Jobs that ended, by their state.", "state")
        self._verdicts = self._counter("verdicts", "Verdicts, by their status.", "status")
        self._stages = Histogram(
            "theodolite_stage_seconds", "Time of a stage [s].", ["stage"], buckets=_SECONDS, registry=self.registry
        )
        self._batches = Histogram(
            "theodolite_batch_questions", "Questions answered together.", buckets=_SIZES, registry=self.registry
        )
        for status in Status:
            self._verdicts.labels(str(status))
        for state in JobState:
            if state.is_final:
                self._jobs.labels(str(state))

    def _counter(self, name: str, words: str, label: str) -> Counter:
        return Counter(f"theodolite_{name}", words, [label], registry=self.registry)

    def job_ended(self, state: JobState) -> None:
        """Count a job that reached a final state."""
        self._jobs.labels(str(state)).inc()

    def batch(self, questions: int) -> None:
        """Count questions that the model answers together."""
        self._batches.observe(questions)

    def result(self, result: Result) -> None:
        """Count the verdicts of a result, and the time of its stages."""
        for verdict in result.verdicts:
            self._verdicts.labels(str(verdict.status)).inc()
        for stage, seconds in result.seconds.items():
            self._stages.labels(stage).observe(seconds)


class CountingStore(Store):
    """A store that counts the jobs that end in it and the results that it keeps.

    Args:
        settings: As of ``Store``.
    """

    def __init__(self, settings: StoreSettings) -> None:
        self.metrics = Metrics()
        super().__init__(settings)

    def update_job(self, job: Job) -> None:
        """See ``Store``."""
        super().update_job(job)
        if job.state.is_final:
            self.metrics.job_ended(job.state)

    def add_result(self, result: Result, stored: StoredScene, scene: str, job: str) -> str:
        """See ``Store``."""
        result_id = super().add_result(result, stored, scene, job)
        self.metrics.result(result)
        return result_id


class _Now:
    """What holds at the moment at which metrics are read.

    Args:
        service: The service.
    """

    def __init__(self, service: Service) -> None:
        self._service = service

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The values, as ``CollectorRegistry`` asks for them."""
        jobs = self._service.describe()["jobs"]
        for name, words, value in (
            ("queue_jobs", "Jobs that wait.", jobs["waiting"]),
            ("running_jobs", "Jobs that run.", jobs["running"]),
            ("ready", "Whether the models are loaded.", int(self._service.is_ready)),
        ):
            yield GaugeMetricFamily(f"theodolite_{name}", words, value=value)


def install_metrics(app: FastAPI, service: Service) -> None:
    """Count the requests of an application, and serve all metrics under ``/metrics``.

    Args:
        app: The application.
        service: Its service; one with a ``CountingStore`` counts jobs, verdicts and stages too.
    """
    metrics = service.store.metrics if isinstance(service.store, CountingStore) else Metrics()
    metrics.registry.register(_Now(service))
    service.on_batch = metrics.batch
    counted = Instrumentator(registry=metrics.registry, excluded_handlers=["^/healthz$", "^/metrics$"])
    counted.instrument(app, metric_namespace="theodolite", latency_lowr_buckets=_SECONDS)

    @app.get(
        "/metrics",
        summary="Metrics for Prometheus",
        tags=["about"],
        response_class=Response,
        responses={
            200: {"description": "Prometheus' text form.", "content": {"text/plain": {"schema": {"type": "string"}}}},
            **problems(),
        },
    )
    def all_metrics() -> Response:
        """Requests, queue, stages, batches and verdicts in Prometheus' text form."""
        return Response(generate_latest(metrics.registry), headers={"Content-Type": CONTENT_TYPE_LATEST})
