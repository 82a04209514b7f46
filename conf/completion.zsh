#compdef xen-hotplug
# SPDX-License-Identifier: LGPL-2.1-or-later
# zsh completion for xen-hotplug, which says itself what can stand where (its tables).

local line name
local -a names labels open openlabels
while IFS= read -r line; do
	name=${line%%$'\t'*}
	line=${line#$name}
	if [[ $name == *= ]]; then
		open+=("$name") openlabels+=("$name${line:+  -- ${line#$'\t'}}")
	else
		names+=("$name") labels+=("$name${line:+  -- ${line#$'\t'}}")
	fi
done < <(command $words[1] complete "${(@)words[2,CURRENT-1]}" "$PREFIX" 2>/dev/null)
(( $#names + $#open )) || { _files; return }
compadd -Q -l -d labels -a -- names
compadd -Q -l -d openlabels -S '' -a -- open
