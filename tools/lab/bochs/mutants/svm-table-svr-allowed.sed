# SPDX-License-Identifier: LGPL-2.1-or-later
# what: a write of the SVR does not trap
# file: cpu/avic_decode.h
# caught-by: avic_test
s/{ 0x0f0, 0x0f0, AVIC_ALLOW, AVIC_TRAP, /{ 0x0f0, 0x0f0, AVIC_ALLOW, AVIC_ALLOW,/
