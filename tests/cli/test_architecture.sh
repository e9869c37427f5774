#!/usr/bin/env bash
# What CMake's include roots cannot see: who includes whose headers, and who prints or exits.
set -euo pipefail
cd "$SLAB_SOURCE"
bad=0

# only_in PATTERN FOLDER...: includes that match may stand in these folders alone
only_in() {
    local pattern=$1 found
    shift
    found=$(grep -rlE "#include *[<\"]$pattern" --include='*.[ch]' storage compute format tools |
        sed 's|/[^/]*$||' | sort -u)
    for folder in $found; do
        case " $* " in
        *" $folder "*) ;;
        *) echo "FAILS $pattern is included in $folder, not only in: $*"; bad=1 ;;
        esac
    done
    [ -n "$found" ] || { echo "FAILS nobody includes $pattern: the test looks for nothing"; bad=1; }
}
only_in '(hdf5|H5[A-Za-z]*)\.h' storage/hdf5 storage/plugin
only_in 'mpi\.h' storage/base
only_in 'zstd\.h' storage/codec storage/plugin
only_in '(lz4|zlib|libdeflate)\.h' storage/codec
only_in '(cblas|lapacke)\.h' compute/linalg compute/kernel compute/sink
only_in 'jansson\.h' tools

# never FOLDERS PATTERN WHY
never() {
    local hits
    hits=$(grep -rnE "$2" --include='*.[ch]' $1 || true)
    if [ -n "$hits" ]; then
        echo "FAILS $3:"
        echo "$hits"
        bad=1
    fi
}
never storage '#include *[<"](slab/)?(compute|format|tools)/' 'storage reaches upward'
never storage/base '#include *<slab/storage/(codec|hdf5|[a-z_]+\.h)' 'base reaches upward'
never compute '#include *[<"](slab/)?(format|tools)/' 'compute reaches sideways or upward'
never format '#include *[<"](slab/)?(compute|tools)/' 'format reaches sideways or upward'
never compute/kernel '(slab_memory_alloc|[^A-Z_]ALLOC\(|MPI_|slab_ranks_|fopen|[^a-z]pread)' \
    'a kernel allocates, communicates or reads'
never 'storage compute format' '(^|[^a-z_])(printf|puts|exit|abort|perror) *\(' \
    'a library prints or exits'

# A row in a list has its file, and the file its page where pages are kept.
while read -r verb; do
    [ -f "tools/cmd_$verb.c" ] || { echo "FAILS no tools/cmd_$verb.c"; bad=1; }
    [ -f "docs/commands/${verb//_/-}.md" ] || { echo "FAILS no docs/commands/${verb//_/-}.md"; bad=1; }
done < <(sed -nE 's/^SLAB_COMMAND\((.*)\)$/\1/p' tools/command_list.h)

# File names are unique, functions and files small enough to read.
twice=$(find storage compute format tools tests docs -name '*.[ch]' | sed 's|.*/||' | sort | uniq -d)
[ -z "$twice" ] || { echo "FAILS file names that stand twice: $twice"; bad=1; }
long=$(find storage compute format tools -name '*.c' -print0 | xargs -0 wc -l |
    awk '$1 > 700 && $2 != "total"')
[ -z "$long" ] || { echo "FAILS long files:"; echo "$long"; bad=1; }

bash tools/errors-page.sh | cmp - docs/errors.md || { echo "FAILS docs/errors.md: run tools/errors-page.sh"; bad=1; }
exit $bad
