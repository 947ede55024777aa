#include "/usr/include/slurm/slurmdb.h"
