# SPDX-License-Identifier: LGPL-2.1-or-later
# what: PAUSE does not end the trace
# file: cpu/proc_ctrl.cc
# caught-by: bare svm_test
/::PAUSE(/,/^}/s/BX_NEXT_TRACE/BX_NEXT_INSTR/
