// SPDX-License-Identifier: GPL-2.0-only
/*
 * Test that mappings of guest memory don't outlive what decided about their
 * memory type: non-coherent DMA, CR0.CD and MTRRs.
 *
 * With non-coherent DMA and EPT, the memory type in a SPTE is the one that the
 * vCPU wishes for when the SPTE is installed.  Without non-coherent DMA the type
 * is WB, and the guest's PAT is ignored.  What is unmapped is observed by
 * touching memory again and counting the faults that KVM fixes, and the types
 * by tracing the SPTEs that KVM installs.
 *
 * What has the right type had better stay mapped: a vCPU that programs what other
 * vCPUs have programmed before unmaps nothing.
 *
 * With NPT there are no types, and nothing may ever be unmapped.
 *
 * Not covered: the type that an access really has.
 */
#include <fcntl.h>
#include <linux/bitmap.h>
#include <linux/bitops.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kvm_util.h"
#include "mtrr.h"
#include "noncoherent_dma.h"
#include "processor.h"
#include "test_util.h"

#define MEM_SLOT		10
#define MEM_GPA			BIT_ULL(30)
#define NR_PAGES		32

#define HUGE_SLOT		11
#define HUGE_GPA		BIT_ULL(31)
#define HUGE_SIZE		BIT_ULL(21)
#define NR_HUGE_PAGES		(HUGE_SIZE / 4096)

#define SPTE_PRESENT		BIT_ULL(11)
#define SPTE_IPAT		BIT_ULL(6)
#define SPTE_TYPE(spte)		(((spte) >> 3) & 7)

#define TRACING			"/sys/kernel/tracing/"
#define TRACE_EVENT		TRACING "events/kvmmmu/kvm_mmu_set_spte/enable"

#define NR_VCPUS		4
#define NR_ROUNDS		6

/* What the MTRRs of vCPUs that run concurrently are about: all of MEM, at least. */
#define MANY_SIZE		BIT_ULL(27)

enum guest_op {
	OP_NOP,
	OP_TOUCH,
	OP_SET_CD,
	OP_CLEAR_CD,
	OP_WRMSR,
	OP_TOUCH_HUGE,
	OP_DIRTY_HUGE,
};

static struct guest_cmd {
	enum guest_op op;
	uint32_t msr;
	uint64_t val;
	int first;
	int last;
} cmd;

static struct noncoherent_dma *dma;
static struct kvm_vcpu *vcpu;
static struct kvm_vm *vm;
static bool tdp_mmu;
static bool failed;

static void guest_set_cr0(uint64_t cr0)
{
	asm volatile("mov %0, %%cr0" : : "r"(cr0) : "memory");
}

static void guest_touch(void)
{
	int i;

	for (i = 0; i < NR_PAGES; i++)
		WRITE_ONCE(*(uint64_t *)(MEM_GPA + i * 4096ull), i);
}

/* A huge page, of which the guest's MTRRs make the upper half UC. */
static void guest_touch_huge(void)
{
	int i;

	for (i = 0; i < NR_HUGE_PAGES; i++)
		WRITE_ONCE(*(uint64_t *)(HUGE_GPA + i * 4096ull), i);
}

static void guest_dirty_huge(int first, int last)
{
	int i;

	for (i = first; i < last; i++)
		WRITE_ONCE(*(uint64_t *)(HUGE_GPA + i * 4096ull), i);
}

static void guest_code(void)
{
	struct guest_cmd c;

	for (;;) {
		/* The host has written a new command since the last exit. */
		barrier();
		c = cmd;

		switch (c.op) {
		case OP_NOP:
			/* One more page, for the sake of the page tables. */
			WRITE_ONCE(*(uint64_t *)(MEM_GPA + NR_PAGES * 4096ull), 0);
			break;
		case OP_TOUCH:
			guest_touch();
			break;
		case OP_SET_CD:
			guest_set_cr0(get_cr0() | X86_CR0_CD);
			break;
		case OP_CLEAR_CD:
			guest_set_cr0(get_cr0() & ~X86_CR0_CD);
			break;
		case OP_WRMSR:
			wrmsr(c.msr, c.val);
			break;
		case OP_TOUCH_HUGE:
			guest_touch_huge();
			break;
		case OP_DIRTY_HUGE:
			guest_dirty_huge(c.first, c.last);
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

static void guest_write_def_type(uint64_t val)
{
	guest_wrmsr(MTRR_DEF_TYPE, val);
}

/* Touch memory in the guest, and return the number of pages KVM had to map. */
static uint64_t touch(void)
{
	uint64_t before;

	/* Map whatever else the guest needs in order to touch memory. */
	run_guest(OP_NOP);

	before = vcpu_get_stat(vcpu, "pf_fixed");
	run_guest(OP_TOUCH);
	return vcpu_get_stat(vcpu, "pf_fixed") - before;
}

static void write_file(const char *path, const char *text)
{
	int fd = open_path_or_exit(path, O_WRONLY | O_TRUNC);

	test_write(fd, text, strlen(text));
	close(fd);
}

static void start_trace(void)
{
	if (!is_intel_cpu())
		return;

	write_file(TRACING "trace", "\n");
	write_file(TRACE_EVENT, "1");
}

/* Stop tracing, and get the last 4KiB SPTE of each page that has been traced. */
static void stop_trace(unsigned long long *sptes)
{
	const char *format = "gfn %llx spte %llx (%*[^)]) level %d";
	unsigned long long gfn, spte;
	char line[512], *event;
	int level;
	FILE *f;

	if (!is_intel_cpu())
		return;

	write_file(TRACE_EVENT, "0");

	f = fopen(TRACING "trace", "r");
	TEST_ASSERT(f, "Failed to open the trace");
	while (fgets(line, sizeof(line), f)) {
		event = strstr(line, "gfn ");
		if (!event || sscanf(event, format, &gfn, &spte, &level) != 3)
			continue;
		if (gfn >= MEM_GPA >> 12 && gfn < (MEM_GPA >> 12) + NR_PAGES && level == 1)
			sptes[gfn - (MEM_GPA >> 12)] = spte;
	}
	fclose(f);
}

/* The number of pages that are mapped with exactly this memory type. */
static int count_type(const unsigned long long *sptes, int type, bool ipat)
{
	int i, nr = 0;

	for (i = 0; i < NR_PAGES; i++) {
		if (!(sptes[i] & SPTE_PRESENT))
			continue;
		if (SPTE_TYPE(sptes[i]) == type && !!(sptes[i] & SPTE_IPAT) == ipat)
			nr++;
		else
			ksft_print_msg("page %d has the SPTE %#llx\n", i, sptes[i]);
	}
	return nr;
}

/*
 * Touch memory in the guest, and return how many pages are then mapped with
 * exactly this memory type.  All of it is unmapped before.
 */
static int touch_with_type(int type, bool ipat)
{
	unsigned long long sptes[NR_PAGES] = {};

	noncoherent_dma_stop(dma);
	noncoherent_dma_start(dma, vm);
	madvise(addr_gpa2hva(vm, MEM_GPA), NR_PAGES * 4096, MADV_DONTNEED);

	start_trace();
	touch();
	stop_trace(sptes);
	return count_type(sptes, type, ipat);
}

/*
 * Everything is unmapped, or nothing if there are no memory types.  Without the
 * TDP MMU, a fault may map the pages around it, too.
 */
static void expect_all_unmapped(const char *func, int line)
{
	uint64_t nr = touch(), min = NR_PAGES, max = NR_PAGES;

	if (!is_intel_cpu()) {
		min = 0;
		max = 0;
	} else if (!tdp_mmu) {
		min = NR_PAGES / 8;
	}

	if (nr >= min && nr <= max)
		return;

	ksft_print_msg("%s:%d: %lu faults, expected %lu to %lu\n", func, line, nr,
		       min, max);
	failed = true;
}

#define EXPECT_ALL_UNMAPPED()	expect_all_unmapped(__func__, __LINE__)

static uint64_t flushes;

/* The type of what is mapped now is about to change. */
static void begin_change(void)
{
	touch();
	flushes = vm_get_stat(vm, "remote_tlb_flush_requests");
	start_trace();
}

/*
 * All mappings have changed to this type, and to nothing else, or not at all if
 * there are no memory types.
 */
static void expect_changed(const char *func, int line, int type, bool ipat)
{
	unsigned long long sptes[NR_PAGES] = {};
	uint64_t nr = touch();
	int changed;

	stop_trace(sptes);
	if (!is_intel_cpu()) {
		EXPECT(!nr, "line %d: %lu faults without memory types", line, nr);
		return;
	}

	changed = count_type(sptes, type, ipat);
	EXPECT(changed == NR_PAGES, "%s:%d: %d pages have changed to type %d",
	       func, line, changed, type);
	EXPECT(vm_get_stat(vm, "remote_tlb_flush_requests") > flushes,
	       "%s:%d: TLBs have not been flushed", func, line);
}

#define EXPECT_CHANGED(type, ipat)	expect_changed(__func__, __LINE__, type, ipat)

static void test_dma_starts(void)
{
	noncoherent_dma_stop(dma);
	touch();
	noncoherent_dma_start(dma, vm);
	EXPECT_ALL_UNMAPPED();
}

static void test_dma_stops(void)
{
	touch();
	noncoherent_dma_stop(dma);
	EXPECT_ALL_UNMAPPED();
	noncoherent_dma_start(dma, vm);
}

/* All of memory is UC while MTRRs are disabled, and WB while they are enabled. */
static void test_mtrrs_enabled(void)
{
	guest_write_def_type(TYPE_WB);
	begin_change();
	guest_write_def_type(MTRR_DEF_TYPE_E | TYPE_WB);
	EXPECT_CHANGED(TYPE_WB, false);

	begin_change();
	guest_write_def_type(TYPE_WB);
	EXPECT_CHANGED(TYPE_UC, false);

	guest_write_def_type(MTRR_DEF_TYPE_E | TYPE_WB);
	touch();
}

static uint64_t touch_huge(void)
{
	run_guest(OP_TOUCH_HUGE);
	return vm_get_stat(vm, "pages_2m");
}

static void expect_huge(const char *func, int line, uint64_t want)
{
	uint64_t nr = touch_huge();

	if (nr == want)
		return;

	ksft_print_msg("%s:%d: %lu huge pages, expected %lu\n", func, line, nr, want);
	failed = true;
}

#define EXPECT_HUGE(want)	expect_huge(__func__, __LINE__, want)

static void set_half_uc(bool uc)
{
	uint64_t mask = GENMASK_ULL(vm->pa_bits - 1, 12) & ~(HUGE_SIZE / 2 - 1);

	guest_wrmsr(MTRR_BASE(0), (HUGE_GPA + HUGE_SIZE / 2) | TYPE_UC);
	guest_wrmsr(MTRR_MASK(0), uc ? mask | MTRR_MASK_VALID : 0);
}

/* A page that has two types is mapped as a whole only without non-coherent DMA. */
static void test_huge_dma(void)
{
	const uint64_t one = is_intel_cpu() ? 0 : 1;
	int i;

	set_half_uc(true);
	for (i = 0; i < 4; i++) {
		noncoherent_dma_stop(dma);
		EXPECT_HUGE(1);
		noncoherent_dma_start(dma, vm);
		EXPECT_HUGE(one);
	}
	set_half_uc(false);
	noncoherent_dma_stop(dma);
	noncoherent_dma_start(dma, vm);
	EXPECT_HUGE(1);
}

/* The vCPU faults all the time while non-coherent DMA starts and stops. */
static void *touch_huge_until(void *stop)
{
	while (!READ_ONCE(*(bool *)stop))
		run_guest(OP_TOUCH_HUGE);
	return NULL;
}

static void test_huge_dma_toggles(void)
{
	bool stop = false;
	pthread_t thread;
	int i;

	set_half_uc(true);
	pthread_create(&thread, NULL, touch_huge_until, &stop);
	for (i = 0; i < 32; i++) {
		noncoherent_dma_stop(dma);
		noncoherent_dma_start(dma, vm);
	}
	WRITE_ONCE(stop, true);
	pthread_join(thread, NULL);
	EXPECT_HUGE(is_intel_cpu() ? 0 : 1);
	set_half_uc(false);
}

static void test_type_of_mtrrs(void)
{
	EXPECT(touch_with_type(TYPE_WB, false) == NR_PAGES,
	       "not everything is WB with MTRRs enabled");
	guest_write_def_type(TYPE_WB);
	EXPECT(touch_with_type(TYPE_UC, false) == NR_PAGES,
	       "not everything is UC with MTRRs disabled");
	guest_write_def_type(MTRR_DEF_TYPE_E | TYPE_WB);
}

static void test_type_of_cd_quirk(void)
{
	run_guest(OP_SET_CD);
	EXPECT(touch_with_type(TYPE_WB, false) == NR_PAGES,
	       "not everything is WB with CR0.CD, or PAT is ignored");
	run_guest(OP_CLEAR_CD);
}

static void test_cd_no_quirk(void)
{
	vm_enable_cap(vm, KVM_CAP_DISABLE_QUIRKS2, KVM_X86_QUIRK_CD_NW_CLEARED);

	begin_change();
	run_guest(OP_SET_CD);
	EXPECT_CHANGED(TYPE_UC, true);
	begin_change();
	run_guest(OP_CLEAR_CD);
	EXPECT_CHANGED(TYPE_WB, false);

	vm_enable_cap(vm, KVM_CAP_DISABLE_QUIRKS2, 0);
}

static void test_type_of_cd_no_quirk(void)
{
	vm_enable_cap(vm, KVM_CAP_DISABLE_QUIRKS2, KVM_X86_QUIRK_CD_NW_CLEARED);

	run_guest(OP_SET_CD);
	EXPECT(touch_with_type(TYPE_UC, true) == NR_PAGES,
	       "not everything is UC with CR0.CD and no quirk");
	run_guest(OP_CLEAR_CD);

	vm_enable_cap(vm, KVM_CAP_DISABLE_QUIRKS2, 0);
}

/* Memory is made UC by an MTRR, mapped WB due to the quirk, and UC in the end. */
static void test_cd_quirk(void)
{
	uint64_t mask = GENMASK_ULL(vm->pa_bits - 1, 12) & ~(NR_PAGES * 4096ull - 1);

	guest_wrmsr(MTRR_BASE(0), MEM_GPA | TYPE_UC);
	begin_change();
	guest_wrmsr(MTRR_MASK(0), mask | MTRR_MASK_VALID);
	EXPECT_CHANGED(TYPE_UC, false);

	madvise(addr_gpa2hva(vm, MEM_GPA), NR_PAGES * 4096, MADV_DONTNEED);
	run_guest(OP_SET_CD);
	begin_change();
	run_guest(OP_CLEAR_CD);
	EXPECT_CHANGED(TYPE_UC, false);

	begin_change();
	guest_wrmsr(MTRR_MASK(0), 0);
	EXPECT_CHANGED(TYPE_WB, false);
}

/* The same MTRRs once more, as after kexec. */
static void test_same_mtrrs(void)
{
	uint64_t nr;

	touch();
	run_guest(OP_SET_CD);
	guest_write_def_type(TYPE_WB);
	guest_write_def_type(MTRR_DEF_TYPE_E | TYPE_WB);
	run_guest(OP_CLEAR_CD);
	guest_write_def_type(MTRR_DEF_TYPE_E | TYPE_WB);
	nr = touch();
	EXPECT(!nr, "%lu faults although nothing has changed", nr);
}

static void set_cd_by_userspace(struct kvm_vcpu *v, bool cd)
{
	struct kvm_sregs sregs;

	vcpu_sregs_get(v, &sregs);
	sregs.cr0 = cd ? sregs.cr0 | X86_CR0_CD : sregs.cr0 & ~X86_CR0_CD;
	vcpu_sregs_set(v, &sregs);
}

/* What VMMs do on reset, as far as memory types are concerned. */
static void reset_by_userspace(struct kvm_vcpu *v)
{
	set_cd_by_userspace(v, true);
	vcpu_set_msr(v, MTRR_DEF_TYPE, 0);
}

/* The guest reboots, and programs the same MTRRs. */
static void test_reboot(void)
{
	uint64_t nr;

	touch();
	reset_by_userspace(vcpu);
	guest_write_def_type(MTRR_DEF_TYPE_E | TYPE_WB);
	run_guest(OP_CLEAR_CD);
	nr = touch();
	EXPECT(!nr, "%lu faults although nothing has changed", nr);
}

static void test_cd_sregs(void)
{
	vm_enable_cap(vm, KVM_CAP_DISABLE_QUIRKS2, KVM_X86_QUIRK_CD_NW_CLEARED);

	begin_change();
	set_cd_by_userspace(vcpu, true);
	EXPECT_CHANGED(TYPE_UC, true);
	begin_change();
	set_cd_by_userspace(vcpu, false);
	EXPECT_CHANGED(TYPE_WB, false);

	vm_enable_cap(vm, KVM_CAP_DISABLE_QUIRKS2, 0);
}

/* The types of huge pages that are split for dirty logging change, dirty bits don't. */
static void check_dirty(const unsigned long *bmap, int first, int last)
{
	int i, wrong = 0;

	for (i = 0; i < NR_HUGE_PAGES; i++)
		wrong += test_bit(i, bmap) != (i >= first && i < last);
	EXPECT(!wrong, "%d pages are wrong in the dirty log", wrong);
}

static void guest_dirty(int first, int last)
{
	cmd.first = first;
	cmd.last = last;
	run_guest(OP_DIRTY_HUGE);
}

static void test_dirty_log(void)
{
	unsigned long *bmap = bitmap_zalloc(NR_HUGE_PAGES);

	EXPECT_HUGE(1);
	vm_mem_region_set_flags(vm, HUGE_SLOT, KVM_MEM_LOG_DIRTY_PAGES);
	guest_dirty(0, 10);
	set_half_uc(true);
	guest_dirty(10, NR_HUGE_PAGES / 2 + 10);
	set_half_uc(false);
	kvm_vm_get_dirty_log(vm, HUGE_SLOT, bmap);
	check_dirty(bmap, 0, NR_HUGE_PAGES / 2 + 10);

	guest_dirty(NR_HUGE_PAGES / 2, NR_HUGE_PAGES / 2 + 20);
	guest_write_def_type(TYPE_WB);
	guest_write_def_type(MTRR_DEF_TYPE_E | TYPE_WB);
	kvm_vm_get_dirty_log(vm, HUGE_SLOT, bmap);
	check_dirty(bmap, NR_HUGE_PAGES / 2, NR_HUGE_PAGES / 2 + 20);

	vm_mem_region_set_flags(vm, HUGE_SLOT, 0);
	free(bmap);
}

/* Half of a huge page gets another type, and gets it back. */
static void test_huge_mtrr(void)
{
	const uint64_t two_types = is_intel_cpu() ? 0 : 1;

	EXPECT_HUGE(1);
	set_half_uc(true);
	EXPECT_HUGE(two_types);
	set_half_uc(false);
	EXPECT_HUGE(1);
	set_half_uc(true);
	guest_write_def_type(MTRR_DEF_TYPE_E | TYPE_UC);
	EXPECT_HUGE(1);
	set_half_uc(false);
	guest_write_def_type(MTRR_DEF_TYPE_E | TYPE_WB);
	EXPECT_HUGE(1);
}

/* How vCPUs that run concurrently differ from what Linux does at boot. */
struct many {
	bool quirk_off;
	bool resets;
	bool dma_toggles;
};

static pthread_barrier_t round_barrier;
static const struct many *many;

static uint8_t type_of_round(int round)
{
	return round % 2 ? TYPE_WB : TYPE_UC;
}

/*
 * Program what is asked for in this round as Linux does, and touch memory all
 * along, i.e. have it mapped with types that are wrong in the end, too.
 */
static void guest_program(int round, uint64_t mask)
{
	guest_touch();
	guest_set_cr0(get_cr0() | X86_CR0_CD);
	guest_touch();
	wrmsr(MTRR_DEF_TYPE, TYPE_WB);
	wrmsr(MTRR_BASE(0), MEM_GPA | type_of_round(round));
	wrmsr(MTRR_MASK(0), mask);
	wrmsr(MTRR_DEF_TYPE, MTRR_DEF_TYPE_E | TYPE_WB);
	guest_touch();
	guest_set_cr0(get_cr0() & ~X86_CR0_CD);
	guest_touch();
}

static void guest_rounds(uint64_t mask)
{
	int round;

	for (round = 0; round < NR_ROUNDS; round++) {
		guest_program(round, mask);
		GUEST_SYNC(round);
		guest_touch();
		GUEST_SYNC(round);
	}
	GUEST_DONE();
}

static uint64_t mem_mask(struct kvm_vm *v)
{
	return (GENMASK_ULL(v->pa_bits - 1, 12) & ~(MANY_SIZE - 1)) | MTRR_MASK_VALID;
}

static void run_to_sync(struct kvm_vcpu *v, int round)
{
	struct ucall uc;

	vcpu_run(v);
	TEST_ASSERT(get_ucall(v, &uc) == UCALL_SYNC && uc.args[1] == round,
		    "Unexpected exit, reason %u", v->run->exit_reason);
}

/* All program their MTRRs, meet while the VM is put in order, and touch memory. */
static void *run_rounds(void *arg)
{
	struct kvm_vcpu *v = arg;
	int round;

	for (round = 0; round < NR_ROUNDS; round++) {
		pthread_barrier_wait(&round_barrier);
		if (many->resets)
			reset_by_userspace(v);
		run_to_sync(v, round);
		pthread_barrier_wait(&round_barrier);
		pthread_barrier_wait(&round_barrier);
		run_to_sync(v, round);
		pthread_barrier_wait(&round_barrier);
	}
	return NULL;
}

static struct kvm_vm *make_many(struct kvm_vcpu *vcpus[], int nr)
{
	struct kvm_vm *v = vm_create_with_vcpus(nr, guest_rounds, vcpus);
	int i;

	vm_userspace_mem_region_add(v, VM_MEM_SRC_ANONYMOUS, MEM_GPA, MEM_SLOT,
				    NR_PAGES, 0);
	virt_map(v, MEM_GPA, MEM_GPA, NR_PAGES);
	for (i = 0; i < nr; i++)
		vcpu_args_set(vcpus[i], 1, mem_mask(v));

	noncoherent_dma_stop(dma);
	noncoherent_dma_start(dma, v);
	return v;
}

static void free_many(struct kvm_vm *v)
{
	noncoherent_dma_stop(dma);
	noncoherent_dma_start(dma, vm);
	kvm_vm_free(v);
}

/* When all have programmed the same, that's what has to be mapped. */
static void run_round(struct kvm_vm *v, int round)
{
	unsigned long long sptes[NR_PAGES] = {};
	int i, nr;

	start_trace();
	pthread_barrier_wait(&round_barrier);
	for (i = 0; many->dma_toggles && i < 8; i++) {
		noncoherent_dma_stop(dma);
		noncoherent_dma_start(dma, v);
	}
	pthread_barrier_wait(&round_barrier);
	pthread_barrier_wait(&round_barrier);
	pthread_barrier_wait(&round_barrier);
	stop_trace(sptes);

	nr = count_type(sptes, type_of_round(round), false);
	EXPECT(nr == NR_PAGES, "%d pages are mapped with the type of round %d",
	       nr, round);
}

static void run_many(const struct many *how)
{
	struct kvm_vcpu *vcpus[NR_VCPUS];
	pthread_t threads[NR_VCPUS];
	struct kvm_vm *v;
	int i;

	many = how;
	v = make_many(vcpus, NR_VCPUS);
	if (many->quirk_off)
		vm_enable_cap(v, KVM_CAP_DISABLE_QUIRKS2, KVM_X86_QUIRK_CD_NW_CLEARED);

	pthread_barrier_init(&round_barrier, NULL, NR_VCPUS + 1);
	for (i = 0; i < NR_VCPUS; i++)
		pthread_create(&threads[i], NULL, run_rounds, vcpus[i]);
	for (i = 0; i < NR_ROUNDS; i++)
		run_round(v, i);
	for (i = 0; i < NR_VCPUS; i++)
		pthread_join(threads[i], NULL);
	pthread_barrier_destroy(&round_barrier);
	free_many(v);
}

static void test_many_vcpus(void)
{
	run_many(&(struct many) {});
}

static void test_many_vcpus_no_quirk(void)
{
	run_many(&(struct many) { .quirk_off = true });
}

static void test_many_vcpus_reset(void)
{
	run_many(&(struct many) { .resets = true });
}

static void test_many_vcpus_dma(void)
{
	run_many(&(struct many) { .dma_toggles = true });
}

/* A vCPU comes that programs what the other one has programmed before. */
static void test_hotplug(void)
{
	unsigned long long sptes[NR_PAGES] = {};
	struct kvm_vcpu *vcpus[2];
	struct kvm_vm *v;
	uint64_t before;
	int i, nr = 0;

	v = make_many(vcpus, 1);
	run_to_sync(vcpus[0], 0);

	vcpus[1] = vm_vcpu_add(v, 1, guest_rounds);
	vcpu_args_set(vcpus[1], 1, mem_mask(v));
	reset_by_userspace(vcpus[1]);
	start_trace();
	run_to_sync(vcpus[1], 0);
	stop_trace(sptes);

	for (i = 0; i < NR_PAGES; i++)
		nr += !!sptes[i];
	EXPECT(!nr, "%d mappings have changed although their type hasn't", nr);

	before = vcpu_get_stat(vcpus[0], "pf_fixed");
	run_to_sync(vcpus[0], 0);
	EXPECT(vcpu_get_stat(vcpus[0], "pf_fixed") == before,
	       "a vCPU has unmapped what another one uses");
	free_many(v);
}

static const struct {
	const char *name;
	void (*run)(void);
	bool traces;
	bool needs_huge;
} tests[] = {
	{ "non-coherent DMA starts", test_dma_starts },
	{ "non-coherent DMA stops", test_dma_stops },
	{ "huge page with two types, DMA starts and stops", test_huge_dma, .needs_huge = true },
	{ "huge page with two types, faults while DMA starts and stops",
	  test_huge_dma_toggles, .needs_huge = true },
	{ "MTRRs are enabled and disabled", test_mtrrs_enabled },
	{ "CR0.CD without the quirk", test_cd_no_quirk },
	{ "CR0.CD without the quirk, KVM_SET_SREGS", test_cd_sregs },
	{ "CR0.CD with the quirk", test_cd_quirk },
	{ "half of a huge page by MTRRs", test_huge_mtrr, .needs_huge = true },
	{ "dirty logging of what was a huge page", test_dirty_log, .needs_huge = true },
	{ "the same MTRRs again", test_same_mtrrs },
	{ "the same MTRRs after reboot", test_reboot },
	{ "type with MTRRs", test_type_of_mtrrs, true },
	{ "type with CR0.CD and the quirk", test_type_of_cd_quirk, true },
	{ "type with CR0.CD without the quirk", test_type_of_cd_no_quirk, true },
	{ "many vCPUs at once", test_many_vcpus, true },
	{ "many vCPUs at once, without the quirk", test_many_vcpus_no_quirk, true },
	{ "many vCPUs at once, reset each time", test_many_vcpus_reset, true },
	{ "many vCPUs at once, DMA starts and stops", test_many_vcpus_dma, true },
	{ "a vCPU is hot-plugged", test_hotplug, true },
};

/* Transparent huge pages are up to the host. */
static bool has_huge_page(void)
{
	bool huge;

	noncoherent_dma_stop(dma);
	huge = touch_huge();
	noncoherent_dma_start(dma, vm);
	return huge;
}

static void run_test(int i)
{
	if (tests[i].traces && !is_intel_cpu()) {
		ksft_test_result_skip("%s: there are no memory types without EPT\n",
				      tests[i].name);
		return;
	}

	if (tests[i].traces && access(TRACE_EVENT, W_OK)) {
		ksft_test_result_skip("%s: needs tracefs at " TRACING "\n",
				      tests[i].name);
		return;
	}

	if (tests[i].needs_huge && !has_huge_page()) {
		ksft_test_result_skip("%s: needs transparent huge pages\n",
				      tests[i].name);
		return;
	}

	failed = false;
	tests[i].run();
	ksft_test_result(!failed, "%s\n", tests[i].name);
}

static bool uses_tdp_mmu(void)
{
	FILE *f = fopen("/sys/module/kvm/parameters/tdp_mmu", "r");
	bool yes = f && fgetc(f) == 'Y';

	if (f)
		fclose(f);
	return yes;
}

int main(int argc, char *argv[])
{
	int i;

	setbuf(stdout, NULL);

	TEST_REQUIRE(kvm_is_tdp_enabled());
	TEST_REQUIRE(kvm_check_cap(KVM_CAP_DISABLE_QUIRKS2) &
		     KVM_X86_QUIRK_CD_NW_CLEARED);

	tdp_mmu = uses_tdp_mmu();

	dma = noncoherent_dma_open();
	vm = vm_create_with_one_vcpu(&vcpu, guest_code);
	vm_userspace_mem_region_add(vm, VM_MEM_SRC_ANONYMOUS, MEM_GPA, MEM_SLOT,
				    NR_PAGES + 1, 0);
	virt_map(vm, MEM_GPA, MEM_GPA, NR_PAGES + 1);
	vm_userspace_mem_region_add(vm, VM_MEM_SRC_ANONYMOUS_THP, HUGE_GPA, HUGE_SLOT,
				    NR_HUGE_PAGES, 0);
	virt_map(vm, HUGE_GPA, HUGE_GPA, NR_HUGE_PAGES);
	noncoherent_dma_start(dma, vm);

	ksft_print_header();
	ksft_set_plan(ARRAY_SIZE(tests));

	guest_write_def_type(MTRR_DEF_TYPE_E | TYPE_WB);
	for (i = 0; i < ARRAY_SIZE(tests); i++)
		run_test(i);

	noncoherent_dma_stop(dma);
	kvm_vm_free(vm);
	noncoherent_dma_close(dma);

	ksft_finished();
}
