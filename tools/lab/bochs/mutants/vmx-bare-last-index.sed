# SPDX-License-Identifier: LGPL-2.1-or-later
# what: an entry beyond the last index is used
# file: cpu/vapic.cc
# caught-by: bare vmx_test
/^  if (dest > vm->last_pid_pointer_index) return false;/d
