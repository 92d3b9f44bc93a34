#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# check.sh TREE WORK: installs the library and builds the same small program against it twice, by find_package()
# and by add_subdirectory(), and runs both.
set -euo pipefail
tree=$1
work=$2
rm -rf "$work"
mkdir -p "$work"
cmake -S "$tree" -B "$work/build" -DCMAKE_BUILD_TYPE=Release -DDFUCAST_BUILD_CLI=OFF -DDFUCAST_BUILD_TESTS=OFF
cmake --build "$work/build" -j2
cmake --install "$work/build" --prefix "$work/prefix"
cmake -S "$tree/tests/package/consumer" -B "$work/installed" -DCMAKE_PREFIX_PATH="$work/prefix"
cmake -S "$tree/tests/package/consumer" -B "$work/subproject" -DDFUCAST_TREE="$tree"
for way in installed subproject; do
	cmake --build "$work/$way" -j2
	"$work/$way/consumer"
done
# A subproject brings neither our command nor our tests into somebody's build.
! find "$work/subproject" -name 'dfucast' -type f -perm -u+x | grep -q .
