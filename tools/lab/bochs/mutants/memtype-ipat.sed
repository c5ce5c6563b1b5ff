# SPDX-License-Identifier: LGPL-2.1-or-later
# what: EPT's "ignore PAT" is ignored
# file: cpu/memtype.h
# caught-by: memtype_test
s/(leaf & 0x40) ? type : //
