# The surroundings of a job. Its shell reads this first, and yours (bash) may, to run a job by hand.

WORKFLOW=$(cd "$(dirname "${BASH_SOURCE[0]}")" > /dev/null && pwd)
export SCRIPTS="$WORKFLOW/scripts"
export PYTHONPATH="${WORKFLOW%/*}/src${PYTHONPATH:+:$PYTHONPATH}"
export MPLBACKEND=agg # notebooks' shells name one that this environment may lack
# Keep freed memory for reuse, since every step allocates tensors of the same sizes: otherwise the
# allocator returns it to Linux and maps it anew, which costs a third of training time. No effect on
# other systems.
export MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=100000000000

# job LOG SCRIPT ARGUMENT...: run a script of ours; what it says goes to the console and to LOG, and
# its cost to a file of LOG's name in results/benchmarks.
job() {
    [[ -z ${SONIFY_TOLD:-} ]] || return 143 # the run has been told to end (alive.py)
    local log=$1 script=$2 started=${EPOCHREALTIME:-$(date +%s)}
    local cost=${log/#results\/logs\//results/benchmarks/}
    shift 2
    trap : TERM # let the script finish its handling of the signal, and pass on its output
    { # without the shell's own "Terminated"
        { unedited && SONIFY_JOB="${started/,/.} ${cost%.log}.tsv" python "$SCRIPTS/$script" "$@" ||
            ended $?; } 2>&1 3>&- |
            (trap '' TERM && exec tee "$log" 2>&3 3>&-)
    } 3>&2 2> /dev/null
    return "${PIPESTATUS[0]}" # by hand, too, where a shell has no pipefail
}

# ended STATUS: say so if a job was killed, which it cannot do itself.
ended() {
    (($1 != 137)) || echo "error: this job was ended by SIGKILL, perhaps for lack of memory: the same" \
        "command goes on from what it has kept"
    return "$1"
}

# Whether the code is that which the run began with; by hand, where there is no run, any is.
unedited() {
    [[ -z ${SONIFY_FROZEN:-} ]] || command python -IS "$WORKFLOW/frozen.py"
}

# python SCRIPT ARGUMENT...: in a fork of the interpreter that has imported the heavy packages (see
# warm.py), where one with this number of threads is running, otherwise in a process of its own (see
# launch.py).
# SONIFY_WARM=second keeps the first job of every script a process of its own.
python() {
    local folder=${SONIFY_WARM_FOLDER:-}
    local socket=$folder/${OMP_NUM_THREADS:-}
    if [[ -S $socket ]] && ! { [[ ${SONIFY_WARM:-} == second ]] && mkdir "$folder/${1##*/}" 2> /dev/null; }; then
        command python -IS "$WORKFLOW/warm_client.py" "$socket" "$@"
    else
        command python "$WORKFLOW/launch.py" "$@"
    fi
}
