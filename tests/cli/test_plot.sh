#!/usr/bin/env bash
# Drawings in the terminal and pictures: slab hist --plot, slab stat --draw and --plot.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
command -v gnuplot >/dev/null || { echo "skipped: gnuplot is not here"; exit 77; }

# is_svg FILE N TITLE: XML of an SVG with N boxes or more, and the title in it
is_svg() {
    python3 - "$@" <<'PY'
import sys, xml.etree.ElementTree as E
root = E.parse(sys.argv[1]).getroot()
assert root.tag.endswith("svg"), root.tag
text = "".join(root.itertext())
assert sys.argv[3] in text, text
shapes = [e for e in root.iter() if e.tag.rsplit("}")[-1] in ("polygon", "path", "rect", "image")]
assert len(shapes) >= int(sys.argv[2]), len(shapes)
PY
}
is_png() { [ "$(head -c 8 "$1" | od -An -tx1 | tr -d ' \n')" = 89504e470d0a1a0a ]; }

# the whole array: 5 is declared missing, so that three bins of one integer are left
slab calc 'array([0, 1, 1, 2, 2, 2, 5], dtype=uint8)' -q -o w.h5:/x
slab attr w.h5:/x missing_value=5 --dtype u1 -q
slab stat w.h5:/x --draw >draw.txt
same "bars of whole numbers, without the missing ones" <(tail -n 3 draw.txt | awk '{ print $1, $2, $3 }') \
    <(printf -- '-0.5 0.5 1\n0.5 1.5 2\n1.5 2.5 3\n')
same "the numbers stand above the bars" <(head -n 8 draw.txt) <(slab stat w.h5:/x)
marks() { python3 -c 'import sys
for line in sys.stdin.buffer: print(*[line.decode().count(mark) for mark in sys.argv[1]])' "$1"; }
same "a bar is as long as what it counts: thirds of 38 columns" <(tail -n 3 draw.txt | marks █) \
    <(printf '12\n25\n38\n')
check "a picture of the whole" slab stat w.h5:/x --plot w.svg
check "it is an SVG with its bars" is_svg w.svg 3 w.h5:/x
check "at most so many bins" slab stat w.h5:/x --draw --bins 2
[ "$(grep -c '█' check.out)" = 2 ] && pass "two bins" || fail "not two bins: $(cat check.out)"
slab stat w.h5:/x --draw --dry-run >plan.txt
grep -q '^histogram' plan.txt && pass "the plan has the histogram's pass" || fail "$(cat plan.txt)"

# reals: equal bins from the least to the greatest
slab calc 'array([0.0, 1, 1, 4, nan])' -q -o r.h5:/x
same "bars of reals" <(slab stat r.h5:/x --draw --bins 4 | tail -n 4 | awk '{ print $1, $2, $3 }') \
    <(printf '0 1 1\n1 2 2\n2 3 0\n3 4 1\n')

# along an axis: means 1 and 3, deviations 1 and 2
slab calc 'array([[0, 1], [2, 5]])' -q -o m.h5:/x
same "mean and deviation at each position" <(slab stat m.h5:/x --axis 0 --draw | awk '{ print $1, $2, $3 }') \
    <(printf 'index mean std\n0 1 1\n1 3 2\n')
same "36 columns from 0 to 5: one deviation of 1, one of 2" <(slab stat m.h5:/x --axis 0 --draw | tail -n 2 | marks ─●) \
    <(printf '14 1\n28 1\n')
check "a picture along an axis" slab stat m.h5:/x --axis 0 --plot m.png
check "it is a PNG" is_png m.png
slab random normal --shape 3x5000 --seed 1 -q -o long.h5:/x
[ "$(slab stat long.h5:/x --axis 0 --draw | wc -l)" = 41 ] && pass "5000 positions on 40 lines" || fail "5000 positions"
check "a picture of 5000 positions" slab stat long.h5:/x --axis 0 --plot long.svg
check "it is an SVG" is_svg long.svg 1 long.h5:/x
slab calc 'arange(24)[:, newaxis, newaxis] * ones((1, 3, 4))' -q -o c.h5:/x
check "a map of means" slab stat c.h5:/x --axis 0 --plot map.svg
check "it is an SVG" is_svg map.svg 1 c.h5:/x
slab stat c.h5:/x --axis 0 -o stored.h5 --plot stored.svg -q && [ -s stored.h5 ] && [ -s stored.svg ] &&
    pass "stored and drawn at once" || fail "stored and drawn"

# the same on several ranks
same "the same on two ranks" <(slab stat long.h5:/x --draw --axis 0) <(ranks 2 stat long.h5:/x --draw --axis 0)
same "the same bars on two ranks" <(slab stat long.h5:/x --draw) <(ranks 2 stat long.h5:/x --draw)

# hist
check "hist: a picture" slab hist long.h5:/x --bins 12 --plot hist.svg
check "it is an SVG with its bars" is_svg hist.svg 12 long.h5:/x
check "hist: a map" slab hist long.h5:/x long.h5:/x --bins 5 --plot both.png
check "it is a PNG" is_png both.png

# what cannot be drawn
refuses 2 "writes .svg or .png" slab stat m.h5:/x --plot m.pdf
refuses 2 "not both" slab stat m.h5:/x --draw --json
refuses 2 "along one axis; these have 2" slab stat c.h5:/x --axis 0 --draw
slab calc 'array([nan, nan])' -q -o n.h5:/x
slab stat n.h5:/x --draw >out.txt 2>err.txt
[ $? = 2 ] && grep -q 'no value' err.txt && pass "$(cat err.txt)" || fail "nothing but NaN: $(cat err.txt)"

# a picture is an output as others are
echo precious >p.svg
chmod 640 p.svg
refuses 2 "'p.svg' exists already; --force replaces it" slab stat m.h5:/x --plot p.svg
refuses 2 "'p.svg' exists already; --force replaces it" slab hist m.h5:/x --plot p.svg
same "it is as it was" p.svg <(echo precious)
ln -s p.svg l.svg
check "with --force it is replaced, also behind a link" slab hist m.h5:/x --plot l.svg --force
[ -L l.svg ] && [ "$(stat -c %a p.svg)" = 640 ] && pass "link and rights are what they were" || fail "$(ls -l)"
check "it is an SVG" is_svg p.svg 3 m.h5:/x
cp m.h5 in.svg
refuses 2 "the plot 'in.svg' is an input" slab hist in.svg:/x --plot in.svg --force
same "an input stays" m.h5 in.svg
mkfifo pipe.svg
refuses 2 "not a regular file" slab hist m.h5:/x --plot pipe.svg --force
mkdir none bin
ln -s "$SLAB" bin/slab
PATH=$work/bin slab hist m.h5:/x --plot none/x.svg >out.txt 2>err.txt
[ $? = 2 ] && grep -q 'needs gnuplot' err.txt && pass "$(cat err.txt)" || fail "without gnuplot: $(cat err.txt)"
slab stat m.h5:/x --plot nowhere/x.svg >out.txt 2>err.txt
[ $? = 2 ] && grep -q "there is no folder 'nowhere' to write 'x.svg'" err.txt && pass "$(cat err.txt)" || fail "no folder: $(cat err.txt)"
[ -z "$(ls none)" ] && [ -z "$(ls | grep part)" ] && pass "nothing is left behind" || fail "left behind: $(ls)"
finish
