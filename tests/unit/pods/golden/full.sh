#!/bin/bash
# shellcheck disable=SC2016,SC2034,SC2154,SC2317
sp_directory=/data/default-0b1f3c52-6f0e-4b5e-9d2c-3a1f6f2c9e01
sp_grace_seconds=30
sp_restart_policy=Never
sp_max_log_bytes=0
sp_names=(fetch check main sidecar)
sp_kinds=(init init app app)
sp_unpack() {
sp_memory_directory /dev/shm/slurm-plugin-0b1f3c52-6f0e-4b5e-9d2c-3a1f6f2c9e01-shm || return
sp_node_path Directory /scratch/project 'spec.volumes[6].hostPath' || return
}
sp_before_containers() {
export workingPath=/data/default-0b1f3c52-6f0e-4b5e-9d2c-3a1f6f2c9e01 SANDBOX=/data/default-0b1f3c52-6f0e-4b5e-9d2c-3a1f6f2c9e01
printf '%s\n' 'note: spec.securityContext.fsGroup has no effect; the job'"'"'s own group owns the files'
((EUID == 1000)) || printf '%s %s\n' 'note: the pod asks for user 1000, its job runs as' "$EUID"
eval 'module load apptainer
export FOO=bar'
}
sp_after_containers() {
rm -rf -- /dev/shm/slurm-plugin-0b1f3c52-6f0e-4b5e-9d2c-3a1f6f2c9e01-shm
}
sp_prepare_0() {
sp_cached_image IfNotPresent /shared/images/1000/ec95dfb0234f2beb2ab90fd07138bb6140495996.sif docker://busybox:1.36 singularity pull --force
}
sp_run_0() {
sp_environment_singularity singularity /data/default-0b1f3c52-6f0e-4b5e-9d2c-3a1f6f2c9e01/fetch_envfile.properties
exec singularity --quiet exec --nv --no-eval --containall --fakeroot --bind /data/default-0b1f3c52-6f0e-4b5e-9d2c-3a1f6f2c9e01/emptyDirs/scratch:/scratch:rw --bind /data/default-0b1f3c52-6f0e-4b5e-9d2c-3a1f6f2c9e01/projectedVolumeMaps/kube-api-access-7xk2p:/var/run/secrets/kubernetes.io/serviceaccount:ro ${sp_options[@]+"${sp_options[@]}"} /shared/images/1000/ec95dfb0234f2beb2ab90fd07138bb6140495996.sif sh -c 'echo init > /scratch/init.txt'
}
sp_enter_0() {
sp_environment_singularity singularity /data/default-0b1f3c52-6f0e-4b5e-9d2c-3a1f6f2c9e01/fetch_envfile.properties
exec singularity --quiet exec --nv --no-eval --containall --fakeroot --bind /data/default-0b1f3c52-6f0e-4b5e-9d2c-3a1f6f2c9e01/emptyDirs/scratch:/scratch:rw --bind /data/default-0b1f3c52-6f0e-4b5e-9d2c-3a1f6f2c9e01/projectedVolumeMaps/kube-api-access-7xk2p:/var/run/secrets/kubernetes.io/serviceaccount:ro ${sp_options[@]+"${sp_options[@]}"} /shared/images/1000/ec95dfb0234f2beb2ab90fd07138bb6140495996.sif "$@"
}
sp_prepare_1() {
sp_cached_image IfNotPresent /shared/images/1000/ec95dfb0234f2beb2ab90fd07138bb6140495996.sif docker://busybox:1.36 singularity pull --force
}
sp_run_1() {
sp_environment_singularity singularity /data/default-0b1f3c52-6f0e-4b5e-9d2c-3a1f6f2c9e01/check_envfile.properties
exec singularity --quiet exec --nv --no-eval --containall --fakeroot --bind /data/default-0b1f3c52-6f0e-4b5e-9d2c-3a1f6f2c9e01/configMaps/cfg:/etc/app:ro --bind /data/default-0b1f3c52-6f0e-4b5e-9d2c-3a1f6f2c9e01/emptyDirs/scratch:/scratch:rw --bind /data/default-0b1f3c52-6f0e-4b5e-9d2c-3a1f6f2c9e01/projectedVolumeMaps/kube-api-access-7xk2p:/var/run/secrets/kubernetes.io/serviceaccount:ro ${sp_options[@]+"${sp_options[@]}"} /shared/images/1000/ec95dfb0234f2beb2ab90fd07138bb6140495996.sif sh -c 'test -s /scratch/init.txt'
}
sp_enter_1() {
sp_environment_singularity singularity /data/default-0b1f3c52-6f0e-4b5e-9d2c-3a1f6f2c9e01/check_envfile.properties
exec singularity --quiet exec --nv --no-eval --containall --fakeroot --bind /data/default-0b1f3c52-6f0e-4b5e-9d2c-3a1f6f2c9e01/configMaps/cfg:/etc/app:ro --bind /data/default-0b1f3c52-6f0e-4b5e-9d2c-3a1f6f2c9e01/emptyDirs/scratch:/scratch:rw --bind /data/default-0b1f3c52-6f0e-4b5e-9d2c-3a1f6f2c9e01/projectedVolumeMaps/kube-api-access-7xk2p:/var/run/secrets/kubernetes.io/serviceaccount:ro ${sp_options[@]+"${sp_options[@]}"} /shared/images/1000/ec95dfb0234f2beb2ab90fd07138bb6140495996.sif "$@"
}
sp_prepare_2() {
sp_cached_image IfNotPresent /shared/images/1000/a4bbd23e91cd04428ba552c2a05cb305e3510954.sif docker://python:3.12-slim singularity pull --force
}
sp_run_2() {
sp_environment_singularity singularity /data/default-0b1f3c52-6f0e-4b5e-9d2c-3a1f6f2c9e01/main_envfile.properties
exec singularity --quiet exec --nv --no-eval --containall --fakeroot --bind /data/default-0b1f3c52-6f0e-4b5e-9d2c-3a1f6f2c9e01/hook-tmp/main:/tmp:rw --bind /projects/claims/my-pvc:/claim:rw --bind /scratch/project:/data:rw --bind /dev/shm/slurm-plugin-0b1f3c52-6f0e-4b5e-9d2c-3a1f6f2c9e01-shm:/dev/shm:rw --bind /data/default-0b1f3c52-6f0e-4b5e-9d2c-3a1f6f2c9e01/configMaps/cfg:/etc/app:ro --bind /data/default-0b1f3c52-6f0e-4b5e-9d2c-3a1f6f2c9e01/secrets/creds:/etc/creds:ro --bind /data/default-0b1f3c52-6f0e-4b5e-9d2c-3a1f6f2c9e01/configMaps/cfg-items:/etc/items:ro --bind /data/default-0b1f3c52-6f0e-4b5e-9d2c-3a1f6f2c9e01/projectedVolumeMaps/podinfo:/etc/podinfo:ro --bind /data/default-0b1f3c52-6f0e-4b5e-9d2c-3a1f6f2c9e01/configMaps/cfg/app.yaml:/opt/app.yaml:ro --bind /data/default-0b1f3c52-6f0e-4b5e-9d2c-3a1f6f2c9e01/emptyDirs/scratch:/scratch:rw --bind /data/default-0b1f3c52-6f0e-4b5e-9d2c-3a1f6f2c9e01/projectedVolumeMaps/kube-api-access-7xk2p:/var/run/secrets/kubernetes.io/serviceaccount:ro --pwd /work ${sp_options[@]+"${sp_options[@]}"} /shared/images/1000/a4bbd23e91cd04428ba552c2a05cb305e3510954.sif python -u -c 'import time; print('"'"'it'"'"''"'"'s "quoted" $HOME'"'"'); time.sleep(5)'
}
sp_enter_2() {
sp_environment_singularity singularity /data/default-0b1f3c52-6f0e-4b5e-9d2c-3a1f6f2c9e01/main_envfile.properties
exec singularity --quiet exec --nv --no-eval --containall --fakeroot --bind /data/default-0b1f3c52-6f0e-4b5e-9d2c-3a1f6f2c9e01/hook-tmp/main:/tmp:rw --bind /projects/claims/my-pvc:/claim:rw --bind /scratch/project:/data:rw --bind /dev/shm/slurm-plugin-0b1f3c52-6f0e-4b5e-9d2c-3a1f6f2c9e01-shm:/dev/shm:rw --bind /data/default-0b1f3c52-6f0e-4b5e-9d2c-3a1f6f2c9e01/configMaps/cfg:/etc/app:ro --bind /data/default-0b1f3c52-6f0e-4b5e-9d2c-3a1f6f2c9e01/secrets/creds:/etc/creds:ro --bind /data/default-0b1f3c52-6f0e-4b5e-9d2c-3a1f6f2c9e01/configMaps/cfg-items:/etc/items:ro --bind /data/default-0b1f3c52-6f0e-4b5e-9d2c-3a1f6f2c9e01/projectedVolumeMaps/podinfo:/etc/podinfo:ro --bind /data/default-0b1f3c52-6f0e-4b5e-9d2c-3a1f6f2c9e01/configMaps/cfg/app.yaml:/opt/app.yaml:ro --bind /data/default-0b1f3c52-6f0e-4b5e-9d2c-3a1f6f2c9e01/emptyDirs/scratch:/scratch:rw --bind /data/default-0b1f3c52-6f0e-4b5e-9d2c-3a1f6f2c9e01/projectedVolumeMaps/kube-api-access-7xk2p:/var/run/secrets/kubernetes.io/serviceaccount:ro --pwd /work ${sp_options[@]+"${sp_options[@]}"} /shared/images/1000/a4bbd23e91cd04428ba552c2a05cb305e3510954.sif "$@"
}
sp_probe_delay[6]=0 sp_probe_period[6]=5 sp_probe_timeout[6]=1 sp_probe_success[6]=1 sp_probe_failure[6]=12
sp_probe_check_6() { sp_check_exec 2 cat /tmp/started; }
sp_probe_delay[7]=2 sp_probe_period[7]=10 sp_probe_timeout[7]=1 sp_probe_success[7]=1 sp_probe_failure[7]=3
sp_probe_check_7() { sp_check_http HTTP 127.0.0.1 8080 /healthz 'Host: 127.0.0.1:8080' 'User-Agent: kube-probe/1.0' 'Accept: */*'; }
sp_probe_delay[8]=0 sp_probe_period[8]=10 sp_probe_timeout[8]=1 sp_probe_success[8]=1 sp_probe_failure[8]=3
sp_probe_check_8() { sp_check_http HTTP 127.0.0.1 8080 /livez 'Host: 127.0.0.1:8080' 'User-Agent: kube-probe/1.0' 'Accept: */*'; }
sp_post_start_2() { sp_check_exec 2 /bin/sh -c 'touch /tmp/poststart'; }
sp_pre_stop_2() { sp_check_exec 2 /bin/sh -c 'echo bye'; }
sp_prepare_3() {
sp_cached_image IfNotPresent /shared/images/1000/ec95dfb0234f2beb2ab90fd07138bb6140495996.sif docker://busybox:1.36 singularity pull --force
}
sp_run_3() {
sp_environment_singularity singularity /data/default-0b1f3c52-6f0e-4b5e-9d2c-3a1f6f2c9e01/sidecar_envfile.properties
exec singularity --quiet run --nv --no-eval --containall --fakeroot --bind /data/default-0b1f3c52-6f0e-4b5e-9d2c-3a1f6f2c9e01/emptyDirs/scratch:/scratch:ro --bind /data/default-0b1f3c52-6f0e-4b5e-9d2c-3a1f6f2c9e01/projectedVolumeMaps/kube-api-access-7xk2p:/var/run/secrets/kubernetes.io/serviceaccount:ro ${sp_options[@]+"${sp_options[@]}"} /shared/images/1000/ec95dfb0234f2beb2ab90fd07138bb6140495996.sif sh -c 'tail -F /scratch/log'
}
sp_enter_3() {
sp_environment_singularity singularity /data/default-0b1f3c52-6f0e-4b5e-9d2c-3a1f6f2c9e01/sidecar_envfile.properties
exec singularity --quiet exec --nv --no-eval --containall --fakeroot --bind /data/default-0b1f3c52-6f0e-4b5e-9d2c-3a1f6f2c9e01/emptyDirs/scratch:/scratch:ro --bind /data/default-0b1f3c52-6f0e-4b5e-9d2c-3a1f6f2c9e01/projectedVolumeMaps/kube-api-access-7xk2p:/var/run/secrets/kubernetes.io/serviceaccount:ro ${sp_options[@]+"${sp_options[@]}"} /shared/images/1000/ec95dfb0234f2beb2ab90fd07138bb6140495996.sif "$@"
}
# here: launch

# here: library

sp_main "$@"
