# SPDX-License-Identifier: LGPL-2.1-or-later
# Which system calls of "strace -f -v -s 4096" could change something: awk -f readonly.awk
# TRACE. All is suspect that is not known to be harmless.

BEGIN {
	split("brk mmap munmap mremap mprotect madvise access faccessat faccessat2 fstat " \
		"newfstatat statx statfs fstatfs lseek read pread64 readv readlink readlinkat " \
		"getdents64 close fcntl dup arch_prctl set_tid_address set_robust_list rseq " \
		"prlimit64 rt_sigaction rt_sigprocmask rt_sigreturn sigaltstack umask setitimer " \
		"getrandom getpid gettid getuid geteuid getgid getegid getcwd uname sysinfo " \
		"socket connect bind getsockname getpeername setsockopt getsockopt recvmsg " \
		"recvfrom shutdown poll ppoll select pselect6 futex exit exit_group " \
		"clock_gettime clock_nanosleep nanosleep restart_syscall sched_yield " \
		"sched_getaffinity pipe2 wait4", list, " ")
	for (i in list)
		harmless[list[i]] = 1
}

function bad() {
	print
	found = 1
}

# Only threads, of the same program.
function starts_thread() {
	return /CLONE_THREAD/
}

# xenstore's header: directory, read, get-perms, get-domain-path; what follows it is text.
function is_question() {
	return !/"\\/ || /"(\\[123]|\\n)\\0\\0\\0/
}

{
	sub(/^[0-9]+ +/, "")
	if (/^(\+\+\+|---|<\.\.\.)/)
		next
	name = $0
	sub(/\(.*/, "", name)
}

name == "execve" { if (programs++) bad(); next }
name in harmless { next }
name ~ /^(open|openat|openat2|creat)$/ {
	if (!/"\/dev\/null"/ && (!/O_RDONLY|O_PATH/ || /O_(WRONLY|RDWR|CREAT|TRUNC|APPEND)/))
		bad()
	next
}
name ~ /^clone3?$/ { if (!starts_thread()) bad(); next }
name == "ioctl" {
	if (!/, (TCGETS|BLKROGET|BLKGETDISKSEQ|BLKGETSIZE64|LOOP_GET_STATUS64|FS_IOC_FSGETXATTR|SIOCETHTOOL|SIOCGIFNAME)[,)]/)
		bad()
	next
}
name ~ /^quotactl(_fd)?$/ { if (!/Q_(XGETQSTATV|GETQUOTA)/) bad(); next }
# Standard output and error; a question to xenstore.
name ~ /^writev?$/ { if (!/^writev?\([12]</ && (!/^writev?\([0-9]+<UNIX/ || !is_question())) bad(); next }
name == "sendmsg" && /<UNIX/ { if (!is_question()) bad(); next }
name ~ /^send(to|msg)$/ && /<NETLINK:/ {
	n = split($0, part, "nlmsg_type=")
	if (n < 2)
		bad()
	for (i = 2; i <= n; i++)
		if (part[i] !~ /^(RTM_GET|NFNL_SUBSYS_NFTABLES<<8\|NFT_MSG_GET)/) {
			bad()
			break
		}
	next
}
# A question to Open vSwitch's database.
name == "sendto" && /<UNIX/ { if (!/\\"method\\"/ || /\\"(insert|update|mutate|delete|commit|steal)\\"/) bad(); next }
{ bad() }

END {
	if (!programs) {
		print "no trace"
		found = 1
	}
	exit found
}
