# A good call of each command, for every test that walks over them all: the contract test, and those
# of tests/fault, which kill, starve and crash whatever writes. A new command is added here, and only
# here.
#
# The words may use what call_inputs() makes, and the placeholders OUT (the output's name without
# its ending), SHAPE and CHUNKS. A command whose words hold OUT writes a file. A row verb/variant is
# another call of a verb, for the tests of tests/fault.
declare -A good=(
    [ls]="in.h5" [info]="in.h5:/g" [head]="in.h5:/g" [dump]="in.h5:/g" [stat]="in.h5:/g"
    [import]="in.bed -o OUT.h5:/g" [export]="in.h5:/g -o OUT.npy"
    [random]="normal --shape SHAPE --chunks CHUNKS -o OUT.h5:/x"
    [pca]="in.h5:/g -k 3 -o OUT.h5" [verify]="in.h5" [recover]="in.h5" [plugin-path]=""
    [calc]="sqrt(abs(x-1.5))*mean(x,axis=0) x=in.h5:/g -o OUT.h5:/y"
    [reduce]="mean,max in.h5:/g --axis 1 -o OUT.h5" [hist]="in.h5:/g --bins 4 -o OUT.h5"
    [group]="mean,count x.h5:/x by=in.h5:/g[:,0] -o OUT.h5" [unique]="in.h5:/g --counts -o OUT.h5"
    [quantile]="in.h5:/g -p 0.25,0.75 -o OUT.h5:/q"
    [copy]="in.h5:/g -o OUT.h5:/g --chunks CHUNKS" [diff]="in.h5:/g in.h5:/g"
    [sbatch]="--print stat in.h5:/g" [rm]="in.h5:/spare" [attr]="in.h5:/g" [jobs]="" [clean]="in.h5" [help]="" [version]=""
    [attr/set]="in.h5:/g units=K scale=0.5" [copy/file]="in.h5 -o OUT.h5" [export/bed]="in.h5:/g -o OUT.bed"
    [export/csv]="x.h5:/x -o OUT.csv" [import/npy]="in.npy -o OUT.h5:/n"
    [import/csv]="in.csv -o OUT.h5:/table")

# The file of call_inputs() that a command changes where it lies.
declare -A changes=([rm]=in.h5 [attr/set]=in.h5)

# call_words KEY OUT SHAPE CHUNKS: the words of a row
call_words() {
    local words=${good[$1]//OUT/$2}
    words=${words//SHAPE/$3}
    echo "${words//CHUNKS/$4}"
}

# call_takes_ranks KEY: does its verb run on all ranks?
call_takes_ranks() {
    local verb=${1%%/*}
    sed -n '/\.takes = /,/,$/p' "$SLAB_SOURCE/tools/cmd_${verb//-/_}.c" | grep -q SLAB_TAKES_RANKS
}

# call_writes KEY: does it write a file?
call_writes() { [[ " ${good[$1]}" == *" OUT."* || -n "${changes[$1]:-}" ]]; }

# call_inputs ROWS COLUMNS CHUNKS SEED: in.h5 with /g and /spare, x.h5 with /x, in.bed, in.npy, in.csv
call_inputs() {
    local shape=${1}x$2
    "$SLAB" random genotypes --shape "$shape" --populations 3 --missing-rate 0.05 --chunks "$3" --seed "$4" \
        -q -o in.h5:/g &&
        "$SLAB" random normal --shape "$shape" --chunks "$3" --dtype f8 --seed "$4" -q -o x.h5:/x &&
        "$SLAB" export in.h5:/g -o in.bed -q &&
        "$SLAB" export x.h5:/x -o in.npy -q &&
        "$SLAB" random normal --shape "$shape" --seed "$4" -q -o in.h5:/spare &&
        awk -v n="$1" -v seed="$4" 'BEGIN { for (i = 0; i < n; i++) print seed "," i "," i / 7 }' >in.csv
}

# call_table OUT SHAPE CHUNKS: the rows for programs: key, writes or reads, file changed in place, ranks
# or one, words
call_table() {
    local key does ranks
    for key in "${!good[@]}"; do
        call_writes "$key" && does=writes || does=reads
        call_takes_ranks "$key" && ranks=ranks || ranks=one
        printf '%s\t%s\t%s\t%s\t%s\n' "$key" $does "${changes[$key]:-}" $ranks "$(call_words "$key" "$@")"
    done | sort
}
