// SPDX-License-Identifier: GPL-2.0-only
/*
 * Test what KVM does when a variable-range MTRR is written.
 *
 * With non-coherent DMA and EPT, the memory type in a SPTE is the one of the
 * guest's MTRRs at the time of the EPT violation.  SPTEs whose type differs from
 * the one that they would get now have to go when an MTRR is written: those in
 * the range that the MTRR covered until then, and those in the range that it
 * covers from then on.  SPTEs elsewhere had better stay.  What has been unmapped
 * is observed by touching memory again and counting the faults that KVM fixes.
 *
 * With NPT the guest's MTRRs have no effect.  KVM may or may not unmap memory
 * then, and only what must not happen is tested: warnings, and the unmapping of
 * memory for the sake of an MTRR that isn't valid.
 *
 * Not covered: fixed-range MTRRs, CR0.CD, and what type the SPTEs have.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "kvm_util.h"
#include "mtrr.h"
#include "noncoherent_dma.h"
#include "processor.h"
#include "test_util.h"

#define TAINT_WARN		BIT_ULL(9)

#define RANGE_SIZE		BIT_ULL(21)
#define MEM_SLOT		10
#define MEM_GPA			BIT_ULL(24)	/* above what the fixed-range MTRRs cover */
#define MEM_SIZE		(4 * RANGE_SIZE)

/* Guest memory, in ascending order.  GVA == GPA. */
#define RANGE_A			MEM_GPA
#define RANGE_B			(MEM_GPA + 2 * RANGE_SIZE)
#define RANGE_C			(MEM_GPA + 3 * RANGE_SIZE)

/* Memory is touched at this many places per range. */
#define NR_TOUCHED		16
#define TOUCH_STRIDE		(RANGE_SIZE / NR_TOUCHED)

enum guest_op {
	OP_NOP,
	OP_WRMSR,
	OP_TOUCH,
};

static struct guest_cmd {
	enum guest_op op;
	uint32_t msr;
	uint64_t val;
	uint64_t gva;
	uint64_t size;
} cmd;

static uint64_t maxphyaddr_mask;
static struct kvm_vcpu *vcpu;
static struct kvm_vm *vm;
static int kmsg_fd;
static bool failed;

static void guest_code(void)
{
	struct guest_cmd c;
	uint64_t offset;

	for (;;) {
		/* The host has written a new command since the last exit. */
		barrier();
		c = cmd;

		switch (c.op) {
		case OP_NOP:
			break;
		case OP_WRMSR:
			wrmsr(c.msr, c.val);
			break;
		case OP_TOUCH:
			for (offset = 0; offset < c.size; offset += TOUCH_STRIDE)
				WRITE_ONCE(*(uint64_t *)(c.gva + offset), offset);
			break;
		}
		GUEST_SYNC(c.op);
	}
}

static void run_guest(enum guest_op op)
{
	cmd.op = op;
	sync_global_to_guest(vm, cmd);
	vcpu_run_op(vcpu, op);
}

static void guest_wrmsr(uint32_t msr, uint64_t val)
{
	cmd.msr = msr;
	cmd.val = val;
	run_guest(OP_WRMSR);
}

/* Touch memory in the guest, and return the number of pages KVM had to map. */
static uint64_t touch(uint64_t gva, uint64_t size)
{
	uint64_t before;

	/* Map whatever else the guest needs in order to touch memory. */
	run_guest(OP_NOP);

	cmd.gva = gva;
	cmd.size = size;
	before = vcpu_get_stat(vcpu, "pf_fixed");
	run_guest(OP_TOUCH);
	return vcpu_get_stat(vcpu, "pf_fixed") - before;
}

static void touch_all(void)
{
	touch(RANGE_A, RANGE_SIZE);
	touch(RANGE_B, RANGE_SIZE);
	touch(RANGE_C, RANGE_SIZE);
}

static void expect_faults(const char *func, int line, uint64_t gva,
			  uint64_t size, uint64_t want)
{
	uint64_t nr = touch(gva, size);

	if (nr == want)
		return;

	ksft_print_msg("%s:%d: %lu faults in [%#lx, %#lx), expected %lu\n",
		       func, line, nr, gva, gva + size, want);
	failed = true;
}

/* Memory has to be unmapped only if guest MTRRs have an effect, i.e. with EPT. */
static void expect_unmapped(const char *func, int line, uint64_t gva,
			    uint64_t size)
{
	if (is_intel_cpu())
		expect_faults(func, line, gva, size, size / TOUCH_STRIDE);
	else
		touch(gva, size);
}

#define EXPECT_MAPPED(gva, size)	\
	expect_faults(__func__, __LINE__, gva, size, 0)
#define EXPECT_UNMAPPED(gva, size)	\
	expect_unmapped(__func__, __LINE__, gva, size)

static uint64_t mask_of(uint64_t size)
{
	return (~(size - 1) & maxphyaddr_mask) | MTRR_MASK_VALID;
}

static void mtrr_set(int n, uint64_t gpa, uint64_t size, uint8_t type)
{
	guest_wrmsr(MTRR_BASE(n), gpa | type);
	guest_wrmsr(MTRR_MASK(n), mask_of(size));
}

static void mtrr_clear(int n)
{
	guest_wrmsr(MTRR_MASK(n), 0);
	touch_all();
}

/* Count the warnings in the kernel log since the last call. */
static int count_warnings(void)
{
	char record[8192];
	int nr = 0;
	ssize_t n;

	for (;;) {
		n = read(kmsg_fd, record, sizeof(record) - 1);
		if (n < 0 && errno == EPIPE)
			continue;
		if (n <= 0)
			break;

		record[n] = '\0';
		if (strstr(record, "WARNING: ") && strstr(record, "kvm"))
			nr++;
	}

	return nr;
}

/*
 * The kernel warns only once about a given problem, unless it's told to forget.
 * A warning before this test may thus hide the one that the test is after.
 */
static bool can_see_warnings(void)
{
	unsigned long tainted = 0;
	FILE *f;
	int fd;

	fd = open("/sys/kernel/debug/clear_warn_once", O_WRONLY);
	if (fd >= 0) {
		test_write(fd, "1", 1);
		close(fd);
		return true;
	}

	f = fopen("/proc/sys/kernel/tainted", "r");
	TEST_ASSERT(f && fscanf(f, "%lu", &tainted) == 1,
		    "Failed to read the taint of the kernel");
	fclose(f);
	return !(tainted & TAINT_WARN);
}

/* BASE comes before MASK in almost all software that programs an MTRR. */
static void test_mask_never_written(void)
{
	count_warnings();

	guest_wrmsr(MTRR_BASE(0), RANGE_A | TYPE_UC);
	EXPECT(!count_warnings(), "WRMSR of BASE made the kernel warn");
	EXPECT_MAPPED(RANGE_A, RANGE_SIZE);
	EXPECT_MAPPED(RANGE_C, RANGE_SIZE);
}

static void test_mask_never_written_userspace(void)
{
	count_warnings();

	vcpu_set_msr(vcpu, MTRR_BASE(1), RANGE_A | TYPE_UC);
	EXPECT(!count_warnings(), "KVM_SET_MSRS of BASE made the kernel warn");
	EXPECT_MAPPED(RANGE_A, RANGE_SIZE);
	EXPECT_MAPPED(RANGE_C, RANGE_SIZE);
}

/* Nothing that is written to an invalid MTRR changes a memory type. */
static void test_invalid(void)
{
	guest_wrmsr(MTRR_MASK(2), mask_of(RANGE_SIZE) & ~MTRR_MASK_VALID);
	EXPECT_MAPPED(RANGE_A, RANGE_SIZE);
	EXPECT_MAPPED(RANGE_C, RANGE_SIZE);

	guest_wrmsr(MTRR_BASE(2), RANGE_B | TYPE_WT);
	EXPECT_MAPPED(RANGE_A, RANGE_SIZE);
	EXPECT_MAPPED(RANGE_B, RANGE_SIZE);
	EXPECT_MAPPED(RANGE_C, RANGE_SIZE);

	guest_wrmsr(MTRR_MASK(2), 0);
	EXPECT_MAPPED(RANGE_B, RANGE_SIZE);
	EXPECT_MAPPED(RANGE_C, RANGE_SIZE);
}

static void test_becomes_valid(void)
{
	mtrr_set(2, RANGE_B, RANGE_SIZE, TYPE_UC);
	EXPECT_MAPPED(RANGE_A, RANGE_SIZE);
	EXPECT_UNMAPPED(RANGE_B, RANGE_SIZE);
	EXPECT_MAPPED(RANGE_C, RANGE_SIZE);
}

static void test_becomes_invalid(void)
{
	mtrr_set(2, RANGE_B, RANGE_SIZE, TYPE_UC);
	touch_all();
	guest_wrmsr(MTRR_MASK(2), mask_of(RANGE_SIZE) & ~MTRR_MASK_VALID);
	EXPECT_MAPPED(RANGE_A, RANGE_SIZE);
	EXPECT_UNMAPPED(RANGE_B, RANGE_SIZE);
	EXPECT_MAPPED(RANGE_C, RANGE_SIZE);

	mtrr_set(2, RANGE_B, RANGE_SIZE, TYPE_UC);
	touch_all();
	guest_wrmsr(MTRR_MASK(2), 0);
	EXPECT_MAPPED(RANGE_A, RANGE_SIZE);
	EXPECT_UNMAPPED(RANGE_B, RANGE_SIZE);
	EXPECT_MAPPED(RANGE_C, RANGE_SIZE);
}

static void test_rewrite_base(void)
{
	mtrr_set(2, RANGE_A, RANGE_SIZE, TYPE_UC);
	touch_all();
	guest_wrmsr(MTRR_BASE(2), RANGE_B | TYPE_UC);
	EXPECT_UNMAPPED(RANGE_A, RANGE_SIZE);
	EXPECT_UNMAPPED(RANGE_B, RANGE_SIZE);
	EXPECT_MAPPED(RANGE_C, RANGE_SIZE);

	guest_wrmsr(MTRR_BASE(2), RANGE_B | TYPE_WT);
	EXPECT_MAPPED(RANGE_A, RANGE_SIZE);
	EXPECT_UNMAPPED(RANGE_B, RANGE_SIZE);
	EXPECT_MAPPED(RANGE_C, RANGE_SIZE);
}

static void test_rewrite_base_userspace(void)
{
	vcpu_set_msr(vcpu, MTRR_MASK(2), mask_of(RANGE_SIZE));
	vcpu_set_msr(vcpu, MTRR_BASE(2), RANGE_A | TYPE_UC);
	touch_all();
	vcpu_set_msr(vcpu, MTRR_BASE(2), RANGE_B | TYPE_UC);
	EXPECT_UNMAPPED(RANGE_A, RANGE_SIZE);
	EXPECT_UNMAPPED(RANGE_B, RANGE_SIZE);
	EXPECT_MAPPED(RANGE_C, RANGE_SIZE);
}

/* The type of the first half stays, i.e. it may be unmapped or not. */
static void test_rewrite_mask(void)
{
	mtrr_set(2, RANGE_A, RANGE_SIZE, TYPE_UC);
	touch_all();
	guest_wrmsr(MTRR_MASK(2), mask_of(RANGE_SIZE / 2));
	EXPECT_UNMAPPED(RANGE_A + RANGE_SIZE / 2, RANGE_SIZE / 2);
	EXPECT_MAPPED(RANGE_B, RANGE_SIZE);

	touch_all();
	guest_wrmsr(MTRR_MASK(2), mask_of(RANGE_SIZE));
	EXPECT_UNMAPPED(RANGE_A + RANGE_SIZE / 2, RANGE_SIZE / 2);
	EXPECT_MAPPED(RANGE_B, RANGE_SIZE);
}

/* A mask that ignores the bit in which A and B differ covers both of them. */
static void test_mask_with_hole(void)
{
	uint64_t mask = mask_of(RANGE_SIZE) & ~(RANGE_A ^ RANGE_B);

	guest_wrmsr(MTRR_BASE(2), RANGE_B | TYPE_UC);
	guest_wrmsr(MTRR_MASK(2), mask);
	EXPECT_UNMAPPED(RANGE_A, RANGE_SIZE);
	EXPECT_UNMAPPED(RANGE_B, RANGE_SIZE);
	EXPECT_MAPPED(RANGE_C, RANGE_SIZE);
}

static const struct {
	const char *name;
	void (*run)(void);
	bool warns;
} tests[] = {
	{ "MASK never written", test_mask_never_written, true },
	{ "MASK never written, KVM_SET_MSRS", test_mask_never_written_userspace, true },
	{ "invalid MTRR", test_invalid },
	{ "invalid MTRR becomes valid", test_becomes_valid },
	{ "valid MTRR becomes invalid", test_becomes_invalid },
	{ "BASE of valid MTRR is rewritten", test_rewrite_base },
	{ "BASE of valid MTRR is rewritten, KVM_SET_MSRS", test_rewrite_base_userspace },
	{ "MASK of valid MTRR is rewritten", test_rewrite_mask },
	{ "MASK with a hole", test_mask_with_hole },
};

static void create_vm(void)
{
	vm = vm_create_with_one_vcpu(&vcpu, guest_code);
	maxphyaddr_mask = GENMASK_ULL(vm->pa_bits - 1, 12);

	vm_userspace_mem_region_add(vm, VM_MEM_SRC_ANONYMOUS, MEM_GPA, MEM_SLOT,
				    MEM_SIZE / getpagesize(), 0);
	virt_map_level(vm, MEM_GPA, MEM_GPA, MEM_SIZE, PG_LEVEL_2M);
}

static void run_test(int i)
{
	if (tests[i].warns && !can_see_warnings()) {
		ksft_test_result_skip("%s: needs a kernel that hasn't warned yet, or debugfs\n",
				      tests[i].name);
		return;
	}

	failed = false;
	touch_all();
	tests[i].run();
	mtrr_clear(2);
	ksft_test_result(!failed, "%s\n", tests[i].name);
}

int main(int argc, char *argv[])
{
	struct noncoherent_dma *dma;
	int i;

	setbuf(stdout, NULL);

	TEST_REQUIRE(kvm_is_tdp_enabled());

	kmsg_fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK);
	__TEST_REQUIRE(kmsg_fd >= 0, "needs permission to read /dev/kmsg");
	TEST_ASSERT(lseek(kmsg_fd, 0, SEEK_END) >= 0, "Failed to seek in /dev/kmsg");

	dma = noncoherent_dma_open();
	create_vm();
	noncoherent_dma_start(dma, vm);

	ksft_print_header();
	ksft_set_plan(ARRAY_SIZE(tests));
	if (!is_intel_cpu())
		ksft_print_msg("no EPT, i.e. nothing that has to be unmapped\n");

	guest_wrmsr(MTRR_DEF_TYPE, MTRR_DEF_TYPE_E | TYPE_WP);
	for (i = 0; i < ARRAY_SIZE(tests); i++)
		run_test(i);

	noncoherent_dma_stop(dma);
	kvm_vm_free(vm);
	noncoherent_dma_close(dma);

	ksft_finished();
}
