# SPDX-License-Identifier: LGPL-2.1-or-later
# what: the doorbell MSR takes bits 63:8
# file: cpu/msr.cc
# caught-by: bare svm_test
s/^    if (val_64 >> 8) {/    if (false) {/
