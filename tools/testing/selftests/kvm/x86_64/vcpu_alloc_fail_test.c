// SPDX-License-Identifier: GPL-2.0-only
/*
 * Let each allocation fail, one at a time, that is made when a vCPU is created,
 * and when the table of VMX's IPI virtualization becomes larger.  Whatever
 * fails, IPIs to vCPUs that exist arrive, and those to an ID that no vCPU has
 * exit, i.e. don't find anything in the tables that CPUs deliver IPIs with.
 *
 * Needs the kernel's fault injection.
 */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "apic.h"
#include "kvm_util.h"
#include "processor.h"
#include "test_util.h"

#define IPI_VECTOR	0xa4
#define NR_IPIS		20

/* The first ID that needs more than the one page that tables start with. */
#define LARGE_ID	512

#define DEBUGFS		"/sys/kernel/debug/"

/* Shared with the guest. */
static volatile uint64_t dest, nr_ipis, received;

static struct kvm_vm *vm;
static struct kvm_vcpu *sender;
static int nth_fd;
static bool ipiv;

static void ipi_handler(struct ex_regs *regs)
{
	received++;
	x2apic_write_reg(APIC_EOI, 0);
}

static void guest_code(void)
{
	uint64_t i;

	x2apic_enable();
	asm volatile("sti");
	for (;;) {
		GUEST_SYNC(0);
		for (i = 0; i < nr_ipis; i++)
			x2apic_write_reg(APIC_ICR, dest << 32 | IPI_VECTOR);
	}
}

static volatile uint64_t *host(volatile uint64_t *var)
{
	return addr_gva2hva(vm, (vm_vaddr_t)var);
}

static void run_vcpu(struct kvm_vcpu *vcpu)
{
	struct ucall uc;

	vcpu_run(vcpu);
	ASSERT_EQ(get_ucall(vcpu, &uc), UCALL_SYNC);
}

/* Send NR_IPIS to @id, return the number of exits. */
static uint64_t send_ipis(uint32_t id)
{
	uint64_t exits = vcpu_get_stat(sender, "exits");

	*host(&dest) = id;
	*host(&nr_ipis) = NR_IPIS;
	run_vcpu(sender);
	*host(&nr_ipis) = 0;
	return vcpu_get_stat(sender, "exits") - exits;
}

/* AVIC exits, too, if the target isn't running. */
static void check_exits(uint32_t id, bool expected, int n)
{
	uint64_t exits = send_ipis(id);

	if (ipiv)
		TEST_ASSERT(expected ? exits >= NR_IPIS : exits < NR_IPIS / 2,
			    "Allocation %d failed: %lu exits for %d IPIs to ID %u", n,
			    exits, NR_IPIS, id);
}

/* @vcpu has been sent IPIs, all with the same vector. */
static void check_received(struct kvm_vcpu *vcpu, int n)
{
	uint64_t before = *host(&received);

	run_vcpu(vcpu);
	TEST_ASSERT(*host(&received) == before + 1,
		    "Allocation %d failed: vCPU %u received %lu IPIs", n, vcpu->id,
		    *host(&received) - before);
}

/* Let the @n-th allocation of this task fail, from now on. */
static void begin_failure(int n)
{
	char s[16];

	snprintf(s, sizeof(s), "%d", n);
	TEST_ASSERT(pwrite(nth_fd, s, strlen(s), 0) == strlen(s), "Can't write fail-nth");
}

/* Return whether an allocation has failed. */
static bool end_failure(void)
{
	char s[16] = "";

	TEST_ASSERT(pread(nth_fd, s, sizeof(s) - 1, 0) > 0, "Can't read fail-nth");
	begin_failure(0);
	return !atoi(s);
}

static struct kvm_vcpu *add_vcpu(uint32_t id)
{
	struct kvm_vcpu *vcpu = vm_vcpu_add(vm, id, guest_code);

	vcpu_init_descriptor_tables(vcpu);
	return vcpu;
}

static void create_vm(void)
{
	vm = __vm_create(VM_MODE_DEFAULT, 2, 0);
	vm_init_descriptor_tables(vm);
	vm_install_exception_handler(vm, IPI_VECTOR, ipi_handler);
}

static void add_sender(void)
{
	sender = add_vcpu(0);
	run_vcpu(sender);
}

/* The creation of vCPU @id has failed: no trace of it, and it can be repeated. */
static void check_failed_creation(uint32_t id, int n)
{
	struct kvm_vcpu *vcpu;

	if (!id)
		add_sender();
	else
		check_exits(id, true, n);

	vcpu = add_vcpu(id ?: 1);
	run_vcpu(vcpu);
	check_exits(vcpu->id, false, n);
	check_received(vcpu, n);
}

/* Create vCPU @id, which is the first vCPU of the VM if it's 0. */
static void test_creation(uint32_t id)
{
	int n, fd, error, nr_failed = 0;
	bool failed = true;

	for (n = 1; failed; n++) {
		create_vm();
		if (id)
			add_sender();

		begin_failure(n);
		fd = __vm_ioctl(vm, KVM_CREATE_VCPU, (void *)(unsigned long)id);
		error = errno;
		failed = end_failure();

		if (fd < 0) {
			TEST_ASSERT(failed, "No allocation failed: %s", strerror(error));
			if (error != ENOMEM)
				pr_info("Allocation %d: %s\n", n, strerror(error));
			check_failed_creation(id, n);
			nr_failed++;
		} else {
			close(fd);
		}
		kvm_vm_free(vm);
	}
	pr_info("vCPU %u: %d allocations, its creation fails without %d of them\n", id, n - 2,
		nr_failed);
	TEST_ASSERT(nr_failed > 0, "No allocation of vCPU %u has failed", id);
}

/* Enable the APIC of @vcpu, in x2APIC mode, as for migration. */
static int set_lapic(struct kvm_vcpu *vcpu, int n)
{
	struct kvm_lapic_state lapic;
	struct kvm_sregs sregs;
	int r;

	vcpu_sregs_get(vcpu, &sregs);
	sregs.apic_base |= X2APIC_ENABLE;
	vcpu_sregs_set(vcpu, &sregs);
	vcpu_ioctl(vcpu, KVM_GET_LAPIC, &lapic);
	*(uint32_t *)&lapic.regs[APIC_SPIV] |= APIC_SPIV_APIC_ENABLED;

	begin_failure(n);
	r = __vcpu_ioctl(vcpu, KVM_SET_LAPIC, &lapic);
	return r ? -errno : 0;
}

static void test_growth(void)
{
	struct kvm_vcpu *vcpu;
	int n, r, nr_failed = 0;
	bool failed = true;
	uint64_t large;

	for (n = 1; failed; n++) {
		create_vm();
		add_sender();
		vcpu = add_vcpu(LARGE_ID);

		r = set_lapic(vcpu, n);
		failed = end_failure();
		TEST_ASSERT(!r || (failed && r == -ENOMEM), "Allocation %d: %s", n,
			    strerror(-r));
		nr_failed += vm_get_stat(vm, "ipiv_alloc_failed");
		large = vm_get_stat(vm, "ipiv_table_ids") > LARGE_ID;

		check_exits(LARGE_ID, !large, n);
		if (!r)
			check_received(vcpu, n);
		else
			run_vcpu(vcpu);

		/* The next update has grown it. */
		check_exits(LARGE_ID, false, n);
		check_received(vcpu, n);
		kvm_vm_free(vm);
	}
	pr_info("larger table: %d allocations, one of them was the table\n", n - 2);
	ASSERT_EQ(nr_failed, 1);
}

static bool is_enabled(const char *param)
{
	FILE *f = fopen(param, "r");
	bool r = f && fgetc(f) == 'Y';

	if (f)
		fclose(f);
	return r;
}

static void set_debugfs(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	__TEST_REQUIRE(fd >= 0, "not supported by the kernel's configuration: %s", path);
	TEST_ASSERT(write(fd, text, strlen(text)) == strlen(text), "Can't write %s", path);
	close(fd);
}

/* By default only allocations that can't wait, or that are large, may fail. */
static void set_up_injection(void)
{
	set_debugfs(DEBUGFS "failslab/ignore-gfp-wait", "N");
	set_debugfs(DEBUGFS "failslab/verbose", "0");
	set_debugfs(DEBUGFS "fail_page_alloc/ignore-gfp-wait", "N");
	set_debugfs(DEBUGFS "fail_page_alloc/ignore-gfp-highmem", "N");
	set_debugfs(DEBUGFS "fail_page_alloc/min-order", "0");
	set_debugfs(DEBUGFS "fail_page_alloc/verbose", "0");
}

int main(void)
{
	nth_fd = open("/proc/thread-self/fail-nth", O_RDWR);
	__TEST_REQUIRE(nth_fd >= 0, "not supported by the kernel's configuration: fail-nth");
	set_up_injection();

	ipiv = is_intel_cpu() && is_enabled("/sys/module/kvm_intel/parameters/enable_ipiv");
	pr_info("IPI virtualization: %s\n", ipiv ? "yes" : "no");

	test_creation(0);
	test_creation(1);
	if (ipiv)
		test_growth();
	return 0;
}
