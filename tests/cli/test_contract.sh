#!/usr/bin/env bash
# What every command promises, walked over the list of commands: a page, options that parse, bad
# input that fails with one line, dry runs that leave nothing, the same result on any ranks.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

. "$SLAB_SOURCE/tests/cli/calls.sh"

call_inputs 60 300 32x64 0 || exit 1

for verb in $(verbs); do
    if [ -z "${good[$verb]+set}" ]; then
        fail "$verb is new: give it a good call in tests/cli/calls.sh"
        continue
    fi
    words=$(call_words "$verb" out 50x40 16x16)
    page=$SLAB_SOURCE/docs/commands/$verb.md
    if [ -f "$page" ]; then
        # every option of its own is on its page (estimators' parameters are in the model's page)
        for option in $(slab help "$verb" | grep -B 99 '^Shared options' | sed -n '/^Options/,$p' |
            grep -oE '^ +(-., )?--[a-z-]+' | grep -oE -- '--[a-z-]+'); do
            [ "$verb" = pca ] || grep -qF -- "$option" "$page" || fail "docs/commands/$verb.md lacks $option"
        done
        pass "docs/commands/$verb.md"
    else
        fail "there is no docs/commands/$verb.md"
    fi
    rm -f out*
    check "slab $verb $words" "$SLAB" $verb $words
    refuses 2 "no option --no-such-option" "$SLAB" $verb $words --no-such-option
    help=$(slab help "$verb")
    if grep -q -- '--dry-run' <<<"$help"; then
        rm -f out*
        ls -A >before
        check "slab $verb --dry-run" "$SLAB" $verb $words --dry-run
        mv check.out plan
        rm -f check.err
        ls -A >after
        grep -q 'memory:' plan && pass "its plan" || fail "slab $verb --dry-run prints no plan"
        same "slab $verb --dry-run leaves nothing behind" <(grep -vE '^(after|before|check|plan|refuses)' before) \
            <(grep -vE '^(after|before|check|plan|refuses)' after)
    fi
    if grep -q -- '--json' <<<"$help" && grep -q -- '--dry-run' <<<"$help"; then
        slab $verb $words --dry-run --json | is_json && pass "slab $verb --dry-run --json" ||
            fail "slab $verb --dry-run --json is not JSON"
    fi
    if [ -n "$words" ]; then
        # input that is not there, is not HDF5, or is cut short
        for bad in missing text short; do
            rm -f bad*
            case $bad in
            text) echo 'no data at all, only words' | tee bad.h5 bad.bim bad.fam >bad.bed ;;
            short) head -c 1000 in.h5 >bad.h5; head -c 50 in.bed >bad.bed; cp in.bim bad.bim; cp in.fam bad.fam ;;
            esac
            case $verb in random | recover | clean | help) continue ;; esac
            rm -f out*
            refuses 2 "bad" "$SLAB" $verb ${words//in./bad.}
            ls out* 2>/dev/null && fail "slab $verb leaves an output behind"
        done
    fi
done

# 1, 2 and 4 ranks with 1 and 2 threads: the same numbers in every array that is written
arrays() { for path in $(slab ls -r "$1" --json | json '" ".join(o["path"] for o in j if o["kind"] == "array")'); do
    echo "$path"; slab dump "$1:$path"; done; }
run_same() {
    local verb=$1 first= words
    for n in 1 2 4; do
        for threads in 1 2; do
            rm -rf out*
            ranks $n $verb $(call_words "$verb" out 50x40 16x16) -@ $threads -q >stdout 2>err || { fail "$verb on $n ranks"; cat err; }
            case $verb in
            export) cp out.npy result ;;
            stat | verify | diff) cp stdout result ;;
            *) arrays out.h5 >result ;;
            esac
            [ -s result ] || fail "$verb on $n ranks gives nothing"
            if [ -z "$first" ]; then
                cp result first
                first=1
            else
                same "$verb, $n ranks x $threads threads: the same as on one" first result
            fi
        done
    done
}
good[stat]="x.h5:/x --json" # on ranks: f8 sums
for verb in $(verbs); do
    call_takes_ranks "$verb" && run_same "$verb"
done
ranks 2 ls in.h5 >two && slab ls in.h5 >one && same "a command that takes no ranks prints once" one two
ranks 3 stat nowhere.h5 2>err
[ "$(grep -c '^slab:' err)" = 1 ] && pass "an error is printed once" || { fail "an error is printed once"; cat err; }
ranks 2 ls nowhere.h5 2>err >/dev/null
code=$?
[ $code = 2 ] && [ "$(grep -c '^slab:' err)" = 1 ] && pass "also where one rank works" || { fail "exit code $code"; cat err; }
finish
