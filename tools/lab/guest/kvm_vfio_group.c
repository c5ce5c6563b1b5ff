// SPDX-License-Identifier: GPL-2.0-only
/*
 * Preloaded into a VMM: adds the VFIO group of /dev/vfio/noiommu-0 to each VM that it creates. QEMU's own vfio-pci knows no
 * no-IOMMU groups, and an ioctl on a VM has to come from the process that made it. At exit it prints the CPU time of the VMM.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <linux/vfio.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/resource.h>

static int (*next)(int fd, unsigned long request, ...);

static void must(int ok, const char *what)
{
	if (ok)
		return;
	perror(what);
	exit(1);
}

/* All files stay open, i.e. the VM has non-coherent DMA from its beginning to its end. */
static void add_group(int vm_fd)
{
	struct kvm_create_device vfio = { .type = KVM_DEV_TYPE_VFIO };
	int container = open("/dev/vfio/vfio", O_RDWR), group = open("/dev/vfio/noiommu-0", O_RDWR);
	struct kvm_device_attr attr = {
		.group = KVM_DEV_VFIO_GROUP, .attr = KVM_DEV_VFIO_GROUP_ADD, .addr = (unsigned long)&group,
	};

	must(container >= 0 && group >= 0, "opening /dev/vfio");
	must(!next(group, VFIO_GROUP_SET_CONTAINER, &container), "VFIO_GROUP_SET_CONTAINER");
	must(!next(container, VFIO_SET_IOMMU, VFIO_NOIOMMU_IOMMU), "VFIO_SET_IOMMU");
	must(!next(vm_fd, KVM_CREATE_DEVICE, &vfio), "KVM_CREATE_DEVICE");
	must(!next(vfio.fd, KVM_SET_DEVICE_ATTR, &attr), "KVM_DEV_VFIO_GROUP_ADD");
}

/* Only VMs of KVM_CREATE_VM: QEMU makes one, after it has made and closed one to ask for capabilities, or not. */
int ioctl(int fd, unsigned long request, ...)
{
	va_list args;
	void *arg;
	int r;

	va_start(args, request);
	arg = va_arg(args, void *);
	va_end(args);
	if (!next)
		next = dlsym(RTLD_NEXT, "ioctl");
	r = next(fd, request, arg);
	if (request == KVM_CREATE_VM && r >= 0 && getenv("KVM_VFIO_GROUP"))
		add_group(r);
	return r;
}

__attribute__((destructor)) static void report(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	fprintf(stderr, "cpu-us %ld\n", (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 +
		usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}
