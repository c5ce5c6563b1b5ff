#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
# make deb, where it cannot be done: one line each, before anything is built.
bats_require_minimum_version 1.5.0
load lib

setup()
{
	world
	mkdir -p boot proc efi
	export BOOT=$PWD/boot PROC=$PWD/proc EFIVARS=$PWD/efi
	printf 'CONFIG_MODULES=y\nCONFIG_KVM=m\n' > "boot/config-$(uname -r)"
	fake make 'echo "make was called"; exit 1'
}

@test "too little disk" {
	fake df 'printf "Avail\n1048576\n"'
	run "$top/scripts/deb"
	last_line_says "too little disk" "1 GiB free, the build takes up to 2" "BUILD="
	seq -f 'CONFIG_M%g=m' 300 >> "boot/config-$(uname -r)"
	run "$top/scripts/deb"
	last_line_says "too little disk" "up to 16"
}

@test "a kernel without modules: said before it's built" {
	sed -i /MODULES/d "boot/config-$(uname -r)"
	run "$top/scripts/deb"
	last_line_says "this configuration has no modules" "CONFIG="
}

@test "no configuration" {
	rm boot/config-*
	fake dpkg-query 'exit 1'
	fake apt-cache 'exit 0'
	fake apt-get 'echo "E: Unable to locate package"; exit 100'
	fake sudo '"$@"'
	run "$top/scripts/deb"
	last_line_says "no configuration: neither $BOOT/config-$(uname -r)" "CONFIG=file"
	CONFIG=$PWD/absent run "$top/scripts/deb"
	last_line_says "there is no configuration $PWD/absent"
	CONFIG=$PWD/linux.tar.xz run "$top/scripts/deb"
	last_line_says "is not the configuration of a kernel"
}

@test "secure boot" {
	printf '\6\0\0\0\1' > efi/SecureBoot-8be4df61
	run "$top/scripts/deb"
	last_line_says "secure boot is on" "SECURE_BOOT=ignore"
	printf '\6\0\0\0\0' > efi/SecureBoot-8be4df61
	fake df 'printf "Avail\n0\n"'
	run "$top/scripts/deb"
	last_line_says "too little disk"
}

@test "a build that fails: the log" {
	fake dpkg-query 'echo installed'
	run "$top/scripts/deb"
	last_line_says "log: $BUILD/log/"
}

@test "an option that a distribution's configuration cannot have is named; an empty text is none" {
	fake make 'exit 0'
	mkdir -p out
	printf 'CONFIG_KEYS=""\nCONFIG_OTHER=""\nCONFIG_KVM=m\n' > fragment
	printf 'CONFIG_PCI=y\n' > from
	run -0 "$top/scripts/configure" "$PWD" "$PWD/out" --from from fragment
	fake make 'printf "CONFIG_KEYS=\"certs/of-somebody.pem\"\n" > out/.config'
	run "$top/scripts/configure" "$PWD" "$PWD/out" --from from fragment
	last_line_says "the configuration lost" "CONFIG_KEYS=" "CONFIG_KVM=m"
}
