# SPDX-License-Identifier: LGPL-2.1-or-later

# wait_until COMMAND...: until it succeeds, for two minutes or $PATIENCE seconds: what is
# slow is no failure.
wait_until() {
	local end=$((SECONDS + ${PATIENCE:-120}))
	until "$@" >/dev/null 2>&1; do
		((SECONDS < end)) || { echo "not within ${PATIENCE:-120} s: $*"; return 1; }
		sleep 0.05
	done
}
