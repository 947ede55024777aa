# cython: language_level=3, boundscheck=False, binding=False
"""Job queries that pyslurm has no call for: one user's jobs, unchanged tables, no details, no GIL.

Built on the user's host by `python -m slurm_plugin.slurm.native.build`, as the module
`slurm_plugin_fastquery`, against pyslurm's own declarations (GPL-2.0-only, hence source only).
It may be loaded only after `pyslurm.slurm_init()` has set up libslurm.

A row is (job id, raw job_state, raw exit status, reason, submit, start, end, nodes, restarts,
time limit, user id), as in slurm.h, texts as bytes. Named rows have name and comment behind that.
"""

from libc.stdint cimport uint16_t, uint32_t
from libc.time cimport time_t

from pyslurm cimport slurm
from pyslurm.slurm cimport job_info_msg_t, slurm_job_info_t


# pyslurm declares these as needing the GIL.
cdef extern from "slurm/slurm.h" nogil:
    int slurm_load_jobs(time_t update_time, job_info_msg_t **answer, uint16_t show_flags)
    int slurm_load_job_user(job_info_msg_t **answer, uint32_t user_id, uint16_t show_flags)
    int slurm_load_job(job_info_msg_t **answer, uint32_t job_id, uint16_t show_flags)
    void slurm_free_job_info_msg(job_info_msg_t *answer)
    char *slurm_strerror(int number)
    long slurm_api_version()
    uint16_t SHOW_ALL
    uint16_t SHOW_LOCAL

cdef extern from "slurm/slurm_errno.h" nogil:
    int SLURM_NO_CHANGE_IN_DATA

cdef extern from "errno.h" nogil:
    int errno

# pyslurm 25.11 and later have the job id in a step id. The reason's name is not in slurm.h.
cdef extern from *:
    """
    #if SLURM_VERSION_NUMBER >= SLURM_VERSION_NUM(25, 11, 0)
    #define SP_JOB_ID(job) ((job)->step_id.job_id)
    #else
    #define SP_JOB_ID(job) ((job)->job_id)
    #endif
    extern char *slurm_job_state_reason_string(int number);
    """
    uint32_t SP_JOB_ID(slurm_job_info_t *job)
    const char *slurm_job_state_reason_string(int number)
    # Given by the build: what slurm_api_version() said of the library it linked.
    long SP_BUILT_FOR

# Hidden partitions, too, without detail; without SHOW_LOCAL each query is preceded by one about
# federations.
cdef uint16_t _FLAGS = SHOW_ALL | SHOW_LOCAL

built_for = SP_BUILT_FOR


def library():
    """Number of the libslurm that is loaded; where it is not `built_for`, call nothing else."""
    return slurm_api_version()


def jobs_of_user(uint32_t user_id, wanted=None, bint named=False):
    """Rows of one user's jobs; `wanted` limits them to these ids.

    Raises:
        OSError: with libslurm's errno and words.
    """
    cdef job_info_msg_t *answer = NULL
    cdef int failed
    cdef int number
    with nogil:
        failed = slurm_load_job_user(&answer, user_id, _FLAGS)
        number = failed if failed > 0 else errno
    if failed:
        _fail(number)
    return _rows(answer, wanted, named)


def all_jobs(time_t since, wanted=None, bint named=False):
    """Time stamp and rows of all jobs; None where nothing changed since the time stamp `since`.

    Raises:
        OSError: with libslurm's errno and words.
    """
    cdef job_info_msg_t *answer = NULL
    cdef int failed
    cdef int number
    with nogil:
        failed = slurm_load_jobs(since, &answer, _FLAGS)
        number = failed if failed > 0 else errno
    if failed:
        if number == SLURM_NO_CHANGE_IN_DATA:
            return None
        _fail(number)
    cdef time_t stamp = answer.last_update
    return stamp, _rows(answer, wanted, named)


def one_job(uint32_t job_id):
    """Named rows for one id: several where it is an array's or a heterogeneous job's.

    Raises:
        OSError: with libslurm's errno and words; 2017 for an unknown id.
    """
    cdef job_info_msg_t *answer = NULL
    cdef int failed
    cdef int number
    with nogil:
        failed = slurm_load_job(&answer, job_id, _FLAGS)
        number = failed if failed > 0 else errno
    if failed:
        _fail(number)
    return _rows(answer, None, True)


cdef _fail(int number):
    raise OSError(number, (<bytes>slurm_strerror(number)).decode("utf-8", "replace"))


cdef list _rows(job_info_msg_t *answer, wanted, bint named):
    """Read and free an answer."""
    cdef list rows = []
    cdef slurm_job_info_t *job
    cdef uint32_t index
    try:
        for index in range(answer.record_count):
            job = &answer.job_array[index]
            if wanted is None or SP_JOB_ID(job) in wanted:
                rows.append(_row(job) + _texts(job) if named else _row(job))
    finally:
        slurm_free_job_info_msg(answer)
    return rows


cdef tuple _row(slurm_job_info_t *job):
    return (
        SP_JOB_ID(job),
        job.job_state,
        job.exit_code,
        _bytes(job.state_desc) or _bytes(slurm_job_state_reason_string(job.state_reason)),
        job.submit_time,
        job.start_time,
        job.end_time,
        _bytes(job.nodes),
        job.restart_cnt,
        job.time_limit,
        job.user_id,
    )


cdef tuple _texts(slurm_job_info_t *job):
    return _bytes(job.name), _bytes(job.comment)


cdef bytes _bytes(const char *text):
    return b"" if text is NULL else <bytes>text
