#!/usr/bin/env bash
# An installation in another place: program, pages, plugin, and a C program that uses the library
# through pkg-config and through the CMake package.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
is_sanitized && { echo "skipped: a program would have to be built with the sanitizer too"; exit 77; }
: "${SLAB_BUILD:?the build folder}"

cmake --build "$SLAB_BUILD" --target slab slab_shared manual h5zstd >build.log 2>&1 || { cat build.log; exit 1; }
check "cmake --install" cmake --install "$SLAB_BUILD" --prefix "$work/first"
mv first moved # an installation may be moved as a whole
prefix=$work/moved
for file in bin/slab include/slab/slab.h include/slab/storage/array.h share/man/man1/slab.1 \
    share/man/man1/slab-pca.1 share/bash-completion/completions/slab; do
    [ -s "$prefix/$file" ] && pass "$file" || fail "$file is not installed"
done
for verb in $(verbs); do
    [ -s "$prefix/share/man/man1/slab-$verb.1" ] || fail "no man page of $verb"
done
find "$prefix" -name '*_impl.h' -o -name '*_list.h' | grep . && fail "private headers are installed"

plugin=$("$prefix/bin/slab" plugin-path)
[ "$plugin" = "$prefix/lib/slab/plugin" ] || [ -f "$plugin/libh5zstd.so" ] && pass "plugin-path: $plugin" || fail "plugin-path: $plugin"
[ -f "$(slab plugin-path)/libh5zstd.so" ] && pass "plugin-path in the build tree" || fail "plugin-path in the build tree"
if [ -x /usr/bin/h5dump ]; then
    "$prefix/bin/slab" random integers --shape 4 --low 0 --high 9 --seed 1 -q -o i.h5:/i
    HDF5_PLUGIN_PATH=$plugin h5dump -y -d /i i.h5 | grep -oE '[0-9](, [0-9])+' | tr ',' '\n' | tr -d ' ' >h5dump.txt
    same "h5dump reads it with the plugin" h5dump.txt <("$prefix/bin/slab" dump i.h5:/i)
fi

cat >user.c <<'C'
#include <stdio.h>
#include <slab/slab.h>

/* Prints the sum of an array's elements. */
int main(int argc, char **argv)
{
    slab_ranks *ranks;
    slab_file *file = NULL;
    slab_array *array = NULL;
    slab_reader *reader = NULL;
    slab_dtype f8 = slab_dtype_make(SLAB_KIND_FLOAT, 8);
    double values[64], sum = 0;
    if (argc < 3 || slab_ranks_start(&ranks) || slab_file_open(ranks, argv[1], &file) ||
        slab_array_open(file, argv[2], &array) || slab_reader_open(array, NULL, &f8, 1, &reader))
        return fprintf(stderr, "%s\n", slab_error_last()->message), 1;
    slab_box all = slab_box_whole(slab_reader_shape(reader));
    if (slab_box_elements(&all) > 64 || slab_reader_copy(reader, 0, &all, values))
        return fprintf(stderr, "%s\n", slab_error_last()->message), 1;
    for (int64_t i = 0; i < slab_box_elements(&all); i++)
        sum += values[i];
    printf("%g\n", sum);
    slab_reader_close(&reader);
    slab_array_close(&array);
    slab_file_close(&file);
    slab_ranks_stop();
    return 0;
}
C
cat >CMakeLists.txt <<'C'
cmake_minimum_required(VERSION 3.25)
project(user LANGUAGES C)
find_package(slab 0.1 REQUIRED)
add_executable(user user.c)
target_link_libraries(user PRIVATE slab::slab)
C
printf '1,2\n3,4.5\n' >t.csv
"$prefix/bin/slab" import t.csv --header no -q -o t.h5:/x
export PKG_CONFIG_PATH=$prefix/lib/pkgconfig
check "the user's program with pkg-config" \
    cc -std=c17 -Wall -Wextra -Wpedantic -Werror user.c -o user $(pkg-config --cflags --libs slab)
[ "$(LD_LIBRARY_PATH=$prefix/lib ./user t.h5 /x)" = 10.5 ] && pass "it runs" || fail "it does not run"
check "cmake with the package" cmake -S . -B build -DCMAKE_PREFIX_PATH="$prefix"
check "the user's program with CMake" cmake --build build
[ "$(build/user t.h5 /x)" = 10.5 ] && pass "it runs" || fail "it does not run"
echo '#include <slab/slab.h>' >user.cc
if command -v c++ >/dev/null; then
    check "the headers are C++ too" c++ -std=c++17 -Wall -c user.cc $(pkg-config --cflags slab)
fi
finish
