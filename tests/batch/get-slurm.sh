#!/usr/bin/env bash
# Unpacks Debian's Slurm and munge into a folder, for tests/batch: nothing is installed, nobody has to
# be root, and no package starts a service. What Debian 12 has: Slurm 22.05.
#
#   get-slurm.sh FOLDER
set -euo pipefail
folder=${1:?a folder}
packages=(slurmctld slurmd slurm-client slurm-wlm-basic-plugins munge libmunge2 liblua5.1-0)

[ ! -e "$folder/complete" ] || exit 0
command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || {
    echo "no Slurm for the tests: this is no Debian" >&2
    exit 1
}
mkdir -p "$folder/packages"
download() { (cd "$folder/packages" && apt-get download -qq "${packages[@]}"); }
# a machine that has never asked what there is does not know the packages
download 2>/dev/null || { [ "$(id -u)" = 0 ] && apt-get update -qq && download; }
for package in "$folder"/packages/*.deb; do
    dpkg-deb -x "$package" "$folder"
done
rm -r "$folder/packages"
touch "$folder/complete"
