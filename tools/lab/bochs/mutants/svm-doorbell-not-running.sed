# SPDX-License-Identifier: LGPL-2.1-or-later
# what: a target that does not run gets a doorbell instead of an exit
# file: cpu/avic_decode.h
# caught-by: avic_test
s/if (t->entry & AVIC_ENTRY_RUNNING)/if (true)/
