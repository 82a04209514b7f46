#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# [exec] and [split]: outside programs, and what they are given.

load lib
load scene
load tools

teardown() {
	[ -z "$FROZEN" ] || { dom0 fsfreeze -u /run/frozen; dom0 umount -l /run/frozen; losetup -d "$FROZEN"; } || :
	rig_teardown
}

# One step, with a result that its own way back needs.
simple() {
	recipe mine <<-'END'
		[exec make]
		attach = mk make ${backend/params}
		output = {number} made {name}
		detach = mk drop ${make.name}
	END
}

@test "what a program says is known to the steps below it, and to its own way back" {
	tool_scene
	recipe mine <<-'END'
		[exec look]
		read   = mk print "x ${backend/params}/y"
		output = x {name}/{rest}
		[exec make]
		when   = ${look.rest} == y
		attach = mk make ${look.name}
		output = {number} made {name}
		detach = mk drop ${make.name}
		[exec more]
		attach = mk make m${make.number}
		detach = mk drop m${make.number}
	END
	thing_call 1 0 add
	[ "$(node thing 1 0 hotplug-status)" = connected ]
	called '<print><x disk1/y>' '<make><disk1>' '<make><m7>'
	things disk1 m7
	thing_call 1 0 remove
	called '<drop><m7>' '<drop><disk1>'
	nothing_left
	thing_call 1 0 remove
	called '<print><x disk1/y>'
	nothing_left
}

@test "attached twice, it is made once; detached twice, it is dropped once" {
	tool_scene
	simple
	thing_call 1 0 add
	thing_call 1 0 add
	called '<make><disk1>'
	thing_call 1 0 remove
	thing_call 1 0 remove
	called '<drop><disk1>'
}

@test "plan runs what only reads, and tells the commands" {
	tool_scene
	recipe mine <<-'END'
		[exec look]
		read   = mk print ${backend/params}
		output = {name}
		[exec make]
		attach = mk make ${look.name} [--size ${backend/size}]
		output = {number} made {name}
		detach = mk drop ${make.name}
	END
	xenstore-write /local/domain/0/backend/thing/1/0/params 'a b'
	keep before
	run thing_plan 1 0 add
	[ "$status" = 0 ]
	says '-> name        a b' 'attach         mk make "a b"' 'detach         mk drop ${make.name}'
	called '<print><a b>'
	nothing_left
}

@test "a value is one word, whatever is in it" {
	local value
	tool_scene
	simple
	for value in 'a b' "it's" '"' 'a"b' ';reboot' '$(reboot)' '`reboot`' '|cat' '&' '>x' '*' \
		'../../etc' 'a\' '%s%n' '#a' '[a]' '${backend/params}' '{number}' 'ä' '~' '!!' "'"; do
		xenstore-write -- /local/domain/0/backend/thing/1/0/params "${value//\\/\\\\}"
		echo "value: $value"
		keep before
		thing_call 1 0 add
		called "<make><$value>"
		things "$value"
		thing_call 1 0 remove
		called "<drop><$value>"
		nothing_left
	done
}

@test "a value that would be an option, or is no text, is refused" {
	local value
	tool_scene
	simple
	for value in -o --help - 'a\nb' 'a\tb' '\x1b[0m' '\xff' ''; do
		xenstore-write -- /local/domain/0/backend/thing/1/0/params "$value"
		keep before
		run thing_call 1 0 add
		[[ $value != -* ]] || says 'would be taken for an option'
		[ -n "$value" ] || says 'the word ${backend/params} is empty'
		failed 'attach' 'mine.ini:4:'
		called
	done
}

@test "the environment of a program is ours" {
	tool_scene
	tool show <<-'END'
		env | sort >/run/env
		pwd >>/run/env
		ls -l /proc/self/fd | grep -c /dev/null >>/run/env
	END
	recipe mine <<-'END'
		[exec]
		attach = show
	END
	BASH_ENV=/x LD_LIBRARY_PATH=/x IFS=x thing_call 1 0 add
	diff - <(grep -vE '^(_|SHLVL|PWD|OLDPWD|XENSTORED_PATH)=' "$RIG/run/env") <<-'END'
		HOME=/
		LC_ALL=C
		PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
		XENBUS_BASE_PATH=backend
		XENBUS_PATH=backend/thing/1/0
		XENBUS_TYPE=thing
		script=/etc/xen/hotplug/mine.ini
		/
		1
	END
}

@test "a program that is not there is named, and the package that has it" {
	tool_scene
	recipe mine <<-'END'
		[exec make]
		attach = mk make a
		detach = mk drop a
		[exec look]
		attach = drbdadm-of-old up
		detach = mk drop b
	END
	run thing_call 1 0 add
	failed 'the program drbdadm-of-old is not installed' '[look] attach'
	called
	if ! [ -e /usr/sbin/zfs ] && ! [ -e /sbin/zfs ]; then
		sed -i 's/drbdadm-of-old/zfs/' "$RIG/etc-xen/hotplug/mine.ini"
		run thing_call 1 0 add
		failed 'the program zfs is not installed (in Debian: package zfsutils-linux)'
	fi
	sed -i 's/attach = zfs up/attach = mk make b/; s/drbdadm-of-old up/mk make b/; s/mk drop b/gone drop b/' \
		"$RIG/etc-xen/hotplug/mine.ini"
	run thing_call 1 0 add
	failed 'the program gone is not installed' '[look] detach'
	called
}

@test "a program that others can write is not run" {
	tool_scene
	simple
	chmod g+w "$RIG/tools/mk"
	run thing_call 1 0 add
	failed 'others than root can write to /usr/local/sbin/mk'
	chmod 755 "$RIG/tools/mk"
	chown 1 "$RIG/tools/mk"
	run thing_call 1 0 add
	failed '/usr/local/sbin/mk belongs to user 1, not to root'
	called
}

@test "a program that fails is quoted, what stood above is undone, and nothing of its own" {
	tool_scene
	recipe mine <<-'END'
		[exec above]
		attach = mk make above
		detach = mk drop above
		[exec make]
		attach = mk make ${backend/params} 9
		detach = mk drop ${backend/params}
		[exec below]
		attach = mk make below
		detach = mk drop below
	END
	run thing_call 1 0 add
	failed 'mk ended with status 9' 'mk: cannot make it: 9' 'mine.ini:6:' '[make]'
	called '<make><above>' '<make><disk1><9>' '<drop><above>'
}

@test "what is so already is not ours to take back" {
	tool_scene
	recipe mine <<-'END'
		[exec make]
		attach  = mk make ${backend/params}
		already = 15
		detach  = mk drop ${backend/params}
		[exec other]
		check  = mk has other
		expect = it {is} other
		attach = mk make other
		detach = mk drop other
	END
	echo disk1 >"$RIG/run/things/$(printf disk1 | md5sum | cut -c1-8)"
	echo other >"$RIG/run/things/$(printf other | md5sum | cut -c1-8)"
	thing_call 1 0 add
	called '<make><disk1>' '<has><other>'
	thing_call 1 0 remove
	called
	things disk1 other
	sed -i 's/expect = .*/expect = else/' "$RIG/etc-xen/hotplug/mine.ini"
	run thing_call 1 0 add
	[ "$status" = 1 ]
	says 'mk ended with status 15'
	things disk1 other
}

@test "what has gone by itself is no error, where the recipe says so" {
	tool_scene
	recipe mine <<-'END'
		[exec make]
		attach = mk make ${backend/params}
		detach = mk drop ${backend/params}
		gone   = 20, 21
	END
	thing_call 1 0 add
	rm "$RIG"/run/things/*
	thing_call 1 0 remove
	nothing_left
	sed -i '/gone/d' "$RIG/etc-xen/hotplug/mine.ini"
	thing_call 1 0 add
	rm "$RIG"/run/things/*
	run thing_call 1 0 remove
	[ "$status" = 1 ]
	says 'mk ended with status 21'
	[ -s "$RIG/run/xen-hotplug/devices/thing-1-0" ]
}

@test "it is tried again for as long as the recipe says" {
	tool_scene
	tool later <<-'END'
		echo "$*" >>/run/calls
		[ "$(grep -cx "$1" /run/calls)" -ge 3 ] || { echo not yet; exit 4; }
	END
	recipe mine <<-'END'
		[exec]
		attach = later up
		detach = later down
		retry  = 20
	END
	thing_call 1 0 add
	called up up up
	thing_call 1 0 remove
	called down down down
	nothing_left
	sed -i '/retry/d' "$RIG/etc-xen/hotplug/mine.ini"
	keep before
	run thing_call 1 0 add
	failed 'later ended with status 4: "not yet"'
}

@test "an output that is not as it was to be" {
	tool_scene
	recipe mine <<-'END'
		[exec make]
		attach = mk make ${backend/params}
		output = {number} built {name}
		detach = mk drop ${backend/params}
	END
	run thing_call 1 0 add
	failed 'no line of what mk says is of the form' '{number} built {name}' '7 made disk1'
	called '<make><disk1>' '<drop><disk1>'
}

@test "a program that hangs is killed with its children, and what it did taken back" {
	tool_scene
	tool hang <<-'END'
		mk make "$1"
		(setsid sleep 1000 & echo $! >/run/far)
		sleep 1001 & echo $! >/run/near
		wait
	END
	recipe mine <<-'END'
		[exec above]
		attach = mk make above
		detach = mk drop above
		[exec]
		attach  = hang disk1
		timeout = 8
		detach  = mk drop disk1
	END
	run thing_call 1 0 add
	failed 'hang: not done in time'
	called '<make><above>' '<make><disk1>' '<drop><disk1>' '<drop><above>'
	not alive "$(cat "$RIG/run/near")"
	kill "$(cat "$RIG/run/far")" # it has left our session of its own accord
}

# A program that hangs for good would keep this test from its end.
thaw_late() {
	sleep 300
	dom0 fsfreeze -u /run/frozen
}

@test "a program that hangs in the kernel: the error is told in time all the same" {
	tool_scene
	truncate -s 8M "$RIG/fs"
	mkfs.ext4 -q "$RIG/fs"
	mkdir "$RIG/run/frozen"
	FROZEN=$(losetup --find --show "$RIG/fs") || skip "no loop devices"
	dom0 mount "$FROZEN" /run/frozen
	dom0 fsfreeze -f /run/frozen
	rig_start thaw_late
	echo 'timeout = 10' >"$RIG/etc-xen/hotplug.conf"
	tool hang <<-'END'
		: >/run/frozen/file
	END
	recipe mine <<-'END'
		[exec]
		attach  = hang
		timeout = 8
	END
	run thing_call 1 0 add
	dom0 fsfreeze -u /run/frozen
	dom0 umount -l /run/frozen # the program is about to end
	failed 'hang: not done in time' 'hangs in the kernel'
}

@test "a process that a step left running is ended with it, and no other" {
	local pid
	tool_scene
	tool serve <<-'END'
		setsid sleep 1000 >/dev/null 2>&1 &
		echo "pid $!"
	END
	recipe mine <<-'END'
		[exec serve]
		attach = serve
		output = pid {pid}
		kill   = ${serve.pid}
		[exec more]
		attach = mk make p${serve.pid}
		detach = mk drop p${serve.pid}
	END
	thing_call 1 0 add
	pid=$(sed -n 's/^p//p' "$RIG"/run/things/*)
	kill -0 "$pid"
	thing_call 1 0 remove
	not alive "$pid"
	nothing_left
	# the number is somebody else's by now
	thing_call 1 0 add
	pid=$(sed -n 's/^p//p' "$RIG"/run/things/*)
	sed -i 's/ start=[0-9]*$/ start=1/' "$RIG/run/xen-hotplug/devices/thing-1-0"
	thing_call 1 0 remove
	alive "$pid" # kill says yes to one that only waits for its parent, too
	kill "$pid"
	nothing_left
}

@test "a secret is given to a program, and told to nobody" {
	tool_scene
	echo 'disk1 alice p4ss word' >"$RIG/etc-xen/secrets"
	chmod 600 "$RIG/etc-xen/secrets"
	recipe mine <<-'END'
		[lookup]
		file   = /etc/xen/secrets
		key    = ${backend/params}
		secret = yes
		[split who]
		text   = ${lookup.value}
		format = {user} {password}
		[exec]
		attach = mk make ${who.password}
		detach = mk drop x
		gone   = 21
	END
	run thing_plan 1 0 add
	[ "$status" = 0 ]
	[[ $output != *p4ss* && $output != *alice* ]]
	says 'attach         mk make ${who.password}' '(secret)'
	run thing_call 1 0 add
	[ "$status" = 0 ]
	called '<make><p4ss word>'
	not grep -r p4ss "$RIG/run/xen-hotplug" "$RIG/log"
	run xhp status
	[[ $output != *p4ss* ]]
	xenstore-ls >"$RIG/store"
	not grep p4ss "$RIG/store"
	thing_call 1 0 remove
	rm "$RIG"/run/things/*
	sed -i 's/who.password}/& 9/' "$RIG/etc-xen/hotplug/mine.ini"
	run thing_call 1 0 add
	failed 'mk ended with status 9: what it said may hold a secret'
	[[ $output != *p4ss* ]]
	not grep -r p4ss "$RIG/run/xen-hotplug"
	# one that cannot be a word
	for secret in 'alice -x' $'alice a\tb'; do
		echo "disk1 $secret" >"$RIG/etc-xen/secrets"
		run thing_call 1 0 add
		failed 'secret'
		[[ $output != *"${secret#alice }"* ]]
	done
	# what is found out by it is as secret
	tool reveal <<<'printf "it is %s\x01\n" "$1"'
	echo 'disk1 alice p4ss' >"$RIG/etc-xen/secrets"
	sed -i '/^attach/,$d' "$RIG/etc-xen/hotplug/mine.ini"
	printf '%s\n' 'read = reveal ${who.password}' 'output = it is {what}' '[exec use]' \
		'attach = mk make ${exec.what}' 'detach =' >>"$RIG/etc-xen/hotplug/mine.ini"
	run thing_call 1 0 add
	failed 'what reveal says is no text'
	[[ $output != *p4ss* ]]
	chmod 644 "$RIG/etc-xen/secrets"
	run thing_call 1 0 add
	failed 'others than root can read it'
}

@test "check and repair ask what the recipe asks" {
	tool_scene
	recipe mine <<-'END'
		[exec]
		check  = mk has disk1
		attach = mk make disk1
		detach = mk drop disk1
	END
	thing_call 1 0 add
	called '<has><disk1>' '<make><disk1>'
	run xhp check
	echo "$output"
	[ "$status" = 0 ]
	rm "$RIG"/run/things/*
	run xhp check
	[ "$status" = 1 ]
	says 'mk ended with status 1'
	run xhp repair
	[ "$status" = 0 ]
	things disk1
	run xhp check
	[ "$status" = 0 ]
	# attach again of what has drifted: from the beginning
	rm "$RIG"/run/things/*
	run thing_call 1 0 add
	[ "$status" = 1 ] # mk drop ends with 21, which the recipe does not call gone
	says 'what an earlier run left cannot be undone'
}

@test "check says what its program says, where that is not as expected any more" {
	tool_scene
	tool ask <<<'cat /run/answer'
	tool say <<<'echo "$1" >/run/answer'
	recipe mine <<-'END'
		[exec]
		check  = ask
		expect = yes {why}
		attach = say "yes of course"
		detach = say no
	END
	thing_call 1 0 add
	xhp check
	echo perhaps >"$RIG/run/answer"
	run xhp check
	[ "$status" = 1 ]
	says 'what ask says is not of the form "yes {why}" any more: "perhaps"'
	xhp repair
	[ "$(<"$RIG/run/answer")" = 'yes of course' ]
}

@test "what is shared can be repaired, and check says so" {
	tool_scene
	recipe mine <<-'END'
		[exec]
		shared = disk1
		check  = mk has disk1
		attach = mk make disk1
		detach = mk drop disk1
	END
	thing_call 1 0 add
	rm "$RIG"/run/things/*
	run xhp check --json
	[ "$status" = 1 ]
	xhp check --json 2>/dev/null | as_schema check
	jq -e '.[0].differences | length == 1 and .[0].repairable' "$RIG/json"
	run xhp check
	says 'mk ended with status 1' 'repair: makes it again: '
	xhp repair
	things disk1
	xhp check
	thing_call 1 0 remove
	nothing_left
}

@test "no journal: the way back is gone for what is attached, and for nothing else" {
	tool_scene
	recipe mine <<-'END'
		[exec make]
		attach = mk make ${backend/params}
		detach = mk drop ${backend/params}
		gone   = 21
	END
	thing_call 1 0 remove # an attach that failed, as far as can be told
	called
	xenstore-write /local/domain/0/backend/thing/1/0/hotplug-status connected
	thing_call 1 0 remove
	called '<drop><disk1>'
	# of what others hold, nothing
	sed -i 's/^attach/shared = ${backend\/params}\n&/' "$RIG/etc-xen/hotplug/mine.ini"
	thing 2 0 params=disk1
	keep before
	thing_call 2 0 add
	called '<make><disk1>'
	thing_call 1 0 remove
	called
	thing_call 2 0 remove
	called '<drop><disk1>'
}

@test "an empty detach: what was done stays, and that is no fault" {
	tool_scene
	recipe mine <<-'END'
		[exec]
		attach = mk make ${backend/params}
		detach =
	END
	xhp lint mine | grep 'ok$'
	thing_call 1 0 add
	things disk1
	xhp check
	thing_call 1 0 remove
	things disk1
	rm "$RIG"/run/things/*
	nothing_left
}
