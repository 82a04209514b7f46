# SPDX-License-Identifier: LGPL-2.1-or-later
# bash completion for xen-hotplug, which says itself what can stand where (its tables).

_xen_hotplug() {
	local line=${COMP_LINE:0:COMP_POINT} words last cut reply
	read -ra words <<<"$line"
	[[ $line != *[[:blank:]] ]] || words+=('')
	last=${words[-1]}
	# readline replaces what stands behind the last of its word breaks
	cut=${last%"${last##*["$COMP_WORDBREAKS"]}"}
	COMPREPLY=()
	while IFS=$'\t' read -r reply _; do
		COMPREPLY+=("${reply#"$cut"}")
		[[ $reply != *= ]] || compopt -o nospace 2>/dev/null
	done < <(command "$1" complete "${words[@]:1}" 2>/dev/null)
}
complete -o default -F _xen_hotplug xen-hotplug
