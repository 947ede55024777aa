#include "/usr/include/slurm/slurm_errno.h"
