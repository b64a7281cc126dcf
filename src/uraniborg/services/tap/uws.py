"""The door of jobs: make, watch, change, stop and delete them, and fetch their results (UWS 1.1)."""

from __future__ import annotations

import shutil
import time
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import FileResponse, PlainTextResponse, RedirectResponse, Response

from uraniborg.catalog.pools import QueryRefusedError
from uraniborg.core.errors import UraniborgError, UserError
from uraniborg.services.errors import UnknownThingError
from uraniborg.services.formats.votable import error_document
from uraniborg.services.parameters import Parameters, read_parameters
from uraniborg.services.service import Service, service_of
from uraniborg.services.tap import uws_xml
from uraniborg.services.tap.jobs import ACTIVE, ENDED, Job
from uraniborg.services.tap.requests import receive_uploads
from uraniborg.services.tap.sync import base_of
from uraniborg.services.tap.times import iso, seconds_of

__all__ = ("router",)

router = APIRouter(prefix="/tap/async", tags=["TAP"])

_PHASES = ("PENDING", *ACTIVE, *ENDED, "HELD", "SUSPENDED", "UNKNOWN", "ARCHIVED")
_LONGEST_WAIT = 300.0
_OWN = ("PHASE", "ACTION", "WAIT", "DESTRUCTION", "EXECUTIONDURATION", "RUNID")


def _base(request: Request) -> str:
    return f"{base_of(request)}/tap/async"


def _xml(document: bytes) -> Response:
    return Response(document, media_type="text/xml")


def _see(request: Request, job_id: str = "") -> Response:
    return RedirectResponse(_base(request) + (f"/{job_id}" if job_id else ""), status_code=303)


def _job(request: Request, job_id: str) -> tuple[Service, Job]:
    service = service_of(request)
    return service, service.jobs.get(job_id, service.user(request))


@router.get("")
async def list_jobs(request: Request) -> Response:
    """List the caller's jobs, the newest first."""
    service = service_of(request)
    user = service.user(request)
    parameters = await read_parameters(request)
    phases = [phase.upper() for phase in parameters.values.get("PHASE", [])]
    for phase in phases:
        if phase not in _PHASES:
            raise UserError(f"PHASE is {phase[:40]!r}; there are {', '.join(_PHASES)}")
    after = parameters.one("AFTER")
    jobs = service.jobs.owned_by(
        user, phases=phases, after=seconds_of(after) if after else None, last=parameters.whole("LAST")
    )
    return _xml(uws_xml.jobs_document(jobs, _base(request)))


@router.post("")
async def create_job(request: Request) -> Response:
    """Make a job; it runs at once if PHASE is RUN."""
    service = service_of(request)
    user = service.user(request)
    parameters = await read_parameters(request)
    if service.jobs.count(user) >= service.config.kept_jobs:
        raise QueryRefusedError(f"{user} has {service.config.kept_jobs} jobs; delete some of them first")
    run = _wants_run(parameters)
    if run:
        _check_waiting(service, user)
    values = _values(parameters)
    job = service.jobs.create(
        user, values, duration=service.config.async_seconds, days=service.config.days, run_id=parameters.one("RUNID")
    )
    try:
        await _change(service, job, parameters)
        await _keep_uploads(service, job, parameters)
    except BaseException:
        service.jobs.delete(job.id)
        raise
    _quote(service, service.jobs.get(job.id))
    if run:
        service.runner.queue(job)
    return _see(request, job.id)


def _wants_run(parameters: Parameters) -> bool:
    phase = parameters.one("PHASE").upper()
    if phase not in ("", "RUN"):
        raise UserError(f"PHASE is {phase[:40]!r}; a new job takes PHASE=RUN or none")
    return phase == "RUN"


def _check_waiting(service: Service, user: str) -> None:
    waiting = service.jobs.count(user, ("QUEUED",))
    if waiting >= service.config.waiting_jobs:
        raise QueryRefusedError(f"{waiting} jobs of {user} wait already; start this one when some have ended")


def _values(parameters: Parameters) -> dict[str, str]:
    """Return the parameters that a job keeps."""
    names = [name for name in parameters.values if name not in _OWN and not name.startswith("_")]
    many = {"UPLOAD": ";".join(parameters.values.get("UPLOAD", []))}
    return {name: many.get(name) or parameters.one(name) for name in names}


async def _keep_uploads(service: Service, job: Job, parameters: Parameters) -> None:
    if "UPLOAD" not in parameters.values:
        return
    files = await receive_uploads(parameters, service.jobs.files(job.id), service.config)
    kept = {f"_UPLOAD{name}": file.name for name, file in files.items()}
    service.jobs.update(job, parameters=_merged(service.jobs.get(job.id).parameters, kept))


def _merged(old: dict[str, str], new: dict[str, str]) -> dict[str, str]:
    return {**old, **new}


def _quote(service: Service, job: Job) -> None:
    """Say when the job would be done; a query that cannot be answered tells so when it runs."""
    if any(name.startswith("_UPLOAD") for name in job.parameters) or not job.parameters.get("QUERY"):
        return
    try:
        estimate = service.pools.estimate(job.parameters["QUERY"], user=job.owner)
    except UraniborgError:
        return
    service.jobs.update(job, quote=time.time() + estimate.seconds)


async def _change(service: Service, job: Job, parameters: Parameters) -> None:
    changes: dict[str, Any] = {}
    if text := parameters.one("DESTRUCTION"):
        changes["destruction"] = min(seconds_of(text), time.time() + 4 * service.config.days * 86_400)
    if (seconds := parameters.whole("EXECUTIONDURATION")) is not None:
        most = service.config.most_seconds
        changes["duration"] = min(float(seconds), most) if seconds else most
    if text := parameters.one("RUNID"):
        changes["run_id"] = text[:200]
    if changes:
        service.jobs.update(job, **changes)


@router.get("/{job_id}")
async def show_job(request: Request, job_id: str) -> Response:
    """Show a job; WAIT=seconds answers only when its phase changes."""
    service, job = _job(request, job_id)
    parameters = await read_parameters(request)
    if "WAIT" in parameters.values:
        seconds = parameters.number("WAIT") or 0.0
        phase = parameters.one("PHASE").upper()
        if job.phase in ("PENDING", *ACTIVE) and (not phase or phase == job.phase):
            await service.runner.wait(job, _LONGEST_WAIT if seconds < 0 else min(seconds, _LONGEST_WAIT))
        job = service.jobs.get(job_id, job.owner)
    return _xml(uws_xml.job_document(job, _base(request), service.runner.handle(job_id)))


@router.post("/{job_id}")
async def post_job(request: Request, job_id: str) -> Response:
    """Delete a job (ACTION=DELETE), or change it."""
    service, job = _job(request, job_id)
    parameters = await read_parameters(request)
    action = parameters.one("ACTION").upper()
    if action == "DELETE":
        service.runner.delete(job)
        return _see(request)
    if action:
        raise UserError(f"ACTION is {action[:40]!r}; the only one is DELETE")
    await _change(service, job, parameters)
    if parameters.one("PHASE"):
        _set_phase(service, job, parameters)
    return _see(request, job_id)


@router.delete("/{job_id}")
async def delete_job(request: Request, job_id: str) -> Response:
    """Stop and delete a job."""
    service, job = _job(request, job_id)
    service.runner.delete(job)
    return _see(request)


def _set_phase(service: Service, job: Job, parameters: Parameters) -> None:
    phase = parameters.one("PHASE").upper()
    if phase == "RUN":
        if job.phase == "PENDING":
            _check_waiting(service, job.owner)
            service.runner.queue(job)
    elif phase == "ABORT":
        service.runner.abort(job)
    else:
        raise UserError(f"PHASE is {phase[:40]!r}; write RUN or ABORT")


@router.post("/{job_id}/phase")
async def set_phase(request: Request, job_id: str) -> Response:
    """Run (PHASE=RUN) or stop (PHASE=ABORT) a job."""
    service, job = _job(request, job_id)
    _set_phase(service, job, await read_parameters(request))
    return _see(request, job_id)


@router.post("/{job_id}/parameters")
async def set_parameters(request: Request, job_id: str) -> Response:
    """Change the parameters of a job that does not run yet."""
    service, job = _job(request, job_id)
    if job.phase != "PENDING":
        raise UserError(f"the job is {job.phase}; parameters change only while it is PENDING")
    parameters = await read_parameters(request)
    if "UPLOAD" in parameters.values:
        shutil.rmtree(service.jobs.files(job_id), ignore_errors=True)
    old = {
        name: value
        for name, value in job.parameters.items()
        if "UPLOAD" not in parameters.values or not name.startswith("_UPLOAD")
    }
    service.jobs.update(job, only_in=("PENDING",), parameters=_merged(old, _values(parameters)))
    await _keep_uploads(service, job, parameters)
    return _see(request, job_id)


@router.post("/{job_id}/{what}")
async def set_value(request: Request, job_id: str, what: str) -> Response:
    """Change the time of destruction or the longest duration of a job."""
    service, job = _job(request, job_id)
    if what not in ("destruction", "executionduration"):
        raise UnknownThingError(f"a job has no {what[:40]!r} that can be changed")
    await _change(service, job, await read_parameters(request))
    return _see(request, job_id)


@router.get("/{job_id}/results/{name}")
async def result(request: Request, job_id: str, name: str) -> Response:
    """Send the result of a job."""
    service, job = _job(request, job_id)
    path = service.jobs.files(job_id) / job.result
    if name != "result" or job.phase != "COMPLETED" or not path.is_file():
        raise UnknownThingError(f"the job is {job.phase} and has no result {name[:40]!r}")
    return FileResponse(path, media_type=job.media_type, filename=path.name, content_disposition_type="inline")


@router.get("/{job_id}/{what}")
async def show_value(request: Request, job_id: str, what: str) -> Response:
    """Show one thing about a job."""
    _, job = _job(request, job_id)
    texts = {
        "phase": job.phase,
        "owner": job.owner,
        "executionduration": str(int(job.duration)),
        "destruction": iso(job.destruction),
        "quote": iso(job.quote) if job.quote is not None else "",
    }
    if what in texts:
        return PlainTextResponse(texts[what])
    if what == "parameters":
        return _xml(uws_xml.parameters_document(job))
    if what == "results":
        return _xml(uws_xml.results_document(job, _base(request)))
    if what == "error":
        text = job.error if job.phase == "ERROR" else f"the job is {job.phase}; there is no error"
        return Response(error_document(text), media_type="application/x-votable+xml")
    raise UnknownThingError(f"a job has no {what[:40]!r}")
