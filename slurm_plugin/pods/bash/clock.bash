# shellcheck shell=bash disable=SC2034,SC2154
# Time and waiting, without starting a process.

# sp_now: epoch seconds, renewed once a round of the supervising loop.
sp_read_clock() {
  printf -v sp_now '%(%s)T' -1
}

# A pipe that nobody writes to: `read -t` on it sleeps without a `sleep` process.
sp_open_clock() {
  exec {sp_clock}<> <(:)
}

# Waits one round: short while something changes (start, probe, hook, stop), else a second.
sp_pause() {
  local seconds=1
  if ((sp_now - sp_last_change <= 2)); then
    seconds=0.05
  elif ((sp_busy)); then
    seconds=0.1
  elif ((sp_now - sp_last_change <= 10)); then
    seconds=0.2
  fi
  read -r -t "$seconds" -u "$sp_clock" _ || :
}
