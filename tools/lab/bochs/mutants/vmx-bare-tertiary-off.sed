# SPDX-License-Identifier: LGPL-2.1-or-later
# what: the tertiary controls count without the activation bit
# file: cpu/vmx.cc
# caught-by: bare vmx_test
s/ACTIVATE_TERTIARY_CONTROLS()/get()/
