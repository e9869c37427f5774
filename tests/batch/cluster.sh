# A Slurm of one node, from its own folder to the end of the test: own ports, own munge, own key; no
# service of the machine is touched. Source it behind tests/cli/common.sh.
#
# Slurm comes from the folder SLAB_SLURM (get-slurm.sh; build/slurm), or is the system's. Where it cannot
# be started the test says why and is skipped.

: "${SLAB_SLURM:=${SLAB_BUILD:-/nowhere}/slurm}"
cluster=$work/cluster
daemons=()

skip() {
    echo "skipped: $*"
    for log in munged slurmctld slurmd; do
        [ -s "$cluster/$log.log" ] && tail -5 "$cluster/$log.log"
    done
    cluster_stop
    exit 77
}

cluster_stop() {
    [ -n "${SLURM_CONF:-}" ] && scancel --full --signal=KILL --user="$(id -un)" 2>/dev/null
    for ((i = ${#daemons[@]} - 1; i >= 0; i--)); do
        kill "${daemons[i]}" 2>/dev/null
    done
    for pid in "${daemons[@]}"; do
        for _ in $(seq 50); do
            kill -0 "$pid" 2>/dev/null || break
            sleep 0.1
        done
        kill -9 "$pid" 2>/dev/null
    done
    daemons=()
}

# tool NAME...: the first of these programs that there is
tool() {
    local name folder
    for name in "$@"; do
        for folder in "$SLAB_SLURM"/usr/{bin,sbin} /usr/sbin /usr/bin /usr/local/sbin /usr/local/bin; do
            [ -x "$folder/$name" ] && { echo "$folder/$name"; return; }
        done
    done
    return 1
}

free_port() {
    python3 -c 'import socket
s = socket.socket()
s.bind(("127.0.0.1", 0))
print(s.getsockname()[1])'
}

cluster_config() {
    local user host
    user=$(id -un)
    host=$(hostname -s)
    cat <<CONF
ClusterName=slabtest
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$(free_port)
SlurmdPort=$(free_port)
SlurmUser=$user
SlurmdUser=$user
AuthType=auth/munge
CredType=cred/munge
# a requeued job waits until its credential has expired: 2 minutes if nothing else is said, 5 s at least
AuthInfo=socket=$cluster/munge.socket,cred_expire=5
StateSaveLocation=$cluster/state
SlurmdSpoolDir=$cluster/spool
SlurmctldPidFile=$cluster/slurmctld.pid
SlurmdPidFile=$cluster/slurmd.pid
SlurmctldLogFile=$cluster/slurmctld.log
SlurmdLogFile=$cluster/slurmd.log
SlurmctldDebug=info
SlurmdDebug=info
PluginDir=$1
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=1,bf_interval=1,batch_sched_delay=0,sched_min_interval=100000
MpiDefault=none
ReturnToService=2
SlurmdParameters=config_overrides
KillWait=5
MinJobAge=300
SwitchType=switch/none
NodeName=$host NodeAddr=127.0.0.1 CPUs=2 RealMemory=4000 State=UNKNOWN
PartitionName=test Nodes=$host Default=YES MaxTime=INFINITE State=UP
CONF
}

cluster_start() {
    local munged slurmctld slurmd stepd plugins folder
    munged=$(tool munged) || skip "munge is not here (tests/batch/get-slurm.sh FOLDER and SLAB_SLURM=FOLDER)"
    slurmctld=$(tool slurmctld slurmctld-wlm) || skip "slurmctld is not here"
    slurmd=$(tool slurmd slurmd-wlm) || skip "slurmd is not here"
    stepd=$(tool slurmstepd slurmstepd-wlm) || skip "slurmstepd is not here"
    tool sbatch >/dev/null || skip "sbatch is not here"
    export PATH=$(dirname "$(tool sbatch)"):$(dirname "$slurmd"):$PATH
    if [ -e "$SLAB_SLURM/complete" ]; then
        plugins=$(echo "$SLAB_SLURM"/usr/lib/*/slurm-wlm)
        export LD_LIBRARY_PATH=$plugins:$(dirname "$plugins")${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
    else
        plugins=$(echo /usr/lib/*/slurm-wlm)
    fi
    [ -d "$plugins" ] || skip "Slurm's plugins are not where Debian has them"
    mkdir -m 700 "$cluster" "$cluster"/{munge,state,spool}
    for folder in / "$(dirname "$work")" "$work"; do # munged is right not to trust such folders
        [ -z "$(find "$folder" -maxdepth 0 -perm -0002 ! -perm -1000)" ] || skip "everybody may write to $folder"
    done
    python3 -c 'import os, sys; sys.stdout.buffer.write(os.urandom(128))' >"$cluster/munge.key"
    chmod 400 "$cluster/munge.key"
    cluster_config "$plugins" >"$cluster/slurm.conf"
    export SLURM_CONF=$cluster/slurm.conf
    trap 'cluster_stop; rm -rf "$work"' EXIT
    "$munged" --foreground --force --socket="$cluster/munge.socket" --key-file="$cluster/munge.key" \
        --pid-file="$cluster/munge/pid" --seed-file="$cluster/munge/seed" --log-file="$cluster/munge/log" \
        >"$cluster/munged.log" 2>&1 &
    daemons+=($!)
    for _ in $(seq 50); do [ -S "$cluster/munge.socket" ] && break; sleep 0.1; done
    [ -S "$cluster/munge.socket" ] || skip "munged does not start"
    "$slurmctld" -D -f "$SLURM_CONF" >"$cluster/slurmctld.out" 2>&1 &
    daemons+=($!)
    "$slurmd" -D -f "$SLURM_CONF" -d "$stepd" >"$cluster/slurmd.out" 2>&1 &
    daemons+=($!)
    for _ in $(seq 150); do
        [ "$(sinfo -h -o %t 2>/dev/null)" = idle ] && return
        sleep 0.2
    done
    skip "Slurm's node does not come up: $(sinfo -h -o '%t %E' 2>&1 | tail -1)"
}

# job_state NUMBER: PENDING, RUNNING, COMPLETED ... of a job and its array's tasks, each once
job_state() { scontrol show job "$1" 2>/dev/null | grep -oE 'JobState=[A-Z_]+' | cut -d= -f2 | sort -u | paste -sd' '; }

# job_wait SECONDS NUMBER: until it has ended; its state is printed
job_wait() {
    local state
    for _ in $(seq $(($1 * 5))); do
        state=$(job_state "$2")
        case " $state " in
        *" PENDING "* | *" RUNNING "* | *" COMPLETING "* | *" CONFIGURING "* | *" REQUEUED "*) sleep 0.2 ;;
        *) break ;;
        esac
    done
    echo "$state"
}
