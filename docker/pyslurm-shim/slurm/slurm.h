/*
 * Lets pyslurm 25.11 build on Slurm 26.05, unpatched.
 *
 * One pyslurm release fits one Slurm release (X.Y) and its build checks that; there is no pyslurm
 * for 26.05 yet. Slurm 26.05's slurm.h has a switch for callers that know the older job-id
 * functions, and two names are all that differs beside it. The headers here stand in front of
 * Slurm's own (SLURM_INCLUDE_DIR) only when the releases differ: see docker/build-pyslurm.
 */
#ifndef SLURM_PLUGIN_SHIM_SLURM_H
#define SLURM_PLUGIN_SHIM_SLURM_H
#define SLURM_BACKWARD_COMPAT
#include "/usr/include/slurm/slurm.h"
#define slurm_free_ctl_conf slurm_free_conf
#define ESLURM_ERROR_ON_DESC_TO_RECORD_COPY SLURM_ERROR
#endif
