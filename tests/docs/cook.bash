# SPDX-License-Identifier: LGPL-2.1-or-later
# Does what a document says, for tests of documents. A section "### NAME ..." has fenced
# blocks, and the word behind the fence says what to do with them:
#
#   ```ini PATH, ```text PATH, ```bash PATH   a file; one that begins with #! is a program
#   ```sh         the administrator's preparations, in dom0
#   ```xl         guests' configurations; "name" begins a guest, web1 if there is none
#   ```console    after the attach: "# COMMAND" in dom0, "GUEST# COMMAND" in a guest, and
#                 lines that the output has in this order, "..." for what differs

. "$BATS_TEST_DIRNAME/../netns/lib.bash"
. "$BATS_TEST_DIRNAME/../netns/scene.bash"

cook_sections() {
	sed -n 's/^### \([^ :]*\):.*/\1/p' "$1"
}

# cook_split DOCUMENT SECTION DIRECTORY: each block a file there, NUMBER.WORD, and the
# path in NUMBER.path.
cook_split() {
	mkdir -p "$3" && awk -v head="$2" -v dir="$3" '
		/^### / { on = $2 == head ":"; next }
		/^## / { on = 0 }
		on && /^```/ {
			if (file) {
				close(file)
				file = ""
			} else {
				n++
				file = sprintf("%s/%02d.%s", dir, n, substr($1, 4))
				printf "" >file
				if ($2) print $2 >sprintf("%s/%02d.path", dir, n)
			}
			next
		}
		file { print >file }' "$1" && [ -n "$(ls "$3")" ] || { echo "no section $2"; return 1; }
}

# What the documents take for granted: bridge br0 with 192.0.2.1/24, uplink eth0; with
# COOK_OVS also Open vSwitch, with the bridge ovs0.
cook_host() {
	if [ -n "$COOK_OVS" ]; then
		. "$BATS_TEST_DIRNAME/../netns/ovs.bash"
		ovs_setup && vsctl del-br br0 && ovs_bridge ovs0 || return
	else
		rig_setup || return
	fi
	dom0 install -d -m 700 /run/xen-hotplug/{devices,shared} \
		"/run/xen-hotplug/index-$(cat /proc/sys/kernel/random/boot_id)"
	mkdir "$RIG/srv" && dom0 mount --bind "$RIG/srv" /srv || return
	[ ! -e /usr/bin/dpkg-divert ] || dom0 mount --bind /dev/null /usr/bin/dpkg-divert
	bridge_add br0 1500
	ip -n "$DOM0" addr add 192.0.2.1/24 dev br0
	rig_netns "$DOM0-9.9"
	ip -n "$DOM0" link add eth0 address 02:00:00:00:ff:02 type veth peer name eth0 netns "$DOM0-9.9"
	ip -n "$DOM0-9.9" link set eth0 addrgenmode none up
	ip -n "$DOM0-9.9" addr add 203.0.113.1/24 dev eth0
	ip -n "$DOM0" link set eth0 addrgenmode none up
	ip -n "$DOM0" addr add 203.0.113.2/24 dev eth0
	ip -n "$DOM0" route add default via 203.0.113.1
	# proxy_ndp is never switched back
	dom0 sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 \
		net.ipv6.conf.eth0.proxy_ndp=1
	dom0 /usr/sbin/xen-hotplug enable >/dev/null
}

# cook_files DIRECTORY: installs what has a path; recipes pass lint without a word.
cook_files() {
	local path file to
	for path in "$1"/*.path; do
		[ -e "$path" ] || continue
		file=$(compgen -G "${path%path}*" | grep -v '\.path$') || continue
		to=$(cat "$path")
		dom0 install -D -m 644 "$file" "$to" || return
		! head -n 1 "$file" | grep -q '^#!' || dom0 chmod 755 "$to"
		[[ $file == *.ini && $to != */hotplug.conf ]] || continue
		COOK_RECIPES+=("$to")
	done
	for to in "${COOK_RECIPES[@]}"; do
		run dom0 /usr/sbin/xen-hotplug lint "$to"
		[ "$status" = 0 ] && [[ $output =~ ^[^$'\n']*': ok'$ ]] || { echo "$output"; return 1; }
	done
}

# cook_guests DIRECTORY: what libxl makes of the configurations. COOK_DEVICES gets lines
# CLASS DOMID DEVID SCRIPT.
cook_guests() {
	local line guest= domid=0 nics=0 kind file
	COOK_DEVICES=()
	declare -gA COOK_DOMID=()
	for file in "$1"/*.xl; do
		while read -r line; do
			case $line in
			name*)
				guest=$(sed 's/.*"\(.*\)".*/\1/' <<<"$line")
				COOK_DOMID[$guest]=$((++domid))
				nics=0
				continue ;;
			vif*) kind=cook_vif ;;
			disk*) kind=cook_disk ;;
			p9*) kind=cook_p9 ;;
			\'*) ;;
			*) continue ;;
			esac
			[ -n "$guest" ] || { guest=web1 && domid=1 && COOK_DOMID[web1]=1; }
			while [[ $line =~ \'([^\']*)\'(.*) ]]; do
				line=${BASH_REMATCH[2]}
				$kind "$domid" "${BASH_REMATCH[1]}" || return
			done
		done <"$file"
	done
}

# Loop devices are this machine's, not the namespace's.
cook_teardown() {
	local file loop
	[ -n "$RIG" ] || return 0
	while read -r file; do
		for loop in $(losetup -n -O NAME -j "$file"); do
			losetup -d "$loop"
		done
	done < <(find "$RIG/srv" -type f)
	rig_teardown
}

cook_script() {
	case $1 in
	/*) echo "$1" ;;
	*) echo "/etc/xen/scripts/$1" ;;
	esac
}

# cook_vif DOMID CONFIGURATION (xl-network-configuration(5))
cook_vif() {
	local part nodes=(bridge=xenbr0) SCRIPT=/etc/xen/scripts/vif-bridge parts n=$((nics++))
	IFS=, read -ra parts <<<"$2"
	for part in "${parts[@]}"; do
		case $part in
		script=*) SCRIPT=$(cook_script "${part#*=}") ;;
		bridge=* | mac=* | ip=* | vifname=* | vlan=* | mtu=* | gatewaydev=*)
			nodes+=("$part") ;;
		*) echo "a key that this test does not know: $part"; return 1 ;;
		esac
	done
	vif_add "$1" $n && GUEST_NAME=$guest backend vif "$1" $n "${nodes[@]}" || return
	COOK_DEVICES+=("vif $1 $n $SCRIPT")
}

# cook_disk DOMID CONFIGURATION (xl-disk-configuration(5))
cook_disk() {
	local part parts class=vbd vdev=xvda mode=w target= SCRIPT=/etc/xen/scripts/block
	local format=raw devid
	IFS=, read -ra parts <<<"$2"
	for part in "${parts[@]}"; do
		case $part in
		script=*) SCRIPT=$(cook_script "${part#*=}") ;;
		vdev=*) vdev=${part#*=} ;;
		access=r | access=w) mode=${part#*=} ;;
		format=*) format=${part#*=} ;;
		backendtype=tap) class=vbd3 ;;
		target=*) target=${2#*target=} && break ;;
		*) echo "a key that this test does not know: $part"; return 1 ;;
		esac
	done
	[ $class = vbd ] || target=$format:$target
	devid=$((0xca00 + 16 * ($(printf '%d' "'${vdev#xvd}") - 97)))
	GUEST_NAME=$guest CLASS=$class backend $class "$1" $devid "params=$target" \
		"mode=$mode" "dev=$vdev" || return
	COOK_DEVICES+=("$class $1 $devid $SCRIPT")
}

# cook_p9 DOMID CONFIGURATION: there is no script; what udev asks for stands in for it.
cook_p9() {
	local parts
	IFS=, read -ra parts <<<"$2"
	GUEST_NAME=$guest backend 9pfs "$1" 0 state=1 "${parts[@]}" || return
	COOK_DEVICES+=("9pfs $1 0 -")
}

# cook_call attach|detach DEVICE: as libxl does.
cook_call() {
	local class domid devid SCRIPT verb
	read -r class domid devid SCRIPT <<<"$2"
	[ "$1" = attach ] || backend_closing "$class" "$domid" "$devid"
	case $class-$1 in
	vif-attach) vif_call "$domid" "$devid" online ;;
	vif-detach) vif_call "$domid" "$devid" offline ;;
	9pfs-attach) RECIPE=9pfs SCRIPT= CLASS=9pfs disk_call "$domid" "$devid" add ;;
	9pfs-detach) RECIPE=9pfs SCRIPT= CLASS=9pfs disk_call "$domid" "$devid" remove ;;
	*-attach) CLASS=$class disk_call "$domid" "$devid" add ;;
	*-detach) CLASS=$class disk_call "$domid" "$devid" remove ;;
	esac || { echo "$1 of $2 failed: $(node "$class" "$domid" "$devid" hotplug-error)"; return 1; }
	[ "$1" = detach ] || [ "$(node "$class" "$domid" "$devid" hotplug-status)" = connected ]
}

# cook_console FILE: runs the commands, and compares.
cook_console() {
	local line command= prompt expected=()
	while read -r line || [ -n "$line" ]; do
		if [[ $line =~ ^([a-z0-9]*)'# '(.*) ]]; then
			cook_shown "$prompt" "$command" "${expected[@]}" || return
			prompt=${BASH_REMATCH[1]} command=${BASH_REMATCH[2]} expected=()
		else
			expected+=("$line")
		fi
	done <"$1"
	cook_shown "$prompt" "$command" "${expected[@]}"
}

cook_shown() {
	local where=(dom0) command=$2 line i=0
	[ -n "$command" ] || return 0
	[ -z "$1" ] || where=(guest "${COOK_DOMID[$1]}" 0)
	run "${where[@]}" bash -c "$command"
	shift 2
	[ "$status" = 0 ] || [ $# -gt 0 ] || { echo "$command: status $status: $output"; return 1; }
	for line in "${lines[@]}"; do
		[ $# -gt 0 ] || break
		[[ $(echo $line) != $(cook_glob "$1") ]] || shift
	done
	[ $# = 0 ] || printf '%s\n' "$command: no \"$1\" in:" "$output"
	[ $# = 0 ]
}

# Everything is plain but "...". Blanks are one.
cook_glob() {
	sed -e 's/[][*?\\]/\\&/g' -e 's/\.\.\./*/g' <<<"$(set -f && echo $1)"
}

# cook DOCUMENT SECTION: attaches, looks, detaches; nothing is left. With COOK_KIND, "bash"
# or "ini", the files of the other kind are not there; a script may leave what it likes.
# COOK_KEEP is the file for dom0's state while all are attached.
cook() {
	local blocks file device i COOK_RECIPES=() COOK_DEVICES
	cook_host || return
	blocks=$RIG/blocks
	cook_split "$1" "$2" "$blocks" || return
	case $COOK_KIND in
	bash) rm "$blocks"/*.ini ;;
	ini) rm "$blocks"/*.bash ;;
	esac
	cook_files "$blocks" || return
	dom0 sysctl -qw net.ipv6.conf.default.addr_gen_mode=1 # nothing comes in its own time
	for file in "$blocks"/*.sh; do
		[ ! -e "$file" ] || dom0 bash -e "$file" || return
	done
	dom0 sysctl -qw net.ipv6.conf.default.addr_gen_mode=0
	keep before
	cook_guests "$blocks" || return
	[ ${#COOK_DEVICES[@]} -gt 0 ] || { echo "$2: no guest"; return 1; }
	for device in "${COOK_DEVICES[@]}"; do
		cook_call attach "$device" || return
	done
	ports_forward || return
	[ -z "$COOK_KEEP" ] || cook_state >"$COOK_KEEP"
	compgen -G "$blocks/*.console" >/dev/null || { echo "$2: how to see it?"; return 1; }
	for file in "$blocks"/*.console; do
		cook_console "$file" || return
	done
	for ((i = ${#COOK_DEVICES[@]} - 1; i >= 0; i--)); do
		cook_call detach "${COOK_DEVICES[i]}" || return
	done
	cook_guests_gone
	[ -z "$(find "$RIG/srv/scratch" -type f 2>/dev/null)" ] || { echo "files are left"; return 1; }
	[ "$COOK_KIND" = bash ] || unchanged
}

# Which loop device it is, is all the same, and a qdisc's handle.
cook_state() {
	snapshot_kernel | sed -E 's/^(tc qdisc [a-z]+) [0-9a-f]+:/\1/'
	xenstore-ls -fp /local | sed -E 's,/dev/loop[0-9]+,/dev/loopN,
		s,(physical-device = "7:).*",\1N",' | LC_ALL=C sort
}

# The toolstack's part of a guest's end, and netback's.
cook_guests_gone() {
	local domid device class devid
	for device in "${COOK_DEVICES[@]}"; do
		read -r class domid devid _ <<<"$device"
		[ "$class" != vif ] || { vif_del "$domid" "$devid" && rig_netns_del "$DOM0-$domid.$devid"; }
	done
	for domid in "${COOK_DOMID[@]}"; do
		xenstore-rm "/local/domain/$domid" "/vm/$(guest_uuid "$domid")"
	done
	xenstore-rm /local/domain/0/backend /vm
	[ -n "$(xenstore-list /local/domain/0)" ]
}
