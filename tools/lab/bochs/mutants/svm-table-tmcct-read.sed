# SPDX-License-Identifier: LGPL-2.1-or-later
# what: the current count of the timer is read from the page
# file: cpu/avic_decode.h
# caught-by: avic_test
s/{ 0x390, 0x390, AVIC_FAULT, AVIC_FAULT,/{ 0x390, 0x390, AVIC_ALLOW, AVIC_FAULT,/
