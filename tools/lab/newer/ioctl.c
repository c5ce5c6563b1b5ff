// SPDX-License-Identifier: GPL-2.0
/*
 * The selftests of newer kernels on an older one: their library makes each memslot with KVM_SET_USER_MEMORY_REGION2, of v6.8.
 * Without guest_memfd that is KVM_SET_USER_MEMORY_REGION, whose argument is the beginning of the newer one. Linked with --wrap=ioctl.
 */
#include <stdarg.h>
#include <linux/kvm.h>

int __real_ioctl(int fd, unsigned long request, void *arg);

int __wrap_ioctl(int fd, unsigned long request, ...)
{
	va_list args;
	void *arg;

	va_start(args, request);
	arg = va_arg(args, void *);
	va_end(args);

	if (request == KVM_SET_USER_MEMORY_REGION2 && !(((struct kvm_userspace_memory_region2 *)arg)->flags & KVM_MEM_GUEST_MEMFD))
		request = KVM_SET_USER_MEMORY_REGION;
	if (request == KVM_CHECK_EXTENSION && arg == (void *)KVM_CAP_USER_MEMORY2)
		arg = (void *)KVM_CAP_USER_MEMORY;
	return __real_ioctl(fd, request, arg);
}
