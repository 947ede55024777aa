/* Slurm's own, but for the release that pyslurm's build compares: 25.11 (0x190b00). */
#include "/usr/include/slurm/slurm_version.h"
#undef SLURM_VERSION_NUMBER
#define SLURM_VERSION_NUMBER 0x190b00
