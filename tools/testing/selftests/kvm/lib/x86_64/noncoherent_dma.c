// SPDX-License-Identifier: GPL-2.0-only
/*
 * Non-coherent DMA without a device that does any DMA.
 *
 * KVM treats a VM as one with non-coherent DMA as soon as its VFIO device knows
 * a group whose container doesn't enforce coherency.  That is the case for any
 * group in VFIO's no-IOMMU mode, i.e. neither an IOMMU nor a particular device
 * is needed.  As the function isn't protected from anything else in the system,
 * only an IDE function that no driver has bound is taken, e.g. the one of the
 * chipset that QEMU and Bochs emulate.
 */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "kvm_util.h"
#include "noncoherent_dma.h"
#include "test_util.h"

#define NOIOMMU_PARAM	"/sys/module/vfio/parameters/enable_unsafe_noiommu_mode"
#define PCI_DEVICES	"/sys/bus/pci/devices"
#define PCI_DRIVERS	"/sys/bus/pci/drivers"
#define PCI_CLASS_IDE	"0x0101"

struct noncoherent_dma {
	char bdf[NAME_MAX + 1];
	char old_noiommu[2];
	int container_fd;
	int group_fd;
	int kvm_vfio_fd;
};

static bool read_file(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY);
	ssize_t n;

	if (fd < 0)
		return false;

	n = read(fd, buf, size - 1);
	close(fd);
	if (n <= 0)
		return false;

	buf[n] = '\0';
	return true;
}

static bool write_file(const char *path, const char *val)
{
	int fd = open(path, O_WRONLY);
	ssize_t n;

	if (fd < 0)
		return false;

	n = write(fd, val, strlen(val));
	close(fd);
	return n == strlen(val);
}

static bool pci_read(const char *bdf, const char *attr, char *buf, size_t size)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), PCI_DEVICES "/%s/%s", bdf, attr);
	return read_file(path, buf, size);
}

static bool pci_write(const char *bdf, const char *attr, const char *val)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), PCI_DEVICES "/%s/%s", bdf, attr);
	return write_file(path, val);
}

/* The last component of what a link of a PCI function points at, e.g. driver. */
static bool pci_link(const char *bdf, const char *link, char *buf, size_t size)
{
	char path[PATH_MAX], target[PATH_MAX];
	ssize_t n;

	snprintf(path, sizeof(path), PCI_DEVICES "/%s/%s", bdf, link);
	n = readlink(path, target, sizeof(target) - 1);
	if (n <= 0)
		return false;

	target[n] = '\0';
	snprintf(buf, size, "%s", strrchr(target, '/') + 1);
	return true;
}

/* An aborted test leaves the function bound to vfio-pci, in a no-IOMMU group. */
static bool is_usable(const char *bdf)
{
	char class[16], driver[NAME_MAX + 1], group[32];

	if (!pci_read(bdf, "class", class, sizeof(class)) ||
	    strncmp(class, PCI_CLASS_IDE, strlen(PCI_CLASS_IDE)))
		return false;

	if (pci_read(bdf, "iommu_group/name", group, sizeof(group)))
		return !strcmp(group, "vfio-noiommu\n");

	return !pci_link(bdf, "iommu_group", group, sizeof(group)) &&
	       !pci_link(bdf, "driver", driver, sizeof(driver));
}

static bool find_function(char *bdf, size_t size)
{
	DIR *dir = opendir(PCI_DEVICES);
	struct dirent *entry;
	bool found = false;

	while (dir && !found && (entry = readdir(dir))) {
		found = entry->d_name[0] != '.' && is_usable(entry->d_name);
		if (found)
			snprintf(bdf, size, "%s", entry->d_name);
	}

	if (dir)
		closedir(dir);
	return found;
}

static void bind_to_vfio(const char *bdf)
{
	char driver[NAME_MAX + 1];

	if (!pci_link(bdf, "driver", driver, sizeof(driver))) {
		TEST_ASSERT(pci_write(bdf, "driver_override", "vfio-pci"),
			    "Failed to override the driver of %s", bdf);
		TEST_ASSERT(write_file("/sys/bus/pci/drivers_probe", bdf),
			    "Failed to probe %s", bdf);
	}

	TEST_ASSERT(pci_link(bdf, "driver", driver, sizeof(driver)) &&
		    !strcmp(driver, "vfio-pci"),
		    "%s isn't bound to vfio-pci", bdf);
}

static int open_group(const char *bdf)
{
	char id[NAME_MAX + 1], path[PATH_MAX];

	TEST_ASSERT(pci_link(bdf, "iommu_group", id, sizeof(id)),
		    "%s has no IOMMU group", bdf);

	snprintf(path, sizeof(path), "/dev/vfio/noiommu-%s", id);
	return open_path_or_exit(path, O_RDWR);
}

struct noncoherent_dma *noncoherent_dma_open(void)
{
	struct noncoherent_dma *dma = calloc(1, sizeof(*dma));
	int r;

	TEST_ASSERT(dma, "Failed to allocate memory");

	__TEST_REQUIRE(!access("/dev/vfio/vfio", R_OK | W_OK),
		       "non-coherent DMA needs VFIO");
	__TEST_REQUIRE(!access(PCI_DRIVERS "/vfio-pci", F_OK),
		       "non-coherent DMA needs vfio-pci");
	__TEST_REQUIRE(read_file(NOIOMMU_PARAM, dma->old_noiommu,
				 sizeof(dma->old_noiommu)),
		       "non-coherent DMA needs CONFIG_VFIO_NOIOMMU");
	__TEST_REQUIRE(find_function(dma->bdf, sizeof(dma->bdf)),
		       "non-coherent DMA needs an unused PCI IDE function without an IOMMU");
	__TEST_REQUIRE(write_file(NOIOMMU_PARAM, "Y"),
		       "non-coherent DMA needs permission to enable VFIO's no-IOMMU mode");

	bind_to_vfio(dma->bdf);
	dma->group_fd = open_group(dma->bdf);
	dma->container_fd = open_path_or_exit("/dev/vfio/vfio", O_RDWR);
	dma->kvm_vfio_fd = -1;

	r = ioctl(dma->group_fd, VFIO_GROUP_SET_CONTAINER, &dma->container_fd);
	TEST_ASSERT(!r, "VFIO_GROUP_SET_CONTAINER failed, errno = %d", errno);

	r = ioctl(dma->container_fd, VFIO_SET_IOMMU, VFIO_NOIOMMU_IOMMU);
	TEST_ASSERT(!r, "VFIO_SET_IOMMU failed, errno = %d", errno);

	return dma;
}

void noncoherent_dma_close(struct noncoherent_dma *dma)
{
	if (dma->kvm_vfio_fd >= 0)
		noncoherent_dma_stop(dma);

	close(dma->group_fd);
	close(dma->container_fd);

	write_file(PCI_DRIVERS "/vfio-pci/unbind", dma->bdf);
	pci_write(dma->bdf, "driver_override", "\n");
	write_file(NOIOMMU_PARAM, dma->old_noiommu);
	free(dma);
}

void noncoherent_dma_start(struct noncoherent_dma *dma, struct kvm_vm *vm)
{
	TEST_ASSERT(dma->kvm_vfio_fd < 0, "Non-coherent DMA is already started");

	dma->kvm_vfio_fd = kvm_create_device(vm, KVM_DEV_TYPE_VFIO);
	kvm_device_attr_set(dma->kvm_vfio_fd, KVM_DEV_VFIO_GROUP,
			    KVM_DEV_VFIO_GROUP_ADD, &dma->group_fd);
}

/* The group goes with the VFIO device. */
void noncoherent_dma_stop(struct noncoherent_dma *dma)
{
	close(dma->kvm_vfio_fd);
	dma->kvm_vfio_fd = -1;
}
