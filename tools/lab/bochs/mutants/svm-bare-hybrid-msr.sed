# SPDX-License-Identifier: LGPL-2.1-or-later
# what: x2APIC MSRs reach the backing page without x2AVIC
# file: cpu/msr.cc
# caught-by: bare svm_test
s/vmcb->ctrls.x2avic) {/vmcb->ctrls.avic) {/
