# SPDX-License-Identifier: LGPL-2.1-or-later
# what: the query reads nothing
# file: cpu/proc_ctrl.cc
# caught-by: bare vmx_test
/BX_MEMTYPE_QUERY) {/,/RAX =/s/^    read_virtual_byte(.*//
