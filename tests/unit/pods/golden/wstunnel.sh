#!/bin/bash
# shellcheck disable=SC2016,SC2034,SC2154,SC2317
sp_directory=/data/default-7d9f0c1e-2b3a-4c5d-8e6f-1a2b3c4d5e72
sp_grace_seconds=30
sp_restart_policy=Never
sp_max_log_bytes=0
sp_names=(c0)
sp_kinds=(app)
sp_unpack() {
:
}
sp_before_containers() {
export workingPath=/data/default-7d9f0c1e-2b3a-4c5d-8e6f-1a2b3c4d5e72 SANDBOX=/data/default-7d9f0c1e-2b3a-4c5d-8e6f-1a2b3c4d5e72
export POD_IP=10.244.3.9
eval '( echo tunnel-up; sleep 3600 ) &'
}
sp_after_containers() {
:
}
sp_run_0() {
sp_environment_singularity singularity /data/default-7d9f0c1e-2b3a-4c5d-8e6f-1a2b3c4d5e72/c0_envfile.properties
exec singularity --quiet run --nv --no-eval --containall ${sp_options[@]+"${sp_options[@]}"} busybox
}
sp_enter_0() {
sp_environment_singularity singularity /data/default-7d9f0c1e-2b3a-4c5d-8e6f-1a2b3c4d5e72/c0_envfile.properties
exec singularity --quiet exec --nv --no-eval --containall ${sp_options[@]+"${sp_options[@]}"} busybox "$@"
}
# here: launch

# here: library

sp_main "$@"
