"""Leaves a tree to a daemon by a client that was generated from the description of its API, and looks at everything.

The arguments are the directory of the client, the URL of the daemon, and a token."""

import sys
import time

directory, url, token = sys.argv[1:]
sys.path.insert(0, directory)

from client import AuthenticatedClient  # noqa: E402
from client.api.default import (  # noqa: E402
    delete_series_id,
    get_jobs,
    get_jobs_id,
    get_jobs_id_files,
    get_jobs_id_why,
    get_pairs,
    get_series,
    get_sites,
    get_workers,
    post_jobs,
    post_jobs_id_retry,
)
from client.models import Error, Explanation, Job, JobState, NewJob, Plan, Series  # noqa: E402


def new(**more):
    return NewJob.from_dict(
        {"verb": "copy", "sources": ["one:t"], "dest": "two:", "options": {"recursive": True}, **more}
    )


def is_kind(answer, kind):
    assert isinstance(answer, kind), f"{kind.__name__} was expected: {answer}"
    return answer


with AuthenticatedClient(base_url=url, token=token) as daemon:
    plan = is_kind(post_jobs.sync(client=daemon, body=new(), dry_run=True), Plan)
    assert any(item.additional_properties.get("source") == "one:t/a" for item in plan.plan), plan
    made = is_kind(post_jobs.sync(client=daemon, body=new(id="generated")), Job)
    again = is_kind(post_jobs.sync(client=daemon, body=new(id="generated")), Job)
    assert again.id == made.id
    while (job := is_kind(get_jobs_id.sync(made.id, client=daemon), Job)).ended is None:
        time.sleep(0.05)
    assert (job.state, job.exit_, job.progress.files) == (JobState.DONE, 0, 1), job
    assert [one.id for one in get_jobs.sync(client=daemon, state="done").jobs] == [made.id]
    files = get_jobs_id_files.sync(made.id, client=daemon).files
    assert [(one.source, one.dest, one.attempts) for one in files] == [("one:t/a", "two:t/a", 1)], files
    is_kind(get_jobs_id_why.sync(made.id, client=daemon), Explanation)
    refused = is_kind(post_jobs_id_retry.sync("none", client=daemon), Error)
    assert refused.error.code.value == "not_found", refused
    series = is_kind(post_jobs.sync(client=daemon, body=new(every="1d")), Series)
    assert [one.id for one in get_series.sync(client=daemon).series] == [series.id]
    is_kind(delete_series_id.sync(series.id, client=daemon), Series)
    assert [one.name for one in get_sites.sync(client=daemon).sites] == ["one", "two"]
    assert [one.name for one in get_workers.sync(client=daemon).workers] == ["here"]
    assert [one.source for one in get_pairs.sync(client=daemon).pairs] == ["one"]
    unknown = is_kind(post_jobs.sync(client=daemon, body=new(dest="three:")), Error)
    assert unknown.error.code.value == "unknown_site", unknown
print("all is as it is described")
