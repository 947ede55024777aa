"""How long a finished pod is kept when its delete never came."""

from slurm_plugin.jobs.record import PodRecord

# The Virtual Kubelet asks every few seconds, but it may be away for a while: a pod that is removed
# before it heard of the end would be a failed pod to it.
_SHORTEST = 3600.0


def expired(pod: PodRecord, now: float, retain_seconds: float) -> bool:
    """Whether a finished pod may go.

    Args:
        pod: its record.
        now: epoch seconds.
        retain_seconds: RetainFinishedSeconds; less than an hour counts as an hour.
    """
    if pod.delete_requested is not None:
        return False
    if pod.final is not None:
        ended = pod.final.decided
    elif pod.phase == "refused":
        ended = pod.created
    else:
        return False
    return now - ended > max(retain_seconds, _SHORTEST)
