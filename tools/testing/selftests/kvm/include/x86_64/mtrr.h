/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What tests of MTRRs have in common.
 */
#ifndef SELFTEST_KVM_MTRR_H
#define SELFTEST_KVM_MTRR_H

#include "kvm_util.h"
#include "test_util.h"

#define MTRR_BASE(n)		(0x200 + 2 * (n))
#define MTRR_MASK(n)		(0x201 + 2 * (n))
#define MTRR_MASK_VALID		BIT_ULL(11)
#define MTRR_DEF_TYPE		0x2ff
#define MTRR_DEF_TYPE_E		BIT_ULL(11)
#define MTRR_DEF_TYPE_FE	BIT_ULL(10)
#define TYPE_UC			0
#define TYPE_WC			1
#define TYPE_WT			4
#define TYPE_WP			5
#define TYPE_WB			6

/* Report all mismatches in "failed", there's no need to stop at the first one. */
#define EXPECT(e, fmt, ...)						\
do {									\
	if (!(e)) {							\
		ksft_print_msg("%s:%d: " fmt "\n", __func__, __LINE__,	\
			       ##__VA_ARGS__);				\
		failed = true;						\
	}								\
} while (0)

/*
 * In a guest: the memory type of a read at @gva, as the CPU's TLB has it.  No
 * CPU tells, but the emulated one of this series' lab does, by means of a NOP.
 * Negative if there is nobody to answer.
 */
static inline int effective_memory_type(uint64_t gva)
{
	const uint64_t query = 0x3f657079746d656dull;
	uint64_t rax = query;

	/* nopl (%rdi), encoded as 0F 1D /0 */
	asm volatile(".byte 0x0f, 0x1d, 0x07" : "+a"(rax) : "D"(gva) : "memory");
	return rax == query ? -1 : (int)rax;
}

/* Run the guest, until it says by GUEST_SYNC() that it has done @op. */
static inline void vcpu_run_op(struct kvm_vcpu *vcpu, uint64_t op)
{
	struct ucall uc;

	vcpu_run(vcpu);

	switch (get_ucall(vcpu, &uc)) {
	case UCALL_SYNC:
		ASSERT_EQ(uc.args[1], op);
		break;
	case UCALL_ABORT:
		REPORT_GUEST_ASSERT(uc);
	default:
		TEST_FAIL("Unexpected exit, reason %u", vcpu->run->exit_reason);
	}
}

/* A thread: run the guest of vCPU @arg until it's done. */
static inline void *vcpu_run_to_done(void *arg)
{
	struct kvm_vcpu *vcpu = arg;
	struct ucall uc;

	vcpu_run(vcpu);
	TEST_ASSERT(get_ucall(vcpu, &uc) == UCALL_DONE,
		    "Unexpected exit, reason %u", vcpu->run->exit_reason);
	return NULL;
}

#endif /* SELFTEST_KVM_MTRR_H */
