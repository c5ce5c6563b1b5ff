# SPDX-License-Identifier: LGPL-2.1-or-later
# what: after an exception the RIP of the handler is not committed
# file: main.cc
# caught-by: bare svm_test
/^          BX_CPU(processor)->prev_rip = /d
