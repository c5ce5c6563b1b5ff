# SPDX-License-Identifier: LGPL-2.1-or-later
# what: a self IPI goes to everybody
# file: cpu/avic_decode.h
# caught-by: avic_test
s/if (shorthand == AVIC_SHORTHAND_SELF)/if (false)/
