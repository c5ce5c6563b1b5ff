# SPDX-License-Identifier: GPL-2.0
# Where the base's source comes from: a folder of archives, or a package of another suite.
load lib

setup()
{
	world
	unset LINUX_TARBALL
	mkdir sources
	mv linux.tar.xz sources/
	blob=$(git hash-object kernel/arch/x86/kvm/a.c)
	echo "$blob 1111111111111111111111111111111111111111 arch/x86/kvm/a.c" > patches/blobs
	echo "0000000000000000000000000000000000000000 1111111111111111111111111111111111111111 arch/x86/kvm/n.c" >> patches/blobs
	export SOURCES=$PWD/sources
}

# other NAME COMMAND: one more archive, with the kernel as COMMAND leaves it.
other()
{
	cp -r kernel other
	(cd other && eval "$2")
	tar -cJf "sources/$1.tar.xz" other
	rm -r other
}

# mirror VERSION: an apt that has one package, with the kernel as it is.
mirror()
{
	echo 'suite elsewhere' > patches/source
	fake dpkg-query 'echo installed'
	mkdir -p pkg/usr/src pkg/DEBIAN
	tar -cJf pkg/usr/src/linux-source-6.1.tar.xz kernel
	printf 'Package: linux-source-6.1\nVersion: %s\nArchitecture: all\nMaintainer: t <t@localhost>\nDescription: t\n' "$1" > pkg/DEBIAN/control
	dpkg-deb -b pkg linux-source-6.1_all.deb
	fake apt-cache "case \$1 in policy) echo '  Candidate: $1' ;; search) echo 'linux-source-6.9 - x' ;; esac"
	fake apt-get "case \$1 in indextargets) echo http://localhost/debian ;; download) cp $PWD/linux-source-6.1_all.deb . ;; esac"
}

@test "SOURCES: an archive whose touched files are the base's will do, others are named" {
	other a-newer 'sed -i s/192/200/ Makefile; echo x >> arch/x86/kvm/a.c'
	other b-alien 'sed -i "s/PATCHLEVEL = 1/PATCHLEVEL = 2/" Makefile'
	run "$top/scripts/base"
	[ "$status" -eq 0 ]
	[[ $output == *"a-newer.tar.xz is Linux 6.1.200, and not the base 6.1:"*"arch/x86/kvm/a.c: blob "*"6.1.192, of linux.tar.xz"* ]]
	[ "$(cat build/6.1/base)" = "archive linux.tar.xz" ]
	# Imported is imported, wherever the archive is by now.
	unset SOURCES
	"$top/scripts/base"
}

@test "SOURCES: what the series does not touch may differ" {
	rm sources/linux.tar.xz
	other trimmed 'rm arch/x86/kvm/b.c'
	"$top/scripts/base"
	[ "$(cat build/6.1/base)" = "archive trimmed.tar.xz" ]
}

@test "SOURCES that is no folder: says so" {
	SOURCES=nowhere run "$top/scripts/base"
	last_line_says "nowhere is not a folder" "leave SOURCES out"
}

@test "a package of another suite: fetched through an apt configuration of our own" {
	unset SOURCES
	mirror 6.1.192-1
	"$top/scripts/base"
	[ "$(cat build/6.1/base)" = "linux-source-6.1 6.1.192-1" ]
	[ ! -e build/6.1/get ]
}

@test "the suite has moved on: names the version and the files" {
	unset SOURCES
	echo x >> kernel/arch/x86/kvm/a.c
	mirror 6.1.300-1
	run "$top/scripts/base"
	last_line_says "elsewhere has moved on to linux-source-6.1 6.1.300-1" "arch/x86/kvm/a.c: blob" "SOURCES="
	[ ! -e build/6.1/linux ]
}

@test "the suite has another base by now: says which" {
	unset SOURCES
	mirror 6.1.192-1
	fake apt-cache 'case $1 in policy) echo "  Candidate: (none)" ;; search) echo "linux-source-6.9 - x" ;; esac'
	run "$top/scripts/base"
	last_line_says "elsewhere has no linux-source-6.1; it has linux-source-6.9" "SOURCES="
}
