// SPDX-License-Identifier: GPL-2.0-only
/*
 * Boot another kernel from this one, or have it booted when this one crashes. For a guest of the laboratory, linked statically: Debian's
 * kexec needs the libraries of Xen.
 *   kexec KERNEL INITRD "COMMAND LINE" [crash]
 */
#include <fcntl.h>
#include <linux/kexec.h>
#include <stdio.h>
#include <string.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char *argv[])
{
	int kernel, initrd, crash = argc > 4;

	if (argc < 4)
		return 2;

	kernel = open(argv[1], O_RDONLY);
	initrd = open(argv[2], O_RDONLY);
	if (syscall(SYS_kexec_file_load, kernel, initrd, strlen(argv[3]) + 1, argv[3], crash ? KEXEC_FILE_ON_CRASH : 0)) {
		perror("kexec_file_load");
		return 1;
	}
	if (!crash)
		reboot(0x45584543 /* LINUX_REBOOT_CMD_KEXEC */);
	return 0;
}
