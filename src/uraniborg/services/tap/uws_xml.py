"""Jobs and lists of jobs as XML (UWS 1.1)."""

from __future__ import annotations

from collections.abc import Iterable

from uraniborg.catalog.pools import QueryHandle
from uraniborg.services.formats.xml import attribute, element
from uraniborg.services.tap.jobs import Job
from uraniborg.services.tap.times import iso

__all__ = ("job_document", "jobs_document", "parameters_document", "results_document")

_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'
_SPACE = (
    'xmlns:uws="http://www.ivoa.net/xml/UWS/v1.0" xmlns:xlink="http://www.w3.org/1999/xlink" '
    'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
)


def jobs_document(jobs: Iterable[Job], base: str) -> bytes:
    """Return a list of jobs; `base` is its address."""
    parts = [f'{_HEAD}<uws:jobs version="1.1" {_SPACE}>']
    for job in jobs:
        inner = [element("uws:phase", job.phase)]
        if job.run_id:
            inner.append(element("uws:runId", job.run_id))
        inner += [element("uws:ownerId", job.owner), element("uws:creationTime", iso(job.created))]
        start = "<uws:jobref" + attribute(id=job.id, xlink_type="simple", xlink_href=f"{base}/{job.id}")
        parts.append(f"{start}>{''.join(inner)}</uws:jobref>")
    return "\n".join([*parts, "</uws:jobs>\n"]).encode()


def job_document(job: Job, base: str, handle: QueryHandle | None = None) -> bytes:
    """Return a job; `handle` is its query while that runs."""
    parts = [
        f'{_HEAD}<uws:job version="1.1" {_SPACE}>',
        element("uws:jobId", job.id),
        *([element("uws:runId", job.run_id)] if job.run_id else []),
        element("uws:ownerId", job.owner),
        element("uws:phase", job.phase),
        _time("uws:quote", job.quote),
        element("uws:creationTime", iso(job.created)),
        _time("uws:startTime", job.started),
        _time("uws:endTime", job.ended),
        element("uws:executionDuration", int(job.duration)),
        element("uws:destruction", iso(job.destruction)),
        _parameters(job, "uws:parameters"),
        _results(job, base, "uws:results"),
    ]
    if job.phase == "ERROR":
        parts.append(
            '<uws:errorSummary type="fatal" hasError="true">'
            + element("uws:message", job.error)
            + "</uws:errorSummary>"
        )
    if job.phase == "EXECUTING" and handle is not None:
        now = handle.progress
        fraction = "" if now.fraction is None else f"{now.fraction:.4f}"
        info = element(
            "progress", state=handle.state, kind=handle.kind, fraction=fraction, rows=now.rows,
            seconds=f"{now.seconds:.2f}", before=now.position_in_queue, estimate=f"{handle.estimate.seconds:.2f}",
        )  # fmt: skip
        parts.append(f"<uws:jobInfo>{info}</uws:jobInfo>")
    elif job.phase == "COMPLETED":
        info = element(
            "progress", state="completed", fraction="1.0000", rows=job.rows, overflow=str(job.overflow).lower()
        )
        parts.append(f"<uws:jobInfo>{info}</uws:jobInfo>")
    return "\n".join([*parts, "</uws:job>\n"]).encode()


def parameters_document(job: Job) -> bytes:
    """Return the parameters of a job."""
    return (_HEAD + _parameters(job, f"uws:parameters {_SPACE}") + "\n").encode()


def results_document(job: Job, base: str) -> bytes:
    """Return the results of a job."""
    return (_HEAD + _results(job, base, f"uws:results {_SPACE}") + "\n").encode()


def _time(name: str, value: float | None) -> str:
    return f'<{name} xsi:nil="true"/>' if value is None else element(name, iso(value))


def _parameters(job: Job, start: str) -> str:
    shown = {name: value for name, value in job.parameters.items() if not name.startswith("_")}
    inner = "".join(element("uws:parameter", value, id=name) for name, value in shown.items())
    return f"<{start}>{inner}</{start.partition(' ')[0]}>"


def _results(job: Job, base: str, start: str) -> str:
    inner = ""
    if job.result and job.phase == "COMPLETED":
        inner = "<uws:result" + attribute(
            id="result", xlink_type="simple", xlink_href=f"{base}/{job.id}/results/result", size=job.size,
            **{"mime-type": job.media_type},
        ) + "/>"  # fmt: skip
    return f"<{start}>{inner}</{start.partition(' ')[0]}>"
