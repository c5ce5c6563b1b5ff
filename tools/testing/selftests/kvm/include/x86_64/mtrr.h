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
#define TYPE_UC			0
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

#endif /* SELFTEST_KVM_MTRR_H */
